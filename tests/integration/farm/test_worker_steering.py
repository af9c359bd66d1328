"""What people tell workers, in the database."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, update

from framefarm.db import tables as t
from framefarm.farm.knocks import Admission
from framefarm.farm.worker_steering import (
    Steered,
    WorkerAction,
    WorkerChange,
    WorkerNameError,
    rename,
    steer_many,
)
from tests.integration.farm.bench import Bench


def tell(
    bench: Bench, worker: Admission, action: str, *, connected: bool = True, **change
) -> Steered:
    [steered], bench.news = bench.do(
        steer_many,
        bench.catalog,
        [worker.worker_id],
        WorkerChange(WorkerAction(action), **change),
        connected=lambda _: connected,
    )
    bench.check()
    return steered


def row(bench: Bench, worker: Admission):
    return bench.rows(t.workers, t.workers.c.id == worker.worker_id)[0]


def put(bench: Bench, **values) -> None:
    bench.do(lambda c: c.execute(update(t.workers).values(**values)))


def quarantine(bench: Bench, worker: Admission) -> None:
    facts = {"kind": "render", "blender": "5.0", "reason": "it broke 3 units", "strikes": 1}
    values = {"worker_id": worker.worker_id, "since_at": 1.0, "until_at": 2.0, **facts}
    bench.do(lambda c: c.execute(insert(t.quarantines).values(**values)))


@pytest.mark.parametrize(
    "case",
    [
        ("idle", "enable", True, "idle", "unchanged"),
        ("lost", "enable", False, "lost", "unchanged"),
        ("disabled", "enable", True, "idle", "done"),
        ("disabled", "enable", False, "offline", "done"),
        ("draining", "enable", True, "idle", "done"),
        ("draining", "enable", False, "offline", "done"),
        ("quarantined", "enable", True, "idle", "done"),
        ("idle", "disable", True, "disabled", "done"),
        ("lost", "disable", False, "disabled", "done"),
        ("draining", "disable", True, "disabled", "done"),
        ("quarantined", "disable", True, "disabled", "done"),
        ("disabled", "disable", True, "disabled", "unchanged"),
        ("idle", "drain", True, "draining", "done"),
        ("offline", "drain", False, "draining", "done"),
        ("draining", "drain", True, "draining", "unchanged"),
        ("disabled", "drain", True, "disabled", "unchanged"),
        ("quarantined", "drain", True, "draining", "done"),
    ],
)
def test_what_becomes_of_a_worker(bench: Bench, case):
    before, action, connected, after, outcome = case
    worker = bench.hello()
    put(bench, state=before)

    steered = tell(bench, worker, action, connected=connected)

    assert (steered.outcome, row(bench, worker).state) == (outcome, after)
    assert steered.message


def test_a_disabled_worker_ends_its_lease_first_unless_told_now(bench: Bench):
    bench.trial("1-4")
    worker = bench.hello()
    lease = bench.take(worker.worker_id, peers=4)

    first = tell(bench, worker, "disable")
    assert first.message == "is disabled; it ends its lease"
    assert bench.news.lost == []
    again = tell(bench, worker, "disable")
    assert again == Steered(
        worker.worker_id, "w", "unchanged", "was disabled already; it ends its lease"
    )

    now = tell(bench, worker, "disable", now=True)
    assert (now.outcome, now.message) == ("done", "is disabled; its lease was given back")
    assert [lost.lease_id for lost in bench.news.lost] == [lease.lease_id]
    assert bench.rows(t.faults) == []
    assert bench.take("other").attempt == 2


def test_a_reason_is_kept_until_the_worker_is_enabled(bench: Bench):
    worker = bench.hello()

    tell(bench, worker, "drain", reason="new fan")
    assert row(bench, worker).reason == "new fan"
    tell(bench, worker, "disable")
    assert row(bench, worker).reason == "new fan"
    tell(bench, worker, "enable")
    assert row(bench, worker).reason == ""


def test_l9_enabling_a_worker_ends_its_quarantines_and_nobody_elses(bench: Bench):
    worker, other = bench.hello(), bench.hello()
    quarantine(bench, worker)
    quarantine(bench, other)

    steered = tell(bench, worker, "enable")

    assert (steered.outcome, steered.message) == ("done", "is enabled; its quarantine is over")
    assert [one.worker_id for one in bench.rows(t.quarantines)] == [other.worker_id]
    assert tell(bench, worker, "enable").outcome == "unchanged"


def test_a_restart_is_asked_of_the_process_that_runs(bench: Bench):
    worker = bench.hello()

    assert tell(bench, worker, "restart").message == "restarts"
    assert row(bench, worker).restart_boot_id == "boot"
    assert row(bench, worker).state == "idle"
    away = tell(bench, worker, "restart", connected=False)
    assert (away.outcome, away.message) == ("done", "restarts when it is connected again")


@pytest.mark.parametrize("state", ["offline", "lost"])
def test_a_worker_that_does_not_run_is_not_restarted(bench: Bench, state: str):
    worker = bench.hello()
    put(bench, state=state)

    steered = tell(bench, worker, "restart", connected=False)

    assert (steered.outcome, steered.message) == ("unchanged", "is not running")
    assert row(bench, worker).restart_boot_id is None


def test_tags_are_added_and_taken_away(bench: Bench):
    worker = bench.hello()

    assert tell(bench, worker, "tag", tags=frozenset({"b", "a"})).message == "has the tags a, b now"
    assert tell(bench, worker, "tag", tags=frozenset({"a"})).outcome == "unchanged"
    assert tell(bench, worker, "untag", tags=frozenset({"a", "zz"})).message == "has the tag b now"
    assert tell(bench, worker, "untag", tags=frozenset({"zz"})).outcome == "unchanged"
    assert row(bench, worker).tags == ["b"]
    assert tell(bench, worker, "untag", tags=frozenset({"b"})).message == "has no tags now"
    many = tell(bench, worker, "tag", tags=frozenset(f"t{n}" for n in range(51)))
    assert (many.outcome, row(bench, worker).tags) == ("refused", [])


def test_a_revoked_worker_is_told_nothing(bench: Bench):
    worker = bench.hello()
    put(bench, revoked_at=1.0)

    for action in ("enable", "disable", "drain", "restart"):
        assert tell(bench, worker, action).outcome == "refused"
    assert row(bench, worker).state == "idle"


def test_a_name_is_given_once(bench: Bench):
    worker, other = bench.hello(name="one"), bench.hello(name="two")

    assert bench.do(rename, "one", "  big box ") == worker.worker_id
    assert (row(bench, worker).name, row(bench, worker).named_here) == ("big box", True)
    assert bench.do(rename, "big box", "big box") == worker.worker_id
    with pytest.raises(WorkerNameError, match="Another worker is called 'big box'"):
        bench.do(rename, "two", "big box")
    assert row(bench, other).name == "two"


@pytest.mark.parametrize("name", ["", "   ", "a/b", "a\nb", "x" * 181])
def test_what_is_no_name_is_refused(bench: Bench, name: str):
    bench.hello(name="one")

    with pytest.raises(WorkerNameError, match="is no name for a worker"):
        bench.do(rename, "one", name)
