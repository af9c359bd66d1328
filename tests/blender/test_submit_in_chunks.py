"""`framefarm submit` to a manager that is not this machine's: only what is new travels."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.processes import PROGRAM, environment


def submit(url: str, scene: Path, home: Path) -> tuple[dict[str, Any], str]:
    """The job, and what was said of the upload."""
    done = {}
    for words in ((), ("--json",)):
        told = subprocess.run(
            [*PROGRAM, "submit", str(scene), "--url", url, *words],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        done[words] = told
    return json.loads(done["--json",].stdout.splitlines()[0]), done[()].stderr


@pytest.mark.parametrize("compress", [(), ("--compress",)])
def test_file_that_was_saved_again_travels_in_part(
    far_manager: str, make_scene: Any, tmp_path: Path, compress: tuple[str, ...]
):
    first = make_scene("--resolution", "96x54", "--frames", "6", *compress)
    again = make_scene("--resolution", "96x54", "--frames", "7", *compress)

    _, of_all = submit(far_manager, first, tmp_path / "home")
    job, of_change = submit(far_manager, again, tmp_path / "home")

    assert job["job"]["settings"]["frames"] == "1-7"
    assert kilobytes(of_change) < 0.5 * kilobytes(of_all)


def kilobytes(said: str) -> float:
    found = re.search(r"Sent ([\d.]+) (kB|MB) for the file's", said)
    assert found is not None, said
    return float(found[1]) * (1_000 if found[2] == "MB" else 1)
