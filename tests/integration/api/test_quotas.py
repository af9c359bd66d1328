"""What a person's jobs may take, as admins set it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.manager import Manager, is_problem


def set_quota(manager: Manager, name: str, **quota: int | None) -> dict[str, Any]:
    answer = manager.http.patch(f"/api/users/{name}", json={"quota": quota})
    return dict(answer.raise_for_status().json()["quota"])


def submit(manager: Manager, units: str, **changes: Any) -> Any:
    job = {"kind": "trial", "settings": {"units": units, "largest_lease": 1}, **changes}
    return manager.http.post("/api/jobs", json=job)


@pytest.fixture
def ann(manager: Manager) -> str:
    manager.http.post("/api/users", json={"name": "ann"}).raise_for_status()
    return "ann"


def test_a_quota_is_set_piece_by_piece_and_lifted(manager: Manager, ann: str):
    none = {"jobs": None, "frames": None, "slots": None, "bytes": None}
    assert set_quota(manager, ann, jobs=3) == {**none, "jobs": 3}
    assert set_quota(manager, ann, slots=2) == {**none, "jobs": 3, "slots": 2}
    assert set_quota(manager, ann, jobs=None, bytes=7) == {**none, "slots": 2, "bytes": 7}


@pytest.mark.parametrize(
    "wrong", [{"jobs": -1}, {"slots": 0}, {"frames": "all"}, {"cats": 1}, {"bytes": -1}]
)
def test_a_quota_that_is_none_is_refused(manager: Manager, ann: str, wrong: dict[str, Any]):
    answer = manager.http.patch(f"/api/users/{ann}", json={"quota": wrong})

    assert is_problem(answer, 422, "invalid_request")


def test_more_jobs_than_the_quota_are_refused_until_one_ends(manager: Manager, ann: str):
    set_quota(manager, ann, jobs=1)
    first = manager.trial("1-3", owner=ann)

    told = is_problem(submit(manager, "1", owner=ann), 403, "quota_exceeded")

    assert "ann may have 1 job that is open and has 1" in told["detail"]
    assert "0 more are possible, 1 is asked for" in told["detail"]
    assert len(manager.http.get("/api/jobs").json()["jobs"]) == 1
    manager.http.post(f"/api/jobs/{first['id']}/cancel").raise_for_status()
    second = manager.trial("1-3", owner=ann)
    again = manager.http.post(f"/api/jobs/{first['id']}/retry")
    assert is_problem(again, 403, "quota_exceeded")
    assert manager.job(first["id"])["state"] == "cancelled"
    assert manager.job(second["id"])["state"] == "queued"


def test_more_frames_than_the_quota_are_refused_with_what_is_left(manager: Manager, ann: str):
    set_quota(manager, ann, frames=10)
    manager.trial("1-7", owner=ann)

    told = is_problem(submit(manager, "1-4", owner=ann), 403, "quota_exceeded")

    assert "3 more are possible, 4 are asked for" in told["detail"]
    assert submit(manager, "1-3", owner=ann).status_code == 201


def test_the_quota_of_one_binds_nobody_else(manager: Manager, ann: str):
    set_quota(manager, ann, jobs=0, frames=0)

    assert submit(manager, "1-3", owner="bob").status_code == 201
    assert submit(manager, "1-3").status_code == 201


def test_the_same_job_sent_twice_is_found_though_the_quota_is_used_up(manager: Manager, ann: str):
    set_quota(manager, ann, jobs=1)
    job = {"owner": ann, "fingerprint": "f" * 64}

    assert submit(manager, "1-3", **job).status_code == 201
    assert submit(manager, "1-3", **job).status_code == 200


def test_slots_beyond_the_quota_wait_until_it_is_raised(manager: Manager, ann: str):
    set_quota(manager, ann, slots=1)
    job = manager.trial("1-9", owner=ann)
    with manager.worker(name="first") as first, manager.worker(name="second") as second:
        first.lease()
        second.say({"type": "ready", "slot": "cpu"})
        answer = manager.http.get(f"/api/jobs/{job['id']}/why").json()["answer"]

        set_quota(manager, ann, slots=2)
        assert second.hear("lease")

    assert "ann has 1 of the 1 slots that ann's jobs may have at a time" in answer
    assert "framefarm users quota ann --slots N" in answer


def test_a_slot_beyond_the_quota_is_served_when_another_of_the_owner_ends(
    manager: Manager, ann: str
):
    set_quota(manager, ann, slots=1)
    manager.trial("1-9", owner=ann)
    with manager.worker(name="first") as first, manager.worker(name="second") as second:
        lease = first.lease()
        second.say({"type": "ready", "slot": "cpu"})

        first.finish(lease)

        assert second.hear("lease")
