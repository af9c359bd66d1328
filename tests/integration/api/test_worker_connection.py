"""The WebSocket of workers: the double handshake, and what it takes and refuses (L1 to L9)."""

from __future__ import annotations

import contextlib
import gc
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from framefarm.db import open_engine, sqlite_url
from framefarm.db import tables as t
from framefarm.farm.settings import ConnectionLimits
from tests.integration.api.manager import SOON_S, Manager, Worker, hello, of, until


@pytest.fixture
def stranger(manager: Manager):
    """A connection that has not said hello."""
    with connect(manager.websocket_url, open_timeout=SOON_S) as socket:
        yield Worker(manager, socket)


def workers(manager: Manager) -> list[dict]:
    return manager.http.get("/api/workers").json()["workers"]


def state_of(manager: Manager, worker: Worker) -> str:
    return next(one["state"] for one in workers(manager) if one["id"] == worker.id)


# --- the handshake ----------------------------------------------------------------------------


def test_a_new_worker_is_given_an_id_and_a_key(manager: Manager, stranger: Worker):
    welcome = stranger.greet(name="workstation")

    assert len(welcome["worker_id"]) == 32
    assert len(welcome["key"]) > 30
    assert welcome["epoch"] == manager.http.get("/api/health").json()["epoch"]
    assert welcome["lease_s"] == manager.settings.lease_s
    [view] = workers(manager)
    assert (view["id"], view["name"], view["state"]) == (stranger.id, "workstation", "idle")
    assert (view["host"], view["cores"], view["slots"][0]["slot"]) == ("here", 4, "cpu")
    assert stranger.key not in manager.http.get("/api/workers").text


def test_a_known_worker_is_recognised_and_gets_no_second_key(manager: Manager):
    with manager.worker() as first:
        pass
    with manager.worker(worker_id=first.id, key=first.key) as again:
        assert again.id == first.id
    assert len(workers(manager)) == 1


def test_a_worker_that_goes_is_offline(manager: Manager):
    with manager.worker() as worker:
        assert state_of(manager, worker) == "idle"
    until(lambda: state_of(manager, worker) == "offline", "the departure")


@pytest.mark.parametrize("key", ["guess", "", None, "\u0000", "ключ"])
def test_a_wrong_key_is_turned_away_for_good(manager: Manager, key: str | None):
    with manager.worker() as worker:
        pass
    with connect(manager.websocket_url) as socket:
        thief = Worker(manager, socket)
        thief.say(hello(worker_id=worker.id, key=key))

        code, reason = thief.closed()

    assert code == 1000
    assert "key" in reason
    assert "retry_in_s" not in thief.bye() or thief.bye()["retry_in_s"] is None
    assert worker.key not in reason


def test_another_protocol_version_is_told_what_to_do(manager: Manager, stranger: Worker):
    stranger.say(hello(protocol=99))

    stranger.closed()

    assert "Install the same FrameFarm version" in stranger.bye()["reason"]
    assert stranger.bye()["code"] == "version"
    assert workers(manager) == []


@pytest.mark.parametrize(
    "reports",
    [
        [],
        [{"type": "ready", "slot": "cpu"}],
        [{"type": "heartbeat", "leases": []}],
        [{"type": "ready", "slot": "cpu"}, hello()],
    ],
)
def test_anything_before_hello_ends_the_connection(manager, stranger: Worker, reports):
    stranger.say(*reports)

    assert stranger.closed() == (1008, "The first report must be hello.")
    assert workers(manager) == []


def test_l14_silence_ends_the_connection(tmp_path: Path):
    manager = Manager(tmp_path, connections=ConnectionLimits(hello_s=0.05))
    with connect(manager.websocket_url) as socket:
        silent = Worker(manager, socket)
        assert silent.closed() == (1008, "No hello came.")
        assert silent.bye()["code"] == "malformed"
    manager.close()


def test_a_second_hello_ends_the_connection(manager: Manager, stranger: Worker):
    stranger.greet()
    stranger.say(hello())

    assert stranger.closed() == (1008, "A second hello came.")
    until(lambda: state_of(manager, stranger) == "offline", "the departure")


def test_a_hello_with_something_wrong_behind_it_leaves_no_worker_connected(
    manager: Manager, stranger: Worker
):
    stranger.say(hello(), {"type": "ready", "slot": "unheard of"})

    assert stranger.closed()[0] == 1008
    until(lambda: workers(manager)[0]["state"] == "offline", "the departure")


def test_an_unknown_slot_ends_the_connection(stranger: Worker):
    stranger.greet()
    stranger.say({"type": "ready", "slot": "gpu"})

    assert stranger.closed() == (1008, "There is no slot 'gpu'.")


@pytest.mark.parametrize("text", ["", "{", "[", "null", "[1]", '[{"type":"dance"}]', "[" * 90_000])
def test_malformed_text_ends_the_connection(manager: Manager, text: str):
    with manager.worker() as worker:
        worker.socket.send(text)

        assert worker.closed()[0] == 1008
        assert worker.bye()["code"] == "malformed"
    with manager.worker() as other:
        assert other.id


@pytest.mark.parametrize("sent", [b"\xff\xfe", b'[{"type":"log","level":"\xff","text":""}]', b""])
def test_binary_messages_end_the_connection(manager: Manager, sent: bytes):
    with manager.worker() as worker:
        worker.socket.send(sent)

        assert worker.closed() == (1003, "Reports are text; a binary message came.")
        assert worker.bye()["code"] == "malformed"


def test_l14_an_oversized_message_ends_the_connection(manager: Manager):
    with manager.worker() as worker:
        worker.socket.send(" " * ((1 << 20) + 1))

        assert worker.closed()[0] == 1009


def test_a_foreign_page_cannot_connect_as_a_worker(manager: Manager):
    with pytest.raises(InvalidStatus), connect(manager.websocket_url, origin="http://evil.example"):
        pass
    with connect(manager.websocket_url, origin="http://localhost:7070") as socket:
        Worker(manager, socket).greet()


def test_a_connection_that_the_same_process_replaced_gets_no_more_leases(manager: Manager):
    manager.trial("1-4")
    with manager.worker() as old, manager.worker(worker_id=old.id, key=old.key) as new:
        old.say({"type": "ready", "slot": "cpu"})

        assert old.closed() == (1000, "This worker has connected anew.")
        assert old.bye()["code"] == "replaced"
        assert new.lease()["units"] == "1"


def test_a_disabled_worker_is_told_so_and_gets_nothing(manager: Manager):
    manager.trial("1")
    with manager.worker() as worker:
        pass
    _disable(manager)
    with connect(manager.websocket_url) as socket:
        again = Worker(manager, socket)
        welcome = again.greet(worker_id=worker.id, key=worker.key)

        assert welcome["enabled"] is False
        assert again.hears({"type": "ready", "slot": "cpu"}) == []


def _disable(manager: Manager) -> None:
    from sqlalchemy import text  # noqa: PLC0415

    from framefarm.db import open_engine, sqlite_url  # noqa: PLC0415

    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE workers SET state = 'disabled'"))
    engine.dispose()


# --- leases -----------------------------------------------------------------------------------


def test_a_ready_slot_gets_the_task_and_a_lease(manager: Manager):
    job = manager.trial("1-3", settings={"seconds": 0.5})
    with manager.worker() as worker:
        worker.say({"type": "ready", "slot": "cpu"})
        task, lease = worker.hear("task"), worker.hear("lease")

        assert (task["job"], task["kind"]) == (job["id"], "trial")
        assert task["settings"]["seconds"] == 0.5
        assert (lease["units"], lease["attempt"], lease["slot"]) == ("1", 1, "cpu")
        assert lease["expires_in_s"] == manager.settings.lease_s
        [view] = workers(manager)
        assert view["state"] == "busy"
        [work] = view["work"]
        assert (work["slot"], work["job"], work["kind"], work["units"]) == (
            "cpu",
            job["id"],
            "trial",
            "1",
        )


def test_a_task_is_told_once_on_a_connection(manager: Manager):
    manager.trial("1-3")
    with manager.worker() as worker:
        worker.finish(worker.lease())
        heard = worker.hears({"type": "ready", "slot": "cpu"})

    assert [order["type"] for order in heard] == ["lease"]


def test_a_slot_that_waits_gets_work_as_soon_as_there_is_some(manager: Manager):
    with manager.worker() as one, manager.worker() as two:
        for worker in (one, two):
            assert worker.hears({"type": "ready", "slot": "cpu"}) == []

        manager.trial("1-2")

        assert {one.hear("lease")["units"], two.hear("lease")["units"]} == {"1", "2"}


def test_finished_and_ready_in_one_message_are_answered_in_one(manager: Manager):
    manager.trial("1-3")
    with manager.worker() as worker:
        lease = worker.lease()
        worker.say({"type": "finished", **of(lease)}, {"type": "ready", "slot": "cpu"})

        orders = json.loads(worker.socket.recv(timeout=SOON_S))

    assert [order["type"] for order in orders] == ["settled", "lease"]
    assert orders[0]["answer"] == "accepted"


def test_l4_l5_the_answers_to_finished_and_failed(manager: Manager):
    job = manager.trial("1-3")["id"]
    with manager.worker() as worker:
        one, two = worker.lease(), worker.lease()

        assert worker.finish(one) == "accepted"
        assert worker.finish(one) == "accepted"
        assert worker.finish(one, lease="0" * 32) == "already_done"
        assert worker.finish(two, unit=77) == "gone"
        assert worker.finish(two, stage=99) == "gone"
        assert worker.fail(two, attempt=9) == "stale"
        assert worker.fail(two) == "noted"
        assert worker.fail(two) == "stale"
        assert worker.finish(two) == "gone"
    assert manager.job(job)["stages"][0]["done"] == 1


def test_l5_a_frame_cannot_be_finished_without_its_picture(manager: Manager):
    from tests.integration.api.test_results import render_job  # noqa: PLC0415

    job = render_job(manager)
    with manager.worker() as worker:
        assert worker.finish(worker.lease()) == "gone"
    assert manager.job(job)["stages"][0]["done"] == 0
    manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()


def test_l3_a_heartbeat_hears_of_leases_that_are_gone(manager: Manager):
    manager.trial("1-2")
    with manager.worker() as worker:
        lease = worker.lease()
        heard = worker.hears({"type": "heartbeat", "leases": [lease["lease"]]})
        assert heard == []

        worker.say({"type": "heartbeat", "leases": ["f" * 32]})
        assert worker.hear("revoke")["lease"] == "f" * 32


def test_a_cancelled_jobs_leases_are_revoked(manager: Manager):
    job = manager.trial("1-2")["id"]
    with manager.worker() as worker:
        lease = worker.lease()
        manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()

        revoked = worker.hear("revoke")

        assert (revoked["lease"], revoked["reason"]) == (lease["lease"], "the job was cancelled")
        assert worker.finish(lease) == "gone"


def test_a_released_lease_is_given_to_whoever_waits(manager: Manager):
    manager.trial("1")
    with manager.worker() as one, manager.worker() as two:
        lease = one.lease()
        assert two.hears({"type": "ready", "slot": "cpu"}) == []

        one.say({"type": "released", "lease": lease["lease"]})

        again = two.hear("lease")
        assert (again["units"], again["attempt"]) == ("1", 2)


def test_a_lease_that_found_its_slot_resting_is_for_others_and_blames_nobody(manager: Manager):
    """A `ready` cannot be taken back, so a lease may come when the worker has begun to rest."""
    job = manager.trial("1-2")
    with manager.worker() as resting, manager.worker() as other:
        lease = resting.lease()
        resting.hears({"type": "released", "lease": lease["lease"]})

        again = other.lease()
        assert (again["units"], again["attempt"]) == (lease["units"], 2)
        assert other.finish(again) == "accepted"
        # There is more, but this one has not asked.
        assert "lease" not in {order["type"] for order in resting.hears()}
        assert resting.lease()["units"] == "2"

    units = manager.http.get(f"/api/jobs/{job['id']}/units?state=failed&kind=trial").json()["units"]
    assert units == []
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.connect().execution_options(reading=True) as connection:
        assert connection.execute(select(t.faults)).all() == []
    engine.dispose()


def test_l8_a_dropped_connection_is_no_death(manager: Manager):
    manager.trial("1-2")
    with manager.worker() as worker:
        lease = worker.lease()
    with manager.worker(worker_id=worker.id, key=worker.key, holding=[lease["lease"]]) as again:
        assert again.finish(lease) == "accepted"


def expires_at(manager: Manager, lease: dict[str, Any]) -> float:
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.connect().execution_options(reading=True) as connection:
        found = select(t.leases.c.expires_at).where(t.leases.c.id == lease["lease"])
        at = float(connection.execute(found).scalar_one())
    engine.dispose()
    return at


@pytest.mark.parametrize(
    "held",
    [
        lambda lease: {"holding": [lease["lease"]]},
        lambda lease: {"owed": [[lease["lease"], 1]], "boot_id": "another"},
    ],
    ids=["after a broken connection", "by an outbox after a restart"],
)
def test_l8_a_hello_renews_what_its_worker_still_holds(manager: Manager, held: Any):
    manager.trial("1")
    with manager.worker() as worker:
        lease = worker.lease()
        before = expires_at(manager, lease)

    with manager.worker(worker_id=worker.id, key=worker.key, **held(lease)) as again:
        assert expires_at(manager, lease) > before
        assert again.finish(lease) == "accepted"


def test_l8_a_lease_that_never_reached_its_worker_is_given_out_again(manager: Manager):
    manager.trial("1")
    with manager.worker() as worker:
        lost = worker.lease()
    with manager.worker(worker_id=worker.id, key=worker.key) as again:
        assert again.lease()["units"] == lost["units"]


def test_l8_a_claim_that_a_new_hello_overtook_goes_back_at_once(manager: Manager):
    """As when a manager that was stopped goes on: it reads both connections at the same time."""
    manager.trial("1-2")
    with (
        manager.worker() as old,
        connect(manager.websocket_url) as socket,
        database_locked(manager) as unlock,
    ):
        new = Worker(manager, socket)
        new.say(hello(worker_id=old.id, key=old.key))
        await_queued()
        old.say({"type": "ready", "slot": "cpu"})
        await_queued()
        unlock()

        new.hear("welcome")
        new.id, new.key = old.id, old.key
        first = new.lease()
        assert new.finish(first) == "accepted"
        second = new.lease()

        # Well before the lease that the old connection was given would end by itself.
        assert {first["units"], second["units"]} == {"1", "2"}
        assert new.finish(second) == "accepted"


def test_a_message_whose_writes_all_fail_ends_its_connection_and_leaves_no_error_unseen(
    manager: Manager, caplog: pytest.LogCaptureFixture
):
    manager.trial("1-4")
    with manager.worker() as worker:
        leases = [worker.lease() for _ in range(3)]
        with contextlib.closing(sqlite3.connect(manager.settings.data_dir / "farm.db")) as database:
            for table in ("results", "leases"):
                database.execute(
                    f"CREATE TRIGGER broken_{table} BEFORE INSERT ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'out of order'); END"
                )
            worker.say(
                *({"type": "finished", **of(lease)} for lease in leases),
                {"type": "ready", "slot": "cpu"},
            )

            worker.closed()
            assert worker.bye()["code"] == "database"
            for table in ("results", "leases"):
                database.execute(f"DROP TRIGGER broken_{table}")
    gc.collect()
    assert "never retrieved" not in caplog.text
    with manager.worker(worker_id=worker.id, key=worker.key, holding=leases_of(leases)) as again:
        assert [again.finish(lease) for lease in leases] == ["accepted"] * 3


def leases_of(orders: list[dict[str, Any]]) -> list[str]:
    return [order["lease"] for order in orders]


@contextlib.contextmanager
def database_locked(manager: Manager) -> Iterator[Callable[[], object]]:
    """Keep the manager from writing; yields what lets it go on."""
    path = manager.settings.data_dir / "farm.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield lambda: database.execute("ROLLBACK")


def await_queued() -> None:
    """Let the manager's writer queue what was said; nothing tells when it has."""
    threading.Event().wait(0.3)


def test_l9_what_one_worker_failed_waits_for_another_and_comes_back_when_that_one_goes(
    manager: Manager,
):
    job = manager.trial("1")["id"]
    with manager.worker(name="bad") as bad:
        other = manager.worker(name="other")
        other.__enter__()
        assert bad.fail(bad.lease()) == "noted"
        assert bad.hears({"type": "ready", "slot": "cpu"}) == []

        other.__exit__(None, None, None)

        again = bad.hear("lease")
        assert again["attempt"] == 2
        assert bad.finish(again) == "accepted"
    assert manager.job(job)["state"] == "done"


def test_l9_two_slots_of_one_worker_do_not_wait_for_each_other(manager: Manager):
    manager.trial("1")
    slots = [{"slot": name, "kinds": ["trial"]} for name in ("one", "two")]
    with manager.worker(slots=slots) as worker:
        worker.fail(worker.lease("one"))

        assert worker.lease("two")["attempt"] == 2


def test_changed_facts_are_shown(manager: Manager):
    with manager.worker() as worker:
        worker.hears({"type": "facts", "facts": {"host": "there", "cores": 64}})

    assert (workers(manager)[0]["host"], workers(manager)[0]["cores"]) == ("there", 64)


def test_a_log_line_and_a_stray_progress_disturb_nothing(manager: Manager):
    manager.trial("1")
    with manager.worker() as worker:
        heard = worker.hears(
            {"type": "log", "level": "info", "text": "hot\n\u001b[31m"},
            {"type": "progress", "lease": "x", "unit": 1, "done": 1, "total": 2},
        )
        assert heard == []
        lease = worker.lease()
        worker.hears(
            {"type": "progress", "lease": lease["lease"], "unit": 99, "done": 1, "total": 2}
        )
        assert worker.finish(lease) == "accepted"
