"""What a job's log holds, and how much at most."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, delete, insert, select

from framefarm.db import tables as t
from framefarm.farm import logs
from framefarm.farm.logs import job_log
from tests.integration.farm.bench import Bench


@pytest.fixture
def job(bench: Bench) -> Iterator[int]:
    yield bench.trial("1-300")
    # They are no attempts that anybody made, which the invariants would tell.
    bench.do(lambda connection: connection.execute(delete(t.faults)))


def note(connection: Connection, job: int, units: range, tail: str) -> None:
    stage = connection.execute(select(t.stages.c.id).where(t.stages.c.job_id == job)).scalar_one()
    rows = [
        {
            "stage_id": stage,
            "unit": unit,
            "attempt": 1,
            "worker_id": "w1",
            "reason": "error",
            "message": "it broke",
            "log_tail": tail,
            "final": False,
            "at": 0.0,
        }
        for unit in units
    ]
    connection.execute(insert(t.faults), rows)


@pytest.mark.parametrize("most", [1, 200])
def test_of_many_attempts_the_latest_are_told_and_that_there_were_more(
    bench: Bench, job: int, monkeypatch: pytest.MonkeyPatch, most: int
):
    monkeypatch.setattr(logs, "_SHOWN", most)
    bench.do(note, job, range(1, most + 1), "tail")

    whole = bench.do(job_log, job)
    bench.do(note, job, range(most + 1, most + 2), "tail")
    cut = bench.do(job_log, job)

    assert whole.count("it broke") == most
    assert whole.startswith("unit 1, attempt 1 on w1: error: it broke\ntail")
    assert cut.startswith("... earlier attempts that went wrong are not shown")
    assert cut.count("it broke") == most
    assert f"unit {most + 1}, attempt" in cut
    assert "unit 1, attempt" not in cut


def test_l14_long_logs_are_cut_to_what_can_be_kept_in_memory(
    bench: Bench, job: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(logs, "_MOST_CHARACTERS", 1_000)
    bench.do(note, job, range(1, 101), "x" * 300)

    told = bench.do(job_log, job)

    assert len(told) < 1_200
    assert told.endswith("x" * 300)
    assert "unit 100, attempt" in told
    assert told.startswith("... earlier attempts")


def test_l14_the_latest_attempt_is_told_however_long_it_is(
    bench: Bench, job: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(logs, "_MOST_CHARACTERS", 10)
    bench.do(note, job, range(1, 2), "x" * 300)

    assert bench.do(job_log, job).endswith("x" * 300)
