"""What is made anew of a large job is taken back a few results at a time, and remembered (L4)."""

from __future__ import annotations

import subprocess
import sys

from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.figures import count_up, read_figures
from framefarm.farm.redo_wishes import end_wish
from framefarm.farm.redoing import Redone, redo_some, retry
from framefarm.farm.reviving import plan_revival
from framefarm.protocol.messages import UnitFacts
from tests.integration.farm.bench import Bench

KILLED_IN_THE_MIDDLE = """
import os, sys
from pathlib import Path
from sqlalchemy import event
from framefarm.db import open_engine, sqlite_url
from framefarm.farm.catalog import Catalog
from framefarm.farm.redoing import redo_some

engine = open_engine(sqlite_url(Path(sys.argv[1])))

@event.listens_for(engine, "after_cursor_execute")
def die(conn, cursor, statement, *_):
    if statement.startswith("DELETE FROM results"):
        os._exit(9)

with engine.begin() as connection:
    redo_some(connection, Catalog(), 2)
"""


def done_units(bench: Bench, job: int, position: int = 0) -> list[int]:
    stage = bench.stage(job, position).id
    return [row.unit for row in bench.rows(t.results, t.results.c.stage_id == stage)]


def begin(bench: Bench, job: int, **asked: object) -> None:
    """Do the first piece, of two results."""
    bench.do(retry, bench.catalog, job, most=2, **asked)


def go_on(bench: Bench) -> Redone | None:
    return bench.do(redo_some, bench.catalog, 2)


def finish_redoing(bench: Bench) -> None:
    while (redone := go_on(bench)) is not None:
        bench.check()
        if redone.figures_of is not None:
            assert bench.do(count_up, bench.do(read_figures, redone.figures_of.stage_id))
            bench.do(end_wish, redone.figures_of)


def worked_off(bench: Bench, frames: str = "1-6") -> int:
    job = bench.film(frames, segment=2)
    bench.work_off()
    assert bench.job(job).state == "done"
    return job


def test_each_write_takes_back_a_few_results_and_leaves_all_in_order(bench: Bench):
    job = worked_off(bench)

    begin(bench, job, everything=True)

    assert [done_units(bench, job, at) for at in range(3)] == [[3, 4, 5, 6], [1, 2], []]
    bench.check()
    finish_redoing(bench)
    assert [done_units(bench, job, at) for at in range(3)] == [[], [], []]
    assert [(row.first, row.last, row.attempt) for row in bench.rows(t.spans)] == [(1, 6, 2)]
    assert {lease.attempt for lease in bench.work_off()} == {2}
    assert bench.job(job).state == "done"


def test_a_manager_that_is_killed_in_between_goes_on_with_what_is_left(bench: Bench):
    job = worked_off(bench)
    begin(bench, job, everything=True)

    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(bench.path)]
    assert subprocess.run(command, check=False).returncode == 9

    assert done_units(bench, job) == [3, 4, 5, 6], "nothing of the piece that it was killed in"
    bench.check()
    finish_redoing(bench)
    assert done_units(bench, job) == []
    assert bench.rows(t.redoing) == []
    assert {lease.attempt for lease in bench.work_off()} == {2}


def test_what_is_being_worked_on_is_taken_back_first(bench: Bench):
    job = bench.trial("1-9")
    for _ in range(8):
        bench.finish(bench.take())
    at_work = bench.take()

    news = bench.do(retry, bench.catalog, job, everything=True, most=2)

    assert [lost.lease_id for lost in news.lost] == [at_work.lease_id]
    assert done_units(bench, job) == [3, 4, 5, 6, 7, 8]
    assert bench.finish(at_work) == "gone"


def test_units_lent_between_two_pieces_are_not_lent_with_a_number_they_had(bench: Bench):
    job = bench.trial("1-6")
    bench.work_off()
    begin(bench, job, everything=True)
    again = bench.take()
    bench.fail(again)

    finish_redoing(bench)

    attempts = {lease.units.first: lease.attempt for lease in bench.work_off("w2")}
    assert (again.units.first, again.attempt) == (1, 2)
    assert attempts == {1: 3, 2: 2, 3: 3, 4: 3, 5: 3, 6: 3}
    bench.check()


def test_a_job_cancelled_in_between_keeps_what_was_not_taken_back(bench: Bench):
    job = worked_off(bench)
    begin(bench, job, everything=True)

    bench.cancel(job)
    finish_redoing(bench)

    assert done_units(bench, job) == [3, 4, 5, 6]
    bench.retry(job)
    bench.work_off()
    assert bench.job(job).state == "done"


def test_a_job_deleted_in_between_leaves_no_wish(bench: Bench):
    job = worked_off(bench)
    begin(bench, job, everything=True)

    bench.delete(job)

    assert go_on(bench) is None


def test_a_job_done_in_between_is_put_back_to_work_for_the_rest(bench: Bench):
    job = bench.trial("1-6")
    bench.work_off()
    begin(bench, job, everything=True)
    bench.work_off()
    assert bench.job(job).state == "done"

    finish_redoing(bench)

    assert bench.job(job).state == "queued"
    assert done_units(bench, job) == [1, 2]


def test_what_fails_anew_in_between_is_not_retried_by_the_same_command(bench: Bench):
    job = bench.trial("1-4")
    for _ in range(4):
        bench.fail(bench.take(), reason="refused")
    begin(bench, job)
    assert bench.stage(job).failed == 2
    bench.fail(bench.take(), reason="refused")

    finish_redoing(bench)

    assert (bench.stage(job).failed, bench.stage(job).pending) == (1, 3)


def test_what_is_asked_for_in_between_is_made_anew_as_well(bench: Bench):
    job = bench.trial("1-9")
    bench.work_off()
    begin(bench, job, frames=Spans.of(1, 5))

    begin(bench, job, frames=Spans.of(8, 8))
    finish_redoing(bench)

    assert done_units(bench, job) == [6, 7, 9]


# --- figures ------------------------------------------------------------------------------------


def timed(bench: Bench, *seconds: float) -> int:
    job = bench.trial(f"1-{len(seconds)}")
    for took_s in seconds:
        facts = UnitFacts(seconds=took_s, peak_memory_bytes=int(took_s))
        bench.finish(bench.take(), facts=facts)
    return job


def test_the_slowest_is_found_again_whatever_is_finished_meanwhile(bench: Bench):
    job = timed(bench, 9.0, 1.0, 5.0)
    begin(bench, job, frames=Spans.of(1, 1))
    read = bench.do(read_figures, bench.stage(job).id)
    facts = UnitFacts(seconds=2.0, peak_memory_bytes=7)
    bench.finish(bench.take(), facts=facts)

    assert bench.do(count_up, read)

    row = bench.stage(job)
    assert (row.slowest_unit, row.slowest_s, row.peak_memory_bytes) == (3, 5.0, 7)


def test_figures_of_a_result_that_has_gone_meanwhile_are_read_again(bench: Bench):
    job = timed(bench, 9.0, 1.0, 5.0)
    begin(bench, job, frames=Spans.of(1, 1))
    read = bench.do(read_figures, bench.stage(job).id)
    begin(bench, job, frames=Spans.of(3, 3))

    assert not bench.do(count_up, read)
    finish_redoing(bench)

    assert (bench.stage(job).slowest_unit, bench.stage(job).slowest_s) == (2, 1.0)


# --- cancelled jobs -----------------------------------------------------------------------------


def test_what_was_read_of_a_cancelled_job_counts_only_until_it_is_cancelled_again(bench: Bench):
    job = bench.trial("1-3")
    bench.cancel(job)
    old = bench.do(plan_revival, bench.catalog, job)
    bench.retry(job)
    bench.finish(bench.take())
    bench.cancel(job)

    bench.do(retry, bench.catalog, job, revival=old)

    assert (bench.stage(job).pending, bench.stage(job).done) == (2, 1)
    bench.check()
