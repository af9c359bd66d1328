"""`/api/pools`: who is in them, what works, and how much may."""

from __future__ import annotations

from typing import Any

import pytest

from framefarm.client.farm import Farm
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.test_why import reasons, why

NONE = {"max_slots": None, "max_slots_per_user": None, "max_slots_per_job": None}


def pool(manager: Manager, name: str = "own") -> dict[str, Any]:
    return dict(manager.http.get(f"/api/pools/{name}").raise_for_status().json())


def test_pools_are_told_with_their_workers_and_what_works(manager: Manager):
    manager.trial()
    with manager.worker(name="first") as first, manager.worker(name="second"):
        first.lease()
        own, *others = manager.http.get("/api/pools").json()["pools"]
    empty = {"workers": 0, "connected": 0, "slots": 0, "busy": 0, **NONE}

    assert own == {"name": "own", "workers": 2, "connected": 2, "slots": 2, "busy": 1, **NONE}
    assert others == [{"name": "friends", **empty}, {"name": "public", **empty}]


def test_a_slot_that_a_limit_keeps_waiting_is_served_when_it_is_lifted(manager: Manager):
    job = manager.trial()
    manager.http.patch("/api/pools/own", json={"max_slots": 1}).raise_for_status()
    with manager.worker(name="first") as first, manager.worker(name="second") as second:
        first.lease()
        second.say({"type": "ready", "slot": "cpu"})
        told = why(manager, job)

        changed = manager.http.patch("/api/pools/own", json={"max_slots": 2})
        assert second.hear("lease")

    assert changed.json()["max_slots"] == 2
    [reason] = reasons(told)["second"]
    assert "1 of the 1 slots of pool own that may work at a time do" in reason
    assert "`framefarm pools limit own 2`" in reason
    assert not told["stuck"]


def test_a_slot_that_a_limit_keeps_waiting_is_served_when_another_slot_ends(manager: Manager):
    manager.trial()
    manager.http.patch("/api/pools/own", json={"max_slots": 1}).raise_for_status()
    with manager.worker(name="first") as first, manager.worker(name="second") as second:
        lease = first.lease()
        second.say({"type": "ready", "slot": "cpu"})

        # It asks for nothing more, so only the end of its lease can wake the other.
        first.finish(lease)

        assert second.hear("lease")


def test_limits_change_piece_by_piece_also_by_the_client(shared: Manager):
    with Farm(shared.server.url) as farm:
        farm.limit_pool("public", {"max_slots": 5, "max_slots_per_user": 2})
        now = farm.limit_pool("public", {"max_slots": None, "max_slots_per_job": 1})
        assert now == farm.pools()[2]
        farm.limit_pool("public", NONE)

    assert (now.max_slots, now.max_slots_per_user, now.max_slots_per_job) == (None, 2, 1)
    assert {key: pool(shared, "public")[key] for key in NONE} == NONE


def test_a_pool_that_was_changed_meanwhile_is_not_changed_again(shared: Manager):
    seen = {"If-Match": shared.http.get("/api/pools/friends").headers["etag"]}

    first = shared.http.patch("/api/pools/friends", json={"max_slots": 3}, headers=seen)
    second = shared.http.patch("/api/pools/friends", json={"max_slots": 4}, headers=seen)

    assert first.status_code == 200
    told = is_problem(second, 412, "changed")
    assert first.headers["etag"] in told["detail"]
    assert pool(shared, "friends")["max_slots"] == 3


@pytest.mark.parametrize(
    "wrong", [{"max_slots": 0}, {"max_slots": "all"}, {"slots": 1}, {"max_slots_per_job": 100_001}]
)
def test_a_limit_that_is_none_is_refused(shared: Manager, wrong: dict[str, Any]):
    is_problem(shared.http.patch("/api/pools/own", json=wrong), 422, "invalid_request")

    assert pool(shared)["max_slots"] is None


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_pool_that_there_is_not_is_told_with_those_there_are(shared: Manager, method: str):
    told = is_problem(shared.http.request(method, "/api/pools/cats", json={}), 404, "no_such_pool")

    assert "own, friends, public" in told["detail"]
