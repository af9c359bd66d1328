from __future__ import annotations

from pathlib import Path

from framefarm.processes.child_process import child_environment


def test_only_paths_and_gpus_are_handed_on_and_home_is_thrown_away() -> None:
    own = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "CUDA_VISIBLE_DEVICES": "1",
        "DISPLAY": ":0",
        "FRAMEFARM_KEY": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "PYTHONPATH": "/evil",
        "BLENDER_USER_SCRIPTS": "/evil",
        "LD_PRELOAD": "/evil.so",
    }
    assert child_environment(own, Path("/scratch")) == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "1",
        "DISPLAY": ":0",
        "HOME": "/scratch",
        "TMPDIR": "/scratch",
        "TEMP": "/scratch",
        "LANG": "C.UTF-8",
    }
