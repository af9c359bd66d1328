"""The manager makes units anew a piece at a time, also those that it was killed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from framefarm.core.plans import plan_trial
from framefarm.core.spans import Spans
from framefarm.core.states import JobState, StageState
from framefarm.db import tables as t
from framefarm.farm.duties import report_faults
from framefarm.farm.new_jobs import PlannedJob, PlannedStage
from framefarm.farm.redoing import retry
from framefarm.farm.service import Farm
from framefarm.farm.settings import ManagerSettings

UNITS = 1_200
TIMEOUT_S = 30.0


def make(folder: Path) -> Farm:
    return Farm(ManagerSettings(folder, low_water_bytes=0))


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Farm]:
    made = make(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def done_job(farm: Farm) -> int:
    """More results than one write takes back."""
    plan = plan_trial(Spans.of(1, UNITS))
    stages = (PlannedStage(plan.stages[0], settings={}),)
    view, _ = await farm.jobs.submit(PlannedJob(name="", kind="trial", stages=stages, settings={}))
    stage_id = view.stages[0].id

    def finish(connection: Connection) -> None:
        every = {"stage_id": stage_id, "lease_id": "0", "attempt": 1, "worker_id": "w"}
        facts = {"answer": "accepted", "finished_at": 0, "seconds": 1, "peak_memory_bytes": 1}
        more = {"device": "", "blender": "", "facts": ""}
        rows = [{"unit": unit, **every, **facts, **more} for unit in range(1, UNITS + 1)]
        connection.execute(insert(t.results), rows)
        connection.execute(delete(t.spans))
        counters = {"done": UNITS, "seconds": UNITS, "pending": 0, "highest_attempt": 1}
        connection.execute(
            update(t.stages).values(**counters, claimable=False, state=StageState.DONE)
        )
        connection.execute(update(t.jobs).values(state=JobState.DONE, finished_at=1))

    await farm.writer.write(finish)
    assert await report_faults(farm) == []
    return view.id


async def test_a_retry_is_answered_when_all_is_taken_back(farm: Farm):
    job = await done_job(farm)

    view = await farm.jobs.retry(job, frames=None, everything=True)

    assert view.stages[0].done == 0
    assert await report_faults(farm) == []


async def test_a_manager_that_ended_before_all_was_taken_back_goes_on_when_it_starts(
    tmp_path: Path,
):
    farm = make(tmp_path)
    await farm.start()
    job = await done_job(farm)
    work = partial(retry, catalog=farm.catalog, job_id=job, everything=True)
    await farm.writer.write(work)
    assert (await farm.jobs.view(job)).stages[0].done > 0
    await farm.stop()

    again = make(tmp_path)
    await again.start()
    try:
        await asyncio.wait_for(again.nothing_to_redo.wait(), TIMEOUT_S)
        assert (await again.jobs.view(job)).stages[0].done == 0
        assert await again.read(lambda c: c.execute(select(t.redoing)).all()) == []
        assert await report_faults(again) == []
    finally:
        await again.stop()
