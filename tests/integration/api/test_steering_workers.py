"""Steering workers over the API, and what connected ones hear of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.manager import Manager, Worker, is_problem, until


def steer(manager: Manager, action: str, *workers: str, **more: Any) -> dict[str, str]:
    """What became of each worker, by name."""
    body = {"action": action, **more}
    if workers:
        body["workers"] = list(workers)
    answer = manager.http.post("/api/workers/steer", json=body).raise_for_status().json()
    return {one["name"]: f"{one['outcome']}: {one['message']}" for one in answer["workers"]}


def view(manager: Manager, worker: Worker | str) -> dict[str, Any]:
    name = worker if isinstance(worker, str) else worker.id
    return dict(manager.http.get(f"/api/workers/{name}").raise_for_status().json())


def is_silent(worker: Worker) -> bool:
    """Whether a ready slot gets nothing."""
    return worker.hears({"type": "ready", "slot": "cpu"}) == []


def again(worker: Worker, **changes: Any) -> dict[str, Any]:
    return {"worker_id": worker.id, "key": worker.key, **changes}


@pytest.fixture
def three(manager: Manager) -> Iterator[tuple[Worker, Worker, Worker]]:
    with (
        manager.worker(name="a") as one,
        manager.worker(name="b", boot_id="b") as two,
        manager.worker(name="c", boot_id="c") as three,
    ):
        yield one, two, three


def test_a_disabled_worker_is_told_to_drain_and_gets_nothing_until_enabled(manager: Manager):
    manager.trial("1-3")
    with manager.worker(name="ants") as worker:
        lease = worker.lease()
        assert steer(manager, "disable", "ants", reason="noisy") == {
            "ants": "done: is disabled; it ends its lease"
        }
        worker.hear("drain")
        told = view(manager, worker)
        assert (told["state"], told["reason"], len(told["work"])) == ("disabled", "noisy", 1)

        assert worker.finish(lease) == "accepted"
        assert is_silent(worker)
        assert view(manager, worker)["work"] == []

        assert steer(manager, "enable", "ants") == {"ants": "done: is enabled"}
        worker.hear("enable")
        assert worker.lease()["units"] == "2"
        assert view(manager, worker)["state"] == "busy"
        assert view(manager, worker)["reason"] == ""


def test_a_worker_disabled_now_is_told_so_and_its_units_go_to_another(manager: Manager):
    job = manager.trial("1")["id"]
    with manager.worker(name="a") as one, manager.worker(name="b", boot_id="b") as other:
        lease = one.lease()
        other.say({"type": "ready", "slot": "cpu"})

        steer(manager, "disable", "a", now=True)

        assert one.hear("revoke")["lease"] == lease["lease"]
        one.hear("disable")
        assert other.finish(other.hear("lease")) == "accepted"
    assert manager.job(job)["state"] == "done"


def test_a_slot_that_waited_gets_nothing_once_its_worker_drains(manager: Manager):
    with manager.worker(name="a") as worker:
        assert is_silent(worker)
        steer(manager, "drain", "a")
        worker.hear("drain")

        manager.trial("1")

        assert worker.hears() == []
        assert view(manager, worker)["state"] == "draining"


def test_what_was_decided_outlives_the_connection_and_the_manager(tmp_path: Path):
    first = Manager(tmp_path / "manager")
    first.trial("1-9")
    with first.worker(name="a") as drained, first.worker(name="b", boot_id="b") as disabled:
        lease = disabled.lease()
        steer(first, "drain", "a")
        steer(first, "disable", "b")
    until(lambda: not view(first, "a")["connected"], "the departure")
    assert view(first, "a")["state"] == "draining"
    first.close()

    second = Manager(tmp_path / "manager")
    with second.worker(**again(drained, name="a")) as one:
        assert view(second, one)["state"] == "draining"
        assert is_silent(one)
    with second.worker(**again(drained, name="a", boot_id="rebooted")) as one:
        assert is_silent(one)
    going_on = again(disabled, name="b", boot_id="b", holding=[lease["lease"]])
    with second.worker(**going_on) as other:
        assert view(second, other)["work"][0]["units"] == "1"
        assert other.finish(lease) == "accepted"
        assert is_silent(other)
    second.close()
    second.check()


def test_a_worker_that_was_away_hears_it_from_its_welcome(manager: Manager):
    with manager.worker(name="a") as worker:
        pass
    until(lambda: not view(manager, "a")["connected"], "the departure")
    steer(manager, "drain", "a")

    with manager.worker() as unused:
        del unused
        from websockets.sync.client import connect  # noqa: PLC0415

        with connect(manager.websocket_url) as socket:
            welcome = Worker(manager, socket).greet(**again(worker, name="a"))
    assert welcome["draining"] is True


def test_a_restart_is_ordered_now_or_at_the_next_welcome(manager: Manager):
    with manager.worker(name="a") as worker:
        assert steer(manager, "restart", "a") == {"a": "done: restarts"}
        assert "at_once" not in worker.hear("restart")
        assert view(manager, worker)["restarting"]
        worker.socket.socket.close()
    until(lambda: not view(manager, "a")["connected"], "the departure")
    with manager.worker(**again(worker, name="a")) as same:
        same.hear("restart")
    with manager.worker(**again(worker, name="a", boot_id="newer")) as newer:
        assert newer.hears() == []
        assert not view(manager, newer)["restarting"]
        steer(manager, "restart", "a", now=True)
        assert newer.hear("restart")["at_once"] is True


def test_a_worker_that_gets_a_tag_gets_the_job_that_waits_for_it(manager: Manager, three):
    _, two, _ = three
    job = manager.trial("1", requires={"tags": ["fast"]})["id"]
    for worker in three:
        assert is_silent(worker)

    assert steer(manager, "tag", "b", tags=["fast"]) == {"b": "done: has the tag fast now"}

    assert two.finish(two.hear("lease")) == "accepted"
    assert manager.job(job)["state"] == "done"
    assert view(manager, two)["tags"] == ["fast"]


def test_a_renamed_worker_keeps_its_name_over_what_it_says(manager: Manager):
    with manager.worker(name="host-17") as worker:
        renamed = manager.http.post("/api/workers/host-17/rename", json={"name": "big box"})
        assert renamed.json()["name"] == "big box"
    with manager.worker(**again(worker, name="host-17")) as worker:
        assert view(manager, "big box")["id"] == worker.id
        is_problem(manager.http.get("/api/workers/host-17"), 404, "no_such_worker")


# --- which workers ----------------------------------------------------------------------------


def test_workers_are_chosen_by_names_by_filter_or_all(manager: Manager, three):
    steer(manager, "tag", "a", "c", tags=["gpu"])

    assert steer(manager, "drain", where={"tag": ["gpu"], "name": "A*"}).keys() == {"a"}
    assert steer(manager, "drain", where={"state": ["draining"]}) == {
        "a": "unchanged: was draining already; it has nothing in work"
    }
    assert steer(manager, "disable", where={"host": "h?re", "pool": "own"}).keys() == set("abc")
    assert steer(manager, "enable", all=True) == dict.fromkeys("abc", "done: is enabled")
    assert steer(manager, "drain", "[ab]", "B*") == dict.fromkeys(
        "ab", "done: drains; it has nothing in work"
    )
    steer(manager, "enable", "?")
    assert steer(manager, "enable", "a", three[0].id) == {"a": "unchanged: was enabled already"}


def test_nobody_is_told_anything_when_one_name_is_wrong(manager: Manager, three):
    answer = manager.http.post(
        "/api/workers/steer", json={"action": "disable", "workers": ["a", "b", "x"]}
    )

    is_problem(answer, 404, "no_such_worker")
    assert {view(manager, worker)["state"] for worker in three} == {"idle"}


def test_a_filter_that_nobody_passes_is_an_error(manager: Manager, three):
    del three
    answer = manager.http.post(
        "/api/workers/steer", json={"action": "disable", "where": {"tag": ["none"]}}
    )
    is_problem(answer, 404, "no_such_worker")
    answer = manager.http.post(
        "/api/workers/steer", json={"action": "disable", "workers": ["a", "z*"]}
    )
    told = is_problem(answer, 404, "no_such_worker")
    assert "No worker is called like 'z*'" in told["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "explode", "all": True},
        {"action": "disable"},
        {"action": "disable", "workers": []},
        {"action": "disable", "workers": ["a"], "all": True},
        {"action": "disable", "where": {}, "all": True},
        {"action": "disable", "where": {"stat": ["idle"]}},
        {"action": "disable", "where": {"state": ["sleepy"]}},
        {"action": "drain", "all": True, "now": True},
        {"action": "enable", "all": True, "reason": "why not"},
        {"action": "tag", "all": True},
        {"action": "enable", "all": True, "tags": ["a"]},
        {"action": "tag", "all": True, "tags": ["A b"]},
        {"action": "tag", "all": True, "tags": ["a\n"]},
        {"action": "disable", "all": True, "more": 1},
        [],
        "x",
    ],
)
def test_what_makes_no_sense_is_refused(manager: Manager, body: Any):
    with manager.worker(name="a") as worker:
        is_problem(manager.http.post("/api/workers/steer", json=body), 422, "invalid_request")
        assert view(manager, worker)["state"] == "idle"


@pytest.mark.parametrize("body", [{}, {"name": 3}, {"name": "a", "x": 1}])
def test_a_rename_without_a_name_is_refused(manager: Manager, body: Any):
    is_problem(manager.http.post("/api/workers/a/rename", json=body), 422, "invalid_request")


def test_a_name_that_is_none_or_taken_is_refused(manager: Manager, three):
    del three
    for name in ("", "x/y", "b"):
        answer = manager.http.post("/api/workers/a/rename", json={"name": name})
        is_problem(answer, 422, "worker_name")
    answer = manager.http.post("/api/workers/nobody/rename", json={"name": "z"})
    is_problem(answer, 404, "no_such_worker")
