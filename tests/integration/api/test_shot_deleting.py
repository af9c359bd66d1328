"""Deleting projects, sequences and shots with their jobs, also when it stops half-way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from framefarm.core.errors import FrameFarmError
from framefarm.farm import removal
from tests.integration.api.manager import Manager, is_problem, until
from tests.integration.api.shots import Farm, at_work
from tests.integration.api.test_shot_edits import KINDS, names

WITH_ALL = {"jobs": True, "outputs": True}


@pytest.fixture
def farm(manager: Manager) -> Iterator[Farm]:
    with at_work(manager) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_what_jobs_belong_to_is_deleted_with_those_that_ended(farm: Farm, kind: str):
    job = farm.render("1-2")
    ids = {each: farm.http.get(f"/api/{each}").json()[each][0]["id"] for each in KINDS}
    path = f"/api/{kind}/{ids[kind]}"

    told = is_problem(farm.http.delete(path), 409, "in_use")
    assert "1 job of it are there; with jobs=true" in told["detail"]
    running = farm.submit("1-2")
    told = is_problem(farm.http.delete(path, params={"jobs": True}), 409, "in_use")
    assert f"1 job of it did not end: {running['id']}" in told["detail"]
    assert farm.manager.job(job["id"])["state"] == "done"
    farm.http.post(f"/api/jobs/{running['id']}/cancel").raise_for_status()
    folder = farm.manager.settings.outputs / "Film"
    assert folder.exists()

    gone = farm.http.delete(path, params={"jobs": True, "outputs": True})

    assert gone.status_code == 204
    assert not folder.exists()
    is_problem(farm.http.get(f"/api/jobs/{job['id']}"), 404, "no_such_job")
    left = {each: len(names(farm.manager, each)) for each in KINDS}
    assert (
        left
        == {
            "projects": {"projects": 0, "sequences": 0, "shots": 0},
            "sequences": {"projects": 1, "sequences": 0, "shots": 0},
            "shots": {"projects": 1, "sequences": 1, "shots": 0},
        }[kind]
    )
    # What was deleted can be made anew, and begins anew.
    assert farm.submit("1")["version"] == 1


def test_projects_other_jobs_and_shots_stay(farm: Farm):
    job, other = farm.render("1"), farm.render("1", sequence="sq02")
    alone = farm.render("1", project="Other", sequence="", shot="")

    farm.http.delete(f"/api/shots/{job['shot_id']}", params={"jobs": True}).raise_for_status()

    assert farm.shown(other) == {1: "1"}
    assert farm.manager.job(alone["id"])["project"] == "Other"
    assert names(farm.manager, "sequences") == ["sq01", "sq02"]


# --- half-way -----------------------------------------------------------------------------------


@pytest.fixture
def before_each(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], None]:
    """Does something in the transaction of each job's deletion before it, which may refuse."""
    delete = removal.delete_job

    def install(act: Callable[[int], None]) -> None:
        def deleting(connection: Connection, catalog: Any, job_id: int) -> Any:
            act(job_id)
            return delete(connection, catalog, job_id)

        monkeypatch.setattr(removal, "delete_job", deleting)

    return install


class RefusedError(FrameFarmError):
    """The test would not have it."""

    code = "refused"


def three_versions(farm: Farm) -> tuple[list[int], str, Path]:
    """The jobs of a shot, where it is asked for, and the folder of its outputs."""
    jobs = [farm.render("1-2") for _ in range(3)]
    folder = farm.manager.settings.outputs / "Film" / "sq01" / "010"
    until(lambda: len(list(folder.rglob("*.png"))) == 6, "all files of all versions")
    return [job["id"] for job in jobs], f"/api/shots/{jobs[0]['shot_id']}", folder


def test_deletion_that_stops_half_way_says_what_is_left_and_goes_on(farm: Farm, before_each: Any):
    jobs, path, folder = three_versions(farm)
    refused = [jobs[1]]

    def refuse(job: int) -> None:
        if job in refused:
            raise RefusedError("The disk is gone.")

    before_each(refuse)

    told = is_problem(farm.http.delete(path, params=WITH_ALL), 409, "partly_deleted")

    assert told["detail"] == (
        f"1 job of it went, 2 did not: {jobs[1]}, {jobs[2]}. The disk is gone. "
        "The same once more deletes the rest."
    )
    left = farm.http.get(f"{path}/versions").json()["versions"]
    assert [(one["version"], one["shown"]) for one in left] == [(3, "1-2"), (2, "")]
    # What is there has its files.
    assert sorted(each.name[:4] for each in folder.iterdir()) == [f"{job:04}" for job in jobs[1:]]
    assert all(len(list(each.iterdir())) == 2 for each in folder.iterdir())

    refused.clear()
    assert farm.http.delete(path, params=WITH_ALL).status_code == 204
    assert not folder.exists()
    is_problem(farm.http.get(path), 404, "no_such_shot")


def test_first_job_that_is_refused_is_told_as_it_is(farm: Farm, before_each: Any):
    _, path, folder = three_versions(farm)

    def refuse(_: int) -> None:
        raise RefusedError("The disk is gone.")

    before_each(refuse)

    is_problem(farm.http.delete(path, params=WITH_ALL), 422, "refused")
    assert len(list(folder.iterdir())) == 3
    assert len(farm.http.get(f"{path}/versions").json()["versions"]) == 3


def test_version_that_is_put_back_to_work_meanwhile_stays(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
):
    jobs, path, folder = three_versions(farm)
    remove, last = removal.remove_job, f"/api/jobs/{jobs[2]}"

    async def remove_and_retry(at: Any, job_id: int, **asked: Any) -> None:
        await remove(at, job_id, **asked)
        if job_id == jobs[1]:
            await at.jobs.retry(jobs[2], frames=None, everything=True)

    monkeypatch.setattr(removal, "remove_job", remove_and_retry)

    told = is_problem(farm.http.delete(path, params=WITH_ALL), 409, "partly_deleted")

    assert f"2 jobs of it went, 1 did not: {jobs[2]}. 1 job of it did not end" in told["detail"]
    assert farm.http.get(last).json()["state"] in {"queued", "running"}
    assert [each.name[:4] for each in folder.iterdir()] == [f"{jobs[2]:04}"]


def test_version_that_somebody_else_deletes_meanwhile_is_no_hindrance(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
):
    jobs, path, _ = three_versions(farm)
    remove = removal.remove_job

    async def remove_and_next(at: Any, job_id: int, **asked: Any) -> None:
        await remove(at, job_id, **asked)
        if job_id == jobs[0]:
            await remove(at, jobs[1], outputs=True, check=lambda _: None)

    monkeypatch.setattr(removal, "remove_job", remove_and_next)

    assert farm.http.delete(path, params=WITH_ALL).status_code == 204
    assert names(farm.manager, "shots") == []
