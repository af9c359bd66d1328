"""L12: work goes where its file is already, as far as priority allows."""

from __future__ import annotations

import hashlib

from framefarm.core.plans import plan_trial
from framefarm.core.spans import Spans
from framefarm.db import open_engine, sqlite_url
from framefarm.farm.new_jobs import PlannedJob, PlannedStage, store_job
from tests.integration.api.manager import Manager, Worker

FIRST, SECOND, URGENT = (hashlib.sha256(name).hexdigest() for name in (b"1", b"2", b"3"))


def job_of(manager: Manager, blend: str, units: str = "1-6", priority: int = 50) -> int:
    """A job of a file, one unit a lease, put straight into the database."""
    [stage] = plan_trial(Spans.parse(units)).stages
    planned = PlannedStage(stage, settings={}, largest_lease=1, blend_sha256=blend)
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.begin() as connection:
        made = store_job(connection, PlannedJob("job", "trial", (planned,), {}, priority=priority))
    engine.dispose()
    return made


def work(worker: Worker, units: int) -> list[int]:
    """Do some units; returns the stages they were of."""
    stages = []
    for _ in range(units):
        lease = worker.lease()
        stages.append(lease["stage"])
        assert worker.finish(lease) == "accepted"
    return stages


def test_l12_each_of_two_workers_stays_with_the_file_it_holds(manager: Manager):
    first, second = job_of(manager, FIRST), job_of(manager, SECOND)
    with (
        manager.worker(name="a") as one,
        manager.worker(name="b", boot_id="b", cached=[SECOND]) as other,
    ):
        got_one, got_other = [], []
        for _ in range(5):
            got_one += work(one, 1)
            got_other += work(other, 1)

    stages = {job: manager.job(job)["stages"][0]["id"] for job in (first, second)}
    assert set(got_one) == {stages[first]}
    assert set(got_other) == {stages[second]}


def test_l12_a_worker_stays_with_the_file_of_its_last_lease_though_an_older_job_waits(
    manager: Manager,
):
    held = job_of(manager, SECOND)
    stage = manager.job(held)["stages"][0]["id"]
    with manager.worker(name="a") as one:
        assert work(one, 1) == [stage]
        urgent = job_of(manager, URGENT, "1-2", priority=90)
        waiting = job_of(manager, FIRST, priority=50)
        urgent_stage = manager.job(urgent)["stages"][0]["id"]

        assert work(one, 4) == [urgent_stage, urgent_stage, stage, stage]
    assert manager.job(waiting)["stages"][0]["done"] == 0


def test_l12_a_file_that_a_worker_was_served_counts_as_held(manager: Manager):
    content = b"a scene"
    sha256 = manager.upload(content)
    job_of(manager, FIRST)
    served = job_of(manager, sha256)
    with manager.worker(name="a") as one:
        headers = {"Authorization": f"Bearer {one.key}"}
        answer = manager.http.get(f"/api/blobs/{sha256}", headers=headers)
        assert answer.content == content

        assert work(one, 3) == [manager.job(served)["stages"][0]["id"]] * 3


def test_a_file_that_a_person_fetched_is_not_a_workers(manager: Manager):
    sha256 = manager.upload(b"a scene")
    older = job_of(manager, FIRST)
    job_of(manager, sha256)
    with manager.worker(name="a") as one:
        assert manager.http.get(f"/api/blobs/{sha256}").status_code == 200

        assert work(one, 1) == [manager.job(older)["stages"][0]["id"]]
