"""Blame over real connections: quarantine, growing pauses, stalls (L9, L10, L13)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from framefarm.core.blame import BlameLimits
from framefarm.farm import duties
from framefarm.farm.roster import Roster
from framefarm.farm.stalls import Stall, find_stalls
from tests.integration.api.manager import Manager, Worker, of, until

LIMITS = BlameLimits(quarantine_s=0.5)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "manager", blame=LIMITS)
    yield made
    made.close()


def failed(lease: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"type": "failed", **of(lease), "reason": "error", "message": "it broke", **changes}


def state_of(manager: Manager, name: str) -> dict[str, Any]:
    workers = manager.http.get("/api/workers").json()["workers"]
    [found] = [one for one in workers if one["name"] == name]
    return dict(found)


def fail_for_others(bad: Worker, good: Worker, count: int) -> None:
    for _ in range(count):
        # Without a `ready` beside it, so that no pause matters here.
        assert bad.fail(bad.lease()) == "noted"
        assert good.finish(good.lease()) == "accepted"


def test_l9_a_bad_machine_is_set_aside_and_tried_again_with_one_unit(manager: Manager):
    job = manager.trial("1-9", settings={"largest_lease": 9})["id"]
    with manager.worker(name="bad") as bad, manager.worker(name="good") as good:
        fail_for_others(bad, good, 3)

        told = state_of(manager, "bad")
        assert told["state"] == "quarantined"
        assert "3 units of trial that other workers finished" in told["reason"]
        # Half a second later it gets one unit, no more.
        trial = bad.lease()
        assert len(trial["units"].split("-")) == 1
        assert bad.finish(trial) == "accepted"
        until(lambda: state_of(manager, "bad")["state"] != "quarantined", "its pardon")
        assert bad.finish(bad.lease()) == "accepted"
    assert manager.job(job)["state"] == "running"
    manager.check()


def test_l9_a_worker_that_comes_back_is_still_set_aside(manager: Manager):
    manager.trial("1-9")
    with manager.worker(name="bad") as bad, manager.worker(name="good") as good:
        fail_for_others(bad, good, 3)
        key = {"worker_id": bad.id, "key": bad.key}
    with manager.worker(name="bad", boot_id="new", **key) as bad:
        assert bad.hears({"type": "ready", "slot": "cpu"}) == []


def test_l13_who_fails_one_unit_after_the_other_gets_the_next_after_a_pause(manager: Manager):
    manager.trial("1-9")
    with manager.worker() as worker:
        ready = {"type": "ready", "slot": "cpu"}
        first = worker.lease()
        worker.say(failed(first), ready)
        second = worker.hear("lease")
        assert of(second)["unit"] == of(first)["unit"], "the first retry is in front"

        heard = worker.hears(failed(second), ready)

        assert [order["type"] for order in heard] == ["settled"]
        assert worker.hear("lease")["stage"] == second["stage"]


STALL_S = 600.0


@pytest.fixture
def watchful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A manager for which `STALL_S` has always passed when it looks for stalls.

    What is left of their limit is a lease's life.
    """

    def later(roster: Roster) -> Iterator[Stall]:
        return find_stalls(roster, now=time.monotonic() + STALL_S)

    monkeypatch.setattr(duties, "find_stalls", later)
    made = Manager(tmp_path / "manager", lease_s=3.0, stall_s=STALL_S)
    yield made
    made.close()


def test_l10_what_shows_no_progress_is_taken_back_and_what_does_is_not_though_both_send_heartbeats(
    watchful: Manager,
):
    job = watchful.trial("1-2")["id"]
    with watchful.worker(name="stuck") as stuck, watchful.worker(boot_id="other") as busy:
        lease, going_on = stuck.lease(), busy.lease()
        steps = count(1)

        def revoked() -> list[dict[str, Any]]:
            told = {"lease": going_on["lease"], "unit": 2, "total": 1_000_000}
            progress = {"type": "progress", "done": next(steps), **told}
            assert busy.hears(progress, beat(going_on)) == []
            return [o for o in stuck.hears(beat(lease)) if o["type"] == "revoke"]

        order = until(revoked, "the revoke")[0]

        assert order["lease"] == lease["lease"]
        assert order["reason"] == "it showed no progress"
        log = watchful.http.get(f"/api/jobs/{job}/log").text
        assert "unit 1, attempt 1 on stuck: stalled: No sign of progress for" in log
        assert stuck.finish(lease) == "accepted_late", "a success counts whenever it comes (L4)"
        assert busy.finish(going_on) == "accepted"
    assert watchful.job(job)["state"] == "done"
    watchful.check()


def beat(lease: dict[str, Any]) -> dict[str, Any]:
    return {"type": "heartbeat", "leases": [lease["lease"]]}


def test_l10_slow_units_may_be_silent_for_longer(tmp_path: Path):
    manager = Manager(tmp_path / "manager", stall_s=300.0)
    manager.trial("1-3")
    with manager.worker() as worker:
        first = worker.lease()
        assert "stall_s" not in first
        assert worker.finish(first, facts={"seconds": 60.0}) == "accepted"

        assert worker.lease()["stall_s"] == 600.0
    manager.close()


def test_l13_a_job_whose_every_frame_fails_on_the_only_worker_ends_soon(tmp_path: Path):
    limits = BlameLimits(rests_in_all_s=1.0, alike=0)
    manager = Manager(tmp_path / "alone", blame=limits)
    job = manager.trial("1-20")["id"]
    began = time.monotonic()
    with manager.worker() as worker:
        for _ in range(20 * limits.workers):
            assert worker.fail(worker.lease()) == "noted"

        # With a pause after every failure it would be 20 minutes.
        until(lambda: manager.job(job)["state"] == "failed", "the job's end")
    took_s = time.monotonic() - began
    [stage] = manager.job(job)["stages"]
    manager.close()

    assert stage["failed"] == 20
    # One pause of half a second at least.
    assert took_s >= 0.5


def test_l9_a_job_that_is_held_tells_why_and_goes_on_when_it_is_resumed(tmp_path: Path):
    limits = BlameLimits(rests_in_all_s=0.0, alike=4)
    manager = Manager(tmp_path / "held", blame=limits)
    job = manager.trial("1-20")["id"]
    with manager.worker() as worker:
        failed = 0
        while manager.job(job)["state"] != "paused":
            assert worker.fail(worker.lease(), message="no light in the cellar") == "noted"
            failed += 1
        held = manager.job(job)
        why = manager.http.get(f"/api/jobs/{job}/why").json()["answer"]
        manager.http.post(f"/api/jobs/{job}/resume").raise_for_status()
        assert worker.finish(worker.lease()) == "accepted"
        after = manager.job(job)
    manager.close()

    assert failed < 20
    assert "no light in the cellar" in held["message"]
    assert held["message"] in why
    assert (after["state"], after["message"]) == ("running", "")


def test_l13_a_worker_goes_on_resting_while_another_could_do_its_work(tmp_path: Path):
    manager = Manager(tmp_path / "two", blame=BlameLimits(rests_in_all_s=1.0))
    manager.trial("1-20")
    with manager.worker(name="bad") as bad, manager.worker(name="sound"):
        for _ in range(2):
            assert bad.fail(bad.lease()) == "noted"
        lease = bad.lease()
        began = time.monotonic()
        assert bad.fail(lease) == "noted"
        bad.lease()
    manager.close()

    # The third failure's pause is one of 1 to 2 seconds.
    assert time.monotonic() - began >= 0.9
