"""`/api/leases`: who is at what, and taking it back."""

from __future__ import annotations

from typing import Any

import pytest

from framefarm.client import AsyncFarm, Farm
from tests.integration.api.manager import Manager, is_problem, of
from tests.integration.api.people import People

NOBODYS = "0" * 32


def test_leases_tell_who_is_at_what(manager: Manager):
    jobs = [manager.trial("1-9", owner=owner)["id"] for owner in ("ann", "bob")]
    with manager.worker(name="first") as first, manager.worker(name="second") as second:
        first.lease()
        second.lease()

        def found(**asked: Any) -> list[tuple[int, str, str]]:
            answer = manager.http.get("/api/leases", params=asked).raise_for_status()
            leases = answer.json()["leases"]
            return sorted((one["job"], one["worker"], one["units"]) for one in leases)

        assert found() == [(jobs[0], "first", "1"), (jobs[1], "second", "1")]
        assert found(job=jobs[1]) == found(worker="second") == found(owner="bob") == found()[1:]
        assert found(pool="own") == found()
        assert found(pool="public") == found(job=jobs[0], worker="second") == []
        one = manager.http.get("/api/leases?limit=1").json()
        assert one["leases"][0]["kind"] == "trial"
        assert one["leases"][0]["expires_at"] > one["leases"][0]["leased_at"]
        assert one["leases"][0]["job"] not in [job for job, *_ in found(cursor=one["next"])]
        assert len(found(cursor=one["next"])) == 1
        is_problem(manager.http.get("/api/leases?worker=nobody"), 404, "no_such_worker")
        is_problem(manager.http.get("/api/leases?job=999"), 404, "no_such_job")
        with Farm(manager.server.url) as farm:
            assert {lease.worker for lease in farm.leases()} == {"first", "second"}


def test_an_artist_sees_the_leases_of_own_jobs_only(people: People):
    body = {"kind": "trial", "settings": {"units": "1-2", "largest_lease": 1}}
    jobs = [people.ask(who, "POST", "/api/jobs", json=body).json()["id"] for who in ("ada", "bob")]
    with people.manager.worker(name="at work") as worker, people.manager.worker(name="too") as too:
        worker.lease()
        too.lease()

        def seen(who: str, query: str = "") -> list[int]:
            answer = people.ask(who, "GET", f"/api/leases{query}").raise_for_status()
            return sorted(one["job"] for one in answer.json()["leases"])

        assert seen("ada") == seen("ada", "?owner=bob") == jobs[:1]
        assert seen("vic") == seen("root") == jobs
        assert seen("ada", f"?job={jobs[0]}") == seen("vic", f"?job={jobs[0]}") == jobs[:1]
        for who, job in (("ada", jobs[1]), ("ada", 999_999), ("vic", 999_999), ("root", 0)):
            is_problem(people.ask(who, "GET", f"/api/leases?job={job}"), 404, "no_such_job")
    for job in jobs:
        people.ask("root", "DELETE", f"/api/jobs/{job}")


# --- taking one back ---


def take_back(manager: Manager, lease: dict[str, Any]) -> None:
    answer = manager.http.delete(f"/api/leases/{lease['lease']}")
    assert (answer.status_code, answer.content) == (204, b"")


def counted(manager: Manager, job: int) -> dict[str, int]:
    [stage] = manager.job(job)["stages"]
    return {name: stage[name] for name in ("pending", "running", "done", "failed")}


def test_a_worker_is_told_to_stop_without_asking_and_its_units_wait_again(manager: Manager):
    job = manager.trial("1-2")["id"]
    with manager.worker(name="slow") as slow:
        lease = slow.lease()
        path = f"/api/leases/{lease['lease']}"
        assert manager.http.get(path).json()["units"] == "1"

        take_back(manager, lease)

        # It says nothing meanwhile, no heartbeat either.
        revoked = slow.hear("revoke")
        assert (revoked["lease"], "taken back" in revoked["reason"]) == (lease["lease"], True)
        assert counted(manager, job) == {"pending": 2, "running": 0, "done": 0, "failed": 0}
        for method in ("GET", "DELETE"):
            told = is_problem(manager.http.request(method, path), 404, "no_such_lease")
            assert lease["lease"] in told["detail"]
    manager.check()


def test_an_idle_worker_has_the_units_before_the_one_that_gave_them_back(manager: Manager):
    manager.trial("1")
    with manager.worker(name="slow") as slow, manager.worker(name="idle") as idle:
        lease = slow.lease()
        assert idle.hears({"type": "ready", "slot": "cpu"}) == []

        take_back(manager, lease)

        again = idle.hear("lease")
        assert (again["units"], again["attempt"]) == ("1", lease["attempt"] + 1)
        # What was rendered all the same counts, of who comes first (L4).
        assert slow.finish(lease) == "accepted_late"
        assert idle.finish(again) == "already_done"
    manager.check()


def test_it_costs_the_units_and_the_worker_nothing(manager: Manager):
    job = manager.trial("1")["id"]
    with manager.worker(name="slow") as slow:
        for attempt in range(1, 8):
            lease = slow.lease()
            assert lease["attempt"] == attempt
            take_back(manager, lease)
            slow.hear("revoke")
        assert slow.finish(slow.lease()) == "accepted"

    assert manager.job(job)["state"] == "done"
    assert manager.http.get(f"/api/jobs/{job}/log").text == ""
    assert manager.http.get("/api/workers/slow").json()["history"]["lost"] == 0
    manager.check()


def test_of_a_lease_that_was_begun_only_what_is_left_is_done_again(manager: Manager):
    job = manager.trial("1-3", settings={"largest_lease": 3})["id"]
    with manager.worker() as worker:
        first = worker.lease()
        worker.finish(first)
        # How long one takes is known by now.
        lease = worker.lease()
        done = of(lease)["unit"]
        assert worker.finish(lease) == "accepted"
        if lease["units"] != str(done):
            take_back(manager, lease)

    assert counted(manager, job) == {"pending": 1, "running": 0, "done": 2, "failed": 0}
    manager.check()


def test_a_worker_that_is_away_hears_of_it_when_it_returns(manager: Manager):
    job = manager.trial("1")["id"]
    with manager.worker(name="away") as away:
        lease, known = away.lease(), {"worker_id": away.id, "key": away.key}

    take_back(manager, lease)

    assert counted(manager, job)["pending"] == 1
    held = {"leases": [lease["lease"]]}
    with manager.worker(name="away", **known) as back:
        told = back.hears({"type": "heartbeat", **held})
    assert [(one["type"], one["lease"]) for one in told] == [("revoke", lease["lease"])]
    manager.check()


@pytest.mark.parametrize(
    ("lease", "status", "code"),
    [
        (NOBODYS, 404, "no_such_lease"),
        ("x", 404, "no_such_lease"),
        ("%00", 422, "invalid_request"),
        ("x" * 201, 422, "invalid_request"),
        (f"{NOBODYS}?now=true", 422, "bad_query"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_no_lease_is_refused(
    shared: Manager, method: str, lease: str, status: int, code: str
):
    is_problem(shared.http.request(method, f"/api/leases/{lease}"), status, code)


async def test_both_clients_take_them_back(manager: Manager):
    job = manager.trial("1-2")["id"]
    with manager.worker(name="one") as one, manager.worker(name="two") as two:
        leases = [one.lease()["lease"], two.lease()["lease"]]
        with Farm(manager.server.url) as farm:
            assert farm.lease(leases[0]).worker == "one"
            farm.release_lease(leases[0])
        async with AsyncFarm(manager.server.url) as waiting:
            await waiting.release_lease(leases[1])

    assert counted(manager, job)["pending"] == 2
