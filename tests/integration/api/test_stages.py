"""`/api/jobs/{job}/stages`: how far each step of a job is."""

from __future__ import annotations

import pytest

from framefarm.client import AsyncFarm, Farm
from tests.integration.api.manager import Manager, is_problem


def test_stages_are_listed_and_read_one_by_one(manager: Manager):
    job = manager.trial("1-4")["id"]
    with manager.worker() as worker:
        assert worker.finish(worker.lease(), facts={"seconds": 2.5}) == "accepted"
        worker.lease()
        [stage] = manager.http.get(f"/api/jobs/{job}/stages").raise_for_status().json()["stages"]

    assert (stage["job"], stage["kind"], stage["state"]) == (job, "trial", "ready")
    assert [stage[name] for name in ("total", "done", "running", "pending")] == [4, 1, 1, 2]
    assert [stage[name] for name in ("waiting", "failed", "cancelled")] == [0, 0, 0]
    assert (stage["progress"], stage["seconds"]) == (0.25, 2.5)
    assert stage["estimate"]["low_s"] <= stage["estimate"]["likely_s"]
    one = manager.http.get(f"/api/jobs/{job}/stages/trial").raise_for_status().json()
    assert one.keys() == stage.keys()
    assert (one["id"], one["done"]) == (stage["id"], 1)
    assert manager.job(job)["stages"][0].keys() == stage.keys()


async def test_both_clients_read_them(manager: Manager):
    job = manager.trial("1-4")["id"]

    with Farm(manager.server.url) as farm:
        [stage] = farm.stages(job)
        assert farm.stage(job, "trial") == stage
    async with AsyncFarm(manager.server.url) as waiting:
        assert await waiting.stages(job) == (stage,)

    assert (stage.job, stage.pending, stage.progress, stage.priority) == (job, 4, 0.0, 50)


def test_what_is_not_there_is_told_with_what_is(manager: Manager):
    job = manager.trial("1-4")["id"]

    told = is_problem(manager.http.get(f"/api/jobs/{job}/stages/movie"), 404, "no_such_stage")
    assert told["detail"] == f"Job {job} has no stage 'movie'; it has: trial."
    for path in ("/api/jobs/999999/stages", "/api/jobs/999999/stages/trial"):
        is_problem(manager.http.get(path), 404, "no_such_job")


@pytest.mark.parametrize("path", ["stages?kind=trial", "stages/trial?job=1"])
def test_a_query_that_filters_nothing_is_refused(manager: Manager, path: str):
    job = manager.trial("1-4")["id"]

    is_problem(manager.http.get(f"/api/jobs/{job}/{path}"), 422, "bad_query")


@pytest.mark.parametrize(
    ("kind", "code"), [("x" * 21, "invalid_request"), ("%00", "invalid_request")]
)
def test_what_is_no_kind_is_refused(manager: Manager, kind: str, code: str):
    job = manager.trial("1-4")["id"]

    is_problem(manager.http.get(f"/api/jobs/{job}/stages/{kind}"), 422, code)


def test_a_stage_that_got_another_priority_changes_the_tag_of_its_job(manager: Manager):
    job = manager.trial("1-4")["id"]
    path = f"/api/jobs/{job}"
    seen = {"If-Match": manager.http.get(path).headers["etag"]}
    body = {"priority": 70, "kind": "trial"}
    manager.http.post(f"{path}/priority", json=body).raise_for_status()

    is_problem(manager.http.post(f"{path}/pause", headers=seen), 412, "changed")

    assert manager.job(job)["state"] == "queued"
