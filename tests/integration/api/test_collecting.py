"""Removing blobs that nothing needs any more (item 12), and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from framefarm.core.plans import plan_trial
from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.deleting import delete_job
from framefarm.farm.duties import collect_blobs, remove_all_leftovers, report_faults
from framefarm.farm.new_jobs import PlannedJob, PlannedStage
from framefarm.farm.service import Farm
from framefarm.farm.settings import ManagerSettings
from framefarm.storage import BlobMissingError

OLD_S = 7_200.0


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Farm]:
    made = Farm(ManagerSettings(tmp_path, low_water_bytes=0, keep_blobs_s=3_600.0))
    await made.start()
    yield made
    await made.stop()


def blob(farm: Farm, content: bytes, *, age_s: float = OLD_S) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    with farm.blobs.receive(sha256, len(content)) as incoming:
        incoming.write(content)
        incoming.check()
        incoming.keep()
    at = time.time() - age_s
    os.utime(farm.blobs.path_of(sha256), (at, at))
    return sha256


async def job(farm: Farm, blend: str = "") -> int:
    plan = plan_trial(Spans.of(1, 2))
    stages = (PlannedStage(plan.stages[0], settings={}, blend_sha256=blend),)
    planned = PlannedJob(name="job", kind="trial", stages=stages, settings={})
    view, _ = await farm.jobs.submit(planned)
    return view.id


async def test_what_nothing_names_is_removed_after_its_time(farm: Farm):
    old, young = blob(farm, b"old"), blob(farm, b"young", age_s=60.0)

    assert await collect_blobs(farm) == 1

    assert not farm.blobs.has(old)
    assert farm.blobs.has(young)
    assert list(farm.blobs.incoming.iterdir()) == []


async def test_what_a_job_or_a_result_needs_stays_until_the_job_is_deleted(farm: Farm):
    scene, frame = blob(farm, b"scene"), blob(farm, b"frame")
    number = await job(farm, blend=scene)
    [stage] = (await farm.jobs.view(number)).stages

    def store(connection) -> None:
        done = {"stage_id": stage.id, "unit": 1, "lease_id": "0", "attempt": 1, "worker_id": "w"}
        facts = {"answer": "accepted", "finished_at": 0, "seconds": 0, "peak_memory_bytes": 0}
        more = {"device": "", "blender": "", "facts": ""}
        connection.execute(insert(t.results).values(**done, **facts, **more))
        file = {"stage_id": stage.id, "unit": 1, "position": 0, "name": "a", "role": "image"}
        connection.execute(insert(t.files).values(sha256=frame, size_bytes=5, **file))
        counters = {"done": 1, "pending": 1}
        connection.execute(update(t.stages).values(**counters))

    await farm.writer.write(store)
    assert await collect_blobs(farm) == 0
    assert farm.blobs.has(scene)
    assert farm.blobs.has(frame)

    await farm.change(lambda connection: delete_job(connection, farm.catalog, number))
    await remove_all_leftovers(farm)

    assert await collect_blobs(farm) == 2


async def test_what_somebody_asked_for_lately_stays(farm: Farm):
    """Who was told that the farm has a file does not upload it, and names it in a job."""
    sha256 = blob(farm, b"scene")
    farm.blobs.touch(sha256)

    assert await collect_blobs(farm) == 0
    await job(farm, blend=sha256)
    assert farm.blobs.has(sha256)


async def test_a_job_that_comes_while_blobs_are_collected_keeps_its_file(farm: Farm):
    hashes = [blob(farm, bytes([number])) for number in range(150)]

    removed, number = await asyncio.gather(collect_blobs(farm), _touch_and_submit(farm, hashes[-1]))

    assert farm.blobs.has(hashes[-1]) == (number is not None)
    assert removed == (149 if number is not None else 150)


async def _touch_and_submit(farm: Farm, sha256: str) -> int | None:
    """As the API does; None when the file was gone already and would be uploaded."""
    try:
        farm.blobs.touch(sha256)
    except BlobMissingError:
        return None
    return await job(farm, blend=sha256)


async def test_soak_mode_reports_what_does_not_hold(farm: Farm):
    await job(farm)
    assert await report_faults(farm) == []

    await farm.writer.write(lambda c: c.execute(update(t.stages).values(pending=7)).rowcount)

    found = await report_faults(farm)
    assert any("pending is 7, counted 2" in fault for fault in found)
