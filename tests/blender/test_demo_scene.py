"""The scene that newcomers render first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "demo_scene.py"


def test_it_is_made_without_a_warning(tmp_path: Path):
    target = tmp_path / "shot.blend"

    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(target)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert target.stat().st_size > 0
    assert (done.stdout + done.stderr).strip() == 'Info: Saved as "shot.blend"'
