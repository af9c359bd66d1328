"""Workers as people ask for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from framefarm.db import open_engine, sqlite_url
from framefarm.db import tables as t
from tests.integration.api.manager import Manager, is_problem, until


def test_a_worker_is_found_by_id_by_name_and_by_how_its_id_begins(manager: Manager):
    with manager.worker(name="ants") as worker, manager.worker(name="bees", boot_id="other"):
        for wanted in (worker.id, "ants", worker.id[:8], worker.id[:8].upper()):
            view = manager.http.get(f"/api/workers/{wanted}").raise_for_status().json()
            assert (view["id"], view["name"]) == (worker.id, "ants")


def test_a_name_that_is_no_workers_is_told_with_those_alike(manager: Manager):
    with manager.worker(name="render-01"):
        told = is_problem(manager.http.get("/api/workers/render-1"), 404, "no_such_worker")
        assert "did you mean render-01?" in told["detail"]
    is_problem(manager.http.get("/api/workers/%25"), 404, "no_such_worker")
    is_problem(manager.http.get("/api/workers/____"), 404, "no_such_worker")


def test_a_name_that_two_have_is_told_with_the_ids_of_both(manager: Manager):
    with manager.worker(name="twin") as one, manager.worker(name="other", boot_id="b") as other:
        _rename(manager, other.id, "twin")
        told = is_problem(manager.http.get("/api/workers/twin"), 409, "ambiguous_worker")
        assert one.id[:8] in told["detail"]
        assert other.id[:8] in told["detail"]


def _rename(manager: Manager, worker_id: str, name: str) -> None:
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.begin() as connection:
        connection.execute(update(t.workers).where(t.workers.c.id == worker_id).values(name=name))
    engine.dispose()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_worker_is_not_changed_by_other_methods(manager: Manager, method: str):
    with manager.worker(name="ants"):
        is_problem(manager.http.request(method, "/api/workers/ants"), 405, "method_not_allowed")


# --- lists ------------------------------------------------------------------------------------


def names(manager: Manager, **query) -> list[str]:
    """All names, page by page."""
    found, cursor = [], ""
    while True:
        params = {**query, **({"cursor": cursor} if cursor else {})}
        page = manager.http.get("/api/workers", params=params).raise_for_status().json()
        assert len(page["workers"]) <= query.get("limit", 500)
        found += [one["name"] for one in page["workers"]]
        cursor = page["next"]
        if cursor is None:
            return found


def add_workers(manager: Manager, count: int) -> None:
    """Put workers that went away straight into the database."""
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    rows = [
        {
            "id": f"{n:032x}",
            "name": f"node{n % 700:04}",
            "key_hash": f"{n:064x}",
            "boot_id": "b",
            "state": "offline",
            "agent_version": "0",
            "facts": {"host": f"rack{n % 3}", "cores": 4},
            "slots": [],
            "pool": "public" if n % 10 == 0 else "own",
            "tags": ["fast"] if n % 100 == 0 else [],
            "first_seen_at": float(n * 7 % count),
            "last_seen_at": 1.0,
        }
        for n in range(count)
    ]
    with engine.begin() as connection:
        connection.execute(insert(t.workers), rows)
    engine.dispose()


def test_thousands_of_workers_come_page_by_page_none_twice(manager: Manager):
    add_workers(manager, 1_300)
    with manager.worker(name="node0100x"):
        found = names(manager, limit=97)

        assert found == sorted(found)
        assert len(found) == 1_301
        assert names(manager, state="idle") == ["node0100x"]
        assert names(manager, state=["idle", "busy"], tag="fast") == []
        assert len(names(manager, tag="fast", limit=3)) == 13
        assert len(names(manager, pool="public")) == 130
        assert len(names(manager, host="RACK?", limit=1_000)) == 1_300
        assert len(names(manager, host="rack1", pool="public", state="offline")) == 43
        assert names(manager, name="node0001") == ["node0001"] * 2


@pytest.mark.parametrize("sort", ["name", "-name", "pool", "-pool", "joined", "-joined"])
def test_workers_come_in_the_order_asked_for_none_twice(manager: Manager, sort: str):
    add_workers(manager, 900)
    keys = {
        "name": lambda n: (f"node{n % 700:04}", n),
        "pool": lambda n: ("public" if n % 10 == 0 else "own", f"node{n % 700:04}", n),
        "joined": lambda n: (n * 7 % 900, n),
    }
    by = sorted(range(900), key=keys[sort.lstrip("-")], reverse=sort.startswith("-"))

    assert names(manager, sort=sort, limit=97) == [f"node{n % 700:04}" for n in by]
    fast = [f"node{n % 700:04}" for n in by if n % 100 == 0]
    assert names(manager, sort=sort, tag="fast", limit=2) == fast


@pytest.mark.parametrize("sort", ["name", "-joined"])
def test_a_cursor_counts_for_its_own_order(manager: Manager, sort: str):
    add_workers(manager, 3)
    other = {"name": "joined", "-joined": "name"}[sort]
    page = manager.http.get("/api/workers", params={"sort": sort, "limit": 1}).json()

    answer = manager.http.get("/api/workers", params={"sort": other, "cursor": page["next"]})

    is_problem(answer, 422, "bad_cursor")


def test_a_revoked_worker_is_listed_only_when_asked_for(manager: Manager):
    with manager.worker(name="ants") as worker:
        manager.http.post(f"/api/workers/{worker.id}/revoke").raise_for_status()

    assert names(manager) == []
    assert names(manager, state="revoked") == ["ants"]


@pytest.mark.parametrize(
    "query",
    [
        {"state": "asleep"},
        {"sort": "speed"},
        {"pool": "mine"},
        {"limit": 0},
        {"limit": 1_001},
        {"host": "x" * 201},
        {"cursor": "x"},
        {"cursor": "WyJhIl0="},
        {"cursor": "e30="},
        # Half a surrogate pair for a name.
        {"cursor": "WyJcdWQ4MDAiLCJ4Il0="},
        {"cursor": "\u00e9"},
        # A zero byte, and no number for a time.
        {"cursor": "WyJcdTAwMDAiLCJ4Il0="},
        {"cursor": "W05hTiwieCJd", "sort": "joined"},
    ],
)
def test_a_list_that_cannot_be_is_refused(manager: Manager, query):
    answer = manager.http.get("/api/workers", params=query)

    assert answer.status_code == 422
    assert answer.json()["code"] in {"invalid_request", "bad_cursor"}


# --- one --------------------------------------------------------------------------------------


def test_a_worker_is_asked_how_it_is_and_its_answer_is_shown(manager: Manager):
    with manager.worker(name="ants") as worker, ThreadPoolExecutor() as pool:
        asked = pool.submit(manager.http.get, "/api/workers/ants?live=true")
        worker.hear("query")
        worker.say({"type": "facts", "facts": {"host": "here", "load": 0.75}})
        shown = asked.result().raise_for_status().json()

    assert shown["answered"] is True
    assert shown["facts"] == {"host": "here", "load": 0.75}


def test_a_worker_that_does_not_answer_is_shown_as_it_was(manager: Manager):
    with manager.worker(name="ants"):
        shown = manager.http.get("/api/workers/ants?live=true").raise_for_status().json()

    assert shown["answered"] is False
    assert shown["facts"]["cores"] == 4


def test_a_worker_that_is_away_is_not_asked(manager: Manager):
    with manager.worker(name="ants"):
        assert manager.http.get("/api/workers/ants").json()["answered"] is None
    until(lambda: not manager.http.get("/api/workers/ants").json()["connected"], "the departure")

    shown = manager.http.get("/api/workers/ants?live=true").json()

    assert shown["answered"] is None
    assert shown["silent_s"] >= 0


def test_what_a_worker_has_done_is_counted(manager: Manager):
    manager.trial("1-3")
    with manager.worker(name="ants") as worker, manager.worker(name="bees", boot_id="b"):
        for _ in range(2):
            worker.finish(worker.lease(), facts={"seconds": 1.5})
        worker.fail(worker.lease())
        ants = manager.http.get("/api/workers/ants").json()["history"]
        bees = manager.http.get("/api/workers/bees").json()["history"]

    assert (ants["done"], ants["seconds"], ants["failed"], ants["lost"]) == (2, 3.0, 1, 0)
    assert ants["last_done_at"]
    assert bees == {"done": 0, "seconds": 0.0, "failed": 0, "lost": 0, "last_done_at": None}


def test_what_a_worker_works_on_is_shown_with_its_progress(manager: Manager):
    job = manager.trial("1-9")
    with manager.worker(name="ants") as worker:
        lease = worker.lease()
        worker.hears(
            {"type": "progress", "lease": lease["lease"], "unit": 1, "done": 3, "total": 4}
        )
        view = manager.http.get("/api/workers").json()["workers"][0]

    assert view["state"] == "busy"
    assert view["work"] == [
        {
            "slot": "cpu",
            "job": job["id"],
            "name": "trial",
            "kind": "trial",
            "units": lease["units"],
            "unit": 1,
            "done": 3,
            "total": 4,
        }
    ]


def test_what_a_worker_works_on_is_known_after_the_managers_restart(tmp_path: Path):
    first = Manager(tmp_path / "manager")
    first.trial("1-3")
    with first.worker(name="ants") as worker:
        lease = worker.lease()
    first.close()
    second = Manager(tmp_path / "manager")
    going_on = {"worker_id": worker.id, "key": worker.key, "holding": [lease["lease"]]}
    with second.worker(name="ants", **going_on):
        view = second.http.get("/api/workers/ants").json()

    assert view["state"] == "busy"
    assert view["work"][0]["units"] == lease["units"]
    second.close()


def test_a_worker_that_vanished_is_lost_after_its_lease_and_found_when_it_is_back(tmp_path: Path):
    manager = Manager(tmp_path / "manager", lease_s=0.6, public_lease_s=0.6)

    def state() -> str:
        return str(manager.http.get("/api/workers/ants").json()["state"])

    with manager.worker(name="ants") as worker:
        worker.socket.socket.close()
        # It may be lost before anybody looks.
        until(lambda: state() in {"offline", "lost"}, "the departure")
        until(lambda: state() == "lost", "the loss")
    with manager.worker(name="ants", worker_id=worker.id, key=worker.key):
        assert state() == "idle"
    until(lambda: state() == "offline", "the goodbye")
    manager.close()


def test_what_a_worker_says_of_its_rest_is_its_reason(manager: Manager):
    facts = {"host": "here", "resting": "outside its hours"}
    with manager.worker(name="ants", facts=facts):
        view = manager.http.get("/api/workers/ants").json()

    assert (view["state"], view["reason"]) == ("idle", "outside its hours")
