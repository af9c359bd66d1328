"""A farm that people started, asked with nothing but curl."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.processes import Running, environment

PATIENCE_S = 90.0


@contextlib.contextmanager
def farm_at_work(tmp_path: Path, **settings: str) -> Iterator[str]:
    """A manager and a worker as people start them; the manager's address.

    Args:
        tmp_path: Where their home is.
        settings: More of their environment.
    """
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed here")
    env = environment(tmp_path / "home", **settings)
    manager = Running("serve", "--listen", "127.0.0.1:0", env=env)
    worker = None
    try:
        line = manager.wait_for("http://127.0.0.1:")
        url = re.search(r"http://127\.0\.0\.1:\d+", line)[0]  # type: ignore[index]
        worker = Running("worker", url, env=env)
        yield url
    finally:
        if worker is not None:
            worker.kill()
        manager.kill()


def curl(*words: str) -> str:
    program = shutil.which("curl") or "curl"
    command = [program, "--silent", "--show-error", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until_done(task: str) -> dict[str, Any]:
    """Ask for the progress as a script does, until the task is over; it never goes back."""
    deadline, before = time.monotonic() + PATIENCE_S, 0.0
    while time.monotonic() < deadline:
        progress: dict[str, Any] = json.loads(curl("--fail", f"{task}/progress"))
        assert progress["total"]["progress"] >= before
        before = progress["total"]["progress"]
        if progress["state"] not in {"queued", "running"}:
            return progress
        time.sleep(0.2)
    raise AssertionError(f"not done in time: {progress}")
