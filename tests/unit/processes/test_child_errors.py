from __future__ import annotations

import pytest

from framefarm.processes.errors import ChildCrashedError, ChildRefusedError, ChildStalledError


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (11, "exit code 11"),
        (-11, "SIGSEGV"),
        (-9, "out of memory?"),
        (-200, "signal 200"),
        (None, "connection closed"),
    ],
)
def test_a_crash_says_how_it_ended(exit_code: int | None, words: str) -> None:
    error = ChildCrashedError("Blender", "rendering frame 3", exit_code=exit_code)
    assert words in str(error)
    assert "rendering frame 3" in str(error)


def test_what_may_work_elsewhere_is_retryable_and_a_refusal_is_not() -> None:
    assert ChildCrashedError("Blender", "x", exit_code=1).retryable
    assert ChildStalledError("Blender", "x", stall_s=1).retryable
    assert not ChildRefusedError("no_camera", "no camera").retryable
