from __future__ import annotations

import pytest

from framefarm.cli.embedded.giving_up import FailureWatch, NoFrameRendersError
from framefarm.client.events import UnitEvent


def trouble(unit: int, message: str = "Blender ended at once", state: str = "retry") -> UnitEvent:
    return UnitEvent("render", unit, state, message=message)


def test_three_frames_that_fail_alike_end_the_render():
    watch = FailureWatch()
    watch.look(trouble(1))
    watch.look(trouble(2))

    with pytest.raises(NoFrameRendersError, match="ended at once"):
        watch.look(trouble(3, state="failed"))


def test_numbers_in_the_reason_do_not_matter():
    watch = FailureWatch()
    watch.look(trouble(1, "crashed while rendering frame 1"))
    watch.look(trouble(2, "crashed while rendering frame 2"))

    with pytest.raises(NoFrameRendersError):
        watch.look(trouble(3, "crashed while rendering frame 3"))


def test_one_broken_frame_never_ends_it():
    watch = FailureWatch()
    for _ in range(20):
        watch.look(trouble(1))


def test_different_reasons_do_not_end_it():
    watch = FailureWatch()
    for frame, reason in enumerate(("crashed", "stalled", "crashed", "stalled", "crashed")):
        watch.look(trouble(frame, reason))


def test_after_one_success_nothing_ends_it():
    watch = FailureWatch()
    watch.look(trouble(1))
    watch.look(trouble(2))
    watch.look(UnitEvent("render", 4, "done"))
    for frame in range(10, 30):
        watch.look(trouble(frame))


def test_movie_segments_are_not_counted():
    watch = FailureWatch()
    for unit in range(9):
        watch.look(UnitEvent("movie", unit, "failed", message="no encoder"))
