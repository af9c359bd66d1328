from __future__ import annotations

from framefarm.cli.display.board import Board
from framefarm.client.events import EndEvent, JobEvent, ProgressEvent, UnitEvent
from framefarm.client.views import JobView, Stage
from tests.unit.cli.jobs import finished, job, progress, running


def board_of(*events) -> Board:
    board = Board()
    for at, event in enumerate(events):
        board.apply(event, float(at))
    return board


def test_units_count_until_the_manager_counts_anew():
    board = board_of(running(10), finished(11), finished(12))
    assert board.finished == 12

    board.apply(running(12), 9.0)
    assert board.finished == 12


def test_a_frame_in_work_counts_by_its_samples():
    board = board_of(running(12), progress(13, 64))

    assert board.share == (12 + 0.5) / 48


def test_more_samples_than_announced_are_no_more_than_a_frame():
    assert board_of(running(0), progress(1, 300)).share == 1 / 48


def test_a_finished_frame_leaves_its_slot_and_is_the_last():
    board = board_of(running(0), progress(1, 64), finished(1))

    assert board.in_work() == []
    assert board.last is not None
    assert board.last.unit == 1
    assert board.since == {}


def test_a_failed_frame_leaves_its_slot_but_is_not_finished():
    board = board_of(running(3), progress(4, 5), UnitEvent("render", 4, "failed", message="no"))

    assert board.in_work() == []
    assert board.finished == 3
    assert board.last is None


def test_movie_segments_are_no_frames_and_come_last():
    segment = ProgressEvent("movie", 0, worker="a", slot="media", done=3, total=48)
    board = board_of(running(2), segment, progress(3, 1), UnitEvent("movie", 1, "done"))

    assert [work.kind for work in board.in_work()] == ["render", "movie"]
    assert board.finished == 2


def test_a_slot_has_one_unit_in_work_and_keeps_when_it_began():
    board = board_of(running(0), progress(1, 1), progress(1, 9), progress(2, 1))

    assert [work.unit for work in board.in_work()] == [2]
    assert board.since["render", 1] == 1.0


def test_the_end_leaves_nothing_in_work():
    board = board_of(running(0), progress(1, 1), EndEvent())

    assert board.ended
    assert board.in_work() == []


def test_before_the_job_is_known_nothing_is_done():
    assert Board().share == 0.0
    assert Board().total == 0


def test_a_trial_has_units():
    trial = JobView(1, "running", kind="trial", stages=(Stage(1, "trial", "ready", total=5),))

    assert board_of(JobEvent(trial)).unit_word == "unit"
    assert board_of(JobEvent(job())).unit_word == "frame"
