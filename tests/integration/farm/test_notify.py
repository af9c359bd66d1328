"""Finding what to tell, sending it once, trying again, giving up: on a clock that is set."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import select, update

from framefarm.core.accounts import UserRole
from framefarm.core.notices import Event
from framefarm.db import set_clock
from framefarm.db import tables as t
from framefarm.farm import notify_finding as finding
from framefarm.farm import notify_sending as sending
from framefarm.farm.accounts import add_user, change_user, remove_user
from framefarm.farm.new_jobs import Wishes
from framefarm.farm.notify_history import history
from framefarm.farm.notify_quotas import note_quotas, quotas_changed
from framefarm.farm.notify_sending import Parcel
from framefarm.farm.notify_targets import (
    Listener,
    TargetView,
    add_target,
    change_target,
    remove_target,
    target,
)
from framefarm.notify.outcomes import TOLD, Outcome
from tests.integration.farm.bench import Bench

LOCAL = Listener.of(None)
ROOMY = finding.Disk(10**12, 10**9)
FULL = finding.Disk(10**8, 10**9)
TIGHT = finding.Disk(1_100_000_000, 10**9)
FARM = "0123456789abcdef"
DAY_S = 86_400.0
JOBS = [Event.JOB_DONE, Event.JOB_FAILED, Event.JOB_HELD]
WORKERS = [Event.WORKER_LOST, Event.WORKER_QUARANTINED]


class Desk:
    """A bench with a clock, people, and what they are told."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.now = 1_000_000.0
        self.rng = random.Random(1)
        set_clock(bench.engine, lambda _: self.now)
        self._names = itertools.count(1)

    def person(self, name: str, role: UserRole = UserRole.ARTIST) -> Listener:
        self.bench.do(add_user, name, role, f"{name}@studio.example")
        with self.bench.engine.connect() as connection:
            user_id = connection.execute(
                select(t.users.c.id).where(t.users.c.name == name)
            ).scalar_one()
        return Listener(user_id, name, role)

    def target(self, whose: Listener = LOCAL, **values: Any) -> TargetView:
        known = {"kind": "hook", "sealed": "x", "shown": "", "tells": JOBS, "all_jobs": False}
        name = f"target {next(self._names)}"
        made = self.bench.do(add_target, whose, **{"name": name, **known, **values})
        self.now += 1
        return made

    def job(self, state: str = "done", owner: str = "") -> int:
        """A job that ends now."""
        job = self.bench.trial("1", wishes=Wishes(owner=owner))
        self.end(job, state)
        return job

    def end(self, job: int, state: str = "done") -> None:
        self._set(t.jobs, t.jobs.c.id == job, state=state, finished_at=self.now, started_at=1.0)

    def hold(self, job: int, why: str, holds: int = 1) -> None:
        held = {"state": "paused", "message": why, "holds": holds, "held_at": self.now}
        self._set(t.jobs, t.jobs.c.id == job, **held, try_at=self.now + 60.0)

    def worker(self, name: str = "ants") -> str:
        worker_id = name.ljust(32, "0")
        row = {"id": worker_id, "name": name, "key_hash": name, "boot_id": "b", "state": "idle"}
        more = {"agent_version": "", "facts": {}, "slots": [], "first_seen_at": 0.0}
        with self.bench.engine.begin() as connection:
            connection.execute(t.workers.insert().values(**row, **more, last_seen_at=0.0))
        return worker_id

    def lose(self, worker_id: str) -> None:
        self._set(t.workers, t.workers.c.id == worker_id, state="lost", lost_at=self.now)

    def quarantine(self, worker_id: str) -> None:
        row = {"worker_id": worker_id, "kind": "render", "blender": "5.0", "reason": "it failed"}
        times = {"since_at": self.now, "until_at": self.now + 600, "strikes": 1}
        with self.bench.engine.begin() as connection:
            connection.execute(t.quarantines.delete())
            connection.execute(t.quarantines.insert().values(**row, **times))

    def _set(self, table: Any, where: Any, **values: Any) -> None:
        with self.bench.engine.begin() as connection:
            connection.execute(update(table).where(where).values(**values))

    def look(self, ended: Iterable[int] = (), disk: finding.Disk = ROOMY) -> list[tuple[int, str]]:
        """Find what there is to tell and note it; returns targets and events."""
        if self.bench.do(finding.disk_changed, disk):
            self.bench.do(finding.note_disk, disk)
        if self.bench.do(quotas_changed):
            self.bench.do(note_quotas)
        found = self.bench.do(finding.find, frozenset(ended), disk)
        self.bench.do(finding.note, found)
        return [(one.target_id, str(one.occurrence.notice.event)) for one in found if not one.muted]

    def take(self) -> list[Parcel]:
        """Take all that is due."""
        due = self.bench.do(sending.due)
        ids = (*due.sound, *due.doubtful)
        parcels = [self.bench.do(sending.take, FARM, target_id) for target_id in ids]
        return [parcel for parcel in parcels if parcel is not None]

    def note(self, parcel: Parcel, outcome: Outcome = TOLD) -> None:
        self.bench.do(sending.note_outcome, parcel, outcome, self.rng)

    def states(self, whose: Listener = LOCAL) -> list[str]:
        """Of all that somebody is told, oldest first."""
        options: dict[str, Any] = {"state": None, "target": None, "before": None, "limit": 500}
        page = self.bench.do(history, whose, **options)
        return [one.state for one in reversed(page.notifications)]


@pytest.fixture
def desk(bench: Bench) -> Desk:
    bench.check = lambda: None  # type: ignore[method-assign]  # jobs end here without any unit
    return Desk(bench)


# --- what is told -------------------------------------------------------------------------------


def test_each_job_that_ends_is_told_once(desk: Desk):
    made = desk.target()
    desk.job()
    desk.job("failed")
    desk.job("cancelled")

    assert desk.look() == [(made.id, "job_done"), (made.id, "job_failed")]
    assert desk.look() == []
    desk.now += 3 * DAY_S
    assert desk.look() == []


def test_job_that_ends_again_is_told_again(desk: Desk):
    made = desk.target()
    job = desk.job("failed")
    assert desk.look() == [(made.id, "job_failed")]

    desk.now += 5
    desk.end(job, "done")

    assert desk.look() == [(made.id, "job_done")]


def test_held_job_is_told_once_however_often_it_is_tried(desk: Desk):
    made, job = desk.target(), desk.bench.trial("1-9", wishes=Wishes(owner=""))
    desk.hold(job, "Held: 10 frames failed the same way on 3 workers: no licence.")
    assert desk.look() == [(made.id, "job_held")]

    for holds in (2, 3):
        desk.now += DAY_S
        desk.hold(job, "Held: 10 frames failed the same way on 3 workers: no licence.", holds)
        assert desk.look() == []

    desk.now += DAY_S
    desk.hold(job, "Held: 14 frames failed the same way on 3 workers: no texture.")
    assert desk.look() == [(made.id, "job_held")], "somebody let it go, and it is held anew"


def test_job_that_a_person_paused_is_not_told(desk: Desk):
    desk.target()
    desk.hold(desk.bench.trial("1-9", wishes=Wishes(owner="")), why="", holds=0)

    assert desk.look() == []


def test_nothing_from_before_the_target_or_its_choice_is_told(desk: Desk):
    desk.job("failed")
    lost = desk.worker()
    desk.lose(lost)
    desk.now += 1
    made = desk.target(tells=[Event.JOB_FAILED])
    desk.job("done")
    desk.now += 1
    desk.bench.do(change_target, LOCAL, made.id, tells=[*JOBS, *WORKERS])

    assert desk.look() == []


def test_manager_that_was_away_tells_what_it_did_not(desk: Desk):
    made = desk.target()
    desk.job()
    desk.look()
    desk.now += 60
    job = desk.job()

    desk.now += 5 * DAY_S

    assert desk.look() == [(made.id, "job_done")]
    assert desk.look([job]) == []


def test_job_that_ended_by_a_clock_of_the_past_is_told_when_it_is_named(desk: Desk):
    made = desk.target()
    desk.now += 10_000
    desk.job()
    desk.look()
    desk.now -= 5_000
    job = desk.job()
    desk.now += 5_000

    assert desk.look() == []
    assert desk.look([job]) == [(made.id, "job_done")]


def test_everybody_is_told_of_own_jobs_and_who_sees_all_of_all(desk: Desk):
    ada, bob = desk.person("ada"), desk.person("bob")
    vic, root = desk.person("vic", UserRole.VIEWER), desk.person("root", UserRole.ADMIN)
    hers, his = desk.target(ada), desk.target(bob)
    all_of_it = [desk.target(who, all_jobs=True) for who in (vic, root, LOCAL)]
    none_of_it = [desk.target(who) for who in (vic, root, LOCAL)]

    desk.job(owner="ada")

    told = {target_id for target_id, _ in desk.look()}
    assert told == {hers.id, *(one.id for one in all_of_it)}
    assert not told & {his.id, *(one.id for one in none_of_it)}


def test_who_may_no_longer_see_something_is_no_longer_told(desk: Desk):
    root = desk.person("root", UserRole.ADMIN)
    desk.target(root, all_jobs=True, tells=[*JOBS, *WORKERS, Event.DISK_LOW])
    desk.bench.do(change_user, "root", role=UserRole.ARTIST)
    desk.job(owner="ada")
    desk.lose(desk.worker())
    assert desk.look(disk=FULL) == []

    desk.bench.do(change_user, "root", role=UserRole.ADMIN, disabled=True)
    assert desk.look(disk=FULL) == []


def test_what_waits_for_a_disabled_account_is_not_sent_and_goes_with_it(desk: Desk):
    ada = desk.person("ada")
    desk.target(ada)
    desk.job(owner="ada")
    desk.look()

    desk.bench.do(change_user, "ada", disabled=True)
    assert desk.take() == []
    desk.bench.do(remove_user, "ada")

    with desk.bench.engine.connect() as connection:
        assert connection.execute(select(t.notify_targets.c.id)).all() == []
        assert connection.execute(select(t.notifications.c.id)).all() == []


def test_worker_that_comes_and_goes_is_told_once_in_ten_minutes(desk: Desk):
    made = desk.target(tells=WORKERS)
    worker = desk.worker()
    told = []
    for _ in range(5):
        desk.now += 150
        desk.lose(worker)
        told += desk.look()

    assert told == [(made.id, "worker_lost")] * 2
    assert sorted(desk.states()) == ["muted"] * 3 + ["waiting"] * 2


def test_quarantine_is_told_with_each_strike(desk: Desk):
    made = desk.target(tells=WORKERS)
    worker = desk.worker()
    desk.quarantine(worker)
    assert desk.look() == [(made.id, "worker_quarantined")]
    assert desk.look() == []

    desk.now += 700
    desk.quarantine(worker)

    assert desk.look() == [(made.id, "worker_quarantined")]


def test_low_disk_is_told_once_until_it_was_well(desk: Desk):
    made = desk.target(tells=[Event.DISK_LOW])
    assert desk.look(disk=TIGHT) == []
    assert desk.look(disk=FULL) == [(made.id, "disk_low")]
    desk.now += DAY_S
    assert desk.look(disk=FULL) == []
    assert desk.look(disk=TIGHT) == []
    assert desk.look(disk=FULL) == []

    desk.look(disk=ROOMY)
    desk.now += DAY_S

    assert desk.look(disk=FULL) == [(made.id, "disk_low")]


def test_target_that_is_removed_meanwhile_harms_nobody_else(desk: Desk):
    gone, kept = desk.target(), desk.target()
    desk.job()
    found = desk.bench.do(finding.find, frozenset(), ROOMY)
    desk.bench.do(remove_target, LOCAL, gone.id)
    desk.bench.do(finding.note, found)

    assert [parcel.target_id for parcel in desk.take()] == [kept.id]


def test_what_was_told_long_ago_is_forgotten_and_not_told_again(desk: Desk):
    desk.target()
    desk.job()
    desk.look()
    [parcel] = desk.take()
    desk.note(parcel)
    desk.now += 31 * DAY_S

    desk.bench.do(finding.forget_old)

    assert desk.states() == []
    assert desk.look() == []


# --- sending ------------------------------------------------------------------------------------


def test_what_comes_within_a_minute_is_gathered(desk: Desk):
    desk.target()
    desk.job()
    desk.look()
    [first] = desk.take()
    desk.note(first)
    for _ in range(14):
        desk.now += 1
        desk.job()
        desk.look()
    assert desk.take() == []
    assert desk.bench.do(sending.due_in_s) == 46.0

    desk.now += 46
    [second] = desk.take()
    desk.note(second)

    assert (len(first.ids), len(second.ids)) == (1, 14)
    assert desk.states() == ["sent"] * 15
    assert desk.bench.do(sending.due_in_s) is None


def test_what_does_not_get_there_is_tried_for_a_day_and_given_up(desk: Desk):
    made = desk.target()
    desk.job()
    desk.look()
    tries = 0
    began = desk.now
    letters = set()
    while parcels := desk.take():
        [parcel] = parcels
        letters.add(parcel.letter)
        tries += 1
        desk.note(parcel, Outcome(ok=False, reason="it answered 500"))
        view = desk.bench.do(target, LOCAL, made.id)
        assert (view.state, view.reason) == ("retrying", "it answered 500")
        due_s = desk.bench.do(sending.due_in_s)
        desk.now += due_s or 0

    assert desk.states() == ["given_up"]
    assert DAY_S <= desk.now - began < DAY_S + 3_600
    assert 24 < tries < 70
    assert len(letters) == 1


def test_a_success_ends_the_waiting(desk: Desk):
    made = desk.target()
    desk.job()
    desk.look()
    for outcome in (Outcome(ok=False, reason="it answered 500"), TOLD):
        [parcel] = desk.take()
        desk.note(parcel, outcome)
        desk.now += 30

    assert desk.states() == ["sent"]
    assert desk.bench.do(target, LOCAL, made.id).state == "ok"


def test_place_that_is_gone_is_marked_and_left_alone_until_it_is_changed(desk: Desk):
    made = desk.target()
    for _ in range(2):
        desk.job()
        desk.look()
    [parcel] = desk.take()
    desk.job()
    desk.look()
    gone = Outcome(ok=False, reason="it answered 410: it is gone", for_ever=True)
    desk.note(parcel, gone)
    desk.job()

    view = desk.bench.do(target, LOCAL, made.id)
    assert (view.state, view.reason) == ("failed", gone.reason)
    assert desk.look() == []
    assert desk.states() == ["given_up"] * 3

    desk.now += 1
    desk.bench.do(change_target, LOCAL, made.id, sealed="y", shown="")
    assert desk.look() == []
    desk.job()
    assert desk.look() == [(made.id, "job_done")]


def test_test_that_gets_there_mends_a_target_for_what_comes(desk: Desk):
    made = desk.target()
    desk.job()
    desk.look()
    [parcel] = desk.take()
    desk.note(parcel, Outcome(ok=False, reason="it answered 404", for_ever=True))
    desk.now += 30
    desk.job()
    desk.now += 1

    tested = desk.bench.do(sending.take_test, FARM, made.id)
    assert tested is not None
    desk.note(tested)

    assert desk.bench.do(target, LOCAL, made.id).state == "ok"
    assert desk.look() == []
    assert desk.bench.do(sending.take_test, FARM, made.id) is None
    desk.now += 60
    assert desk.bench.do(sending.take_test, FARM, made.id) is not None


def test_test_that_does_not_get_there_is_not_tried_again(desk: Desk):
    made = desk.target()
    tested = desk.bench.do(sending.take_test, FARM, made.id)
    assert tested is not None
    desk.note(tested, Outcome(ok=False, reason="it answered 500"))

    desk.now += 3_600

    assert desk.take() == []
    assert desk.states() == ["given_up"]


def test_target_that_something_is_wrong_with_is_tested_a_few_times_a_minute(desk: Desk):
    made = desk.target()
    for _ in range(3):
        tested = desk.bench.do(sending.take_test, FARM, made.id)
        assert tested is not None
        desk.note(tested, Outcome(ok=False, reason="it answered 500"))

    assert desk.bench.do(sending.take_test, FARM, made.id) is None
    desk.now += 61
    assert desk.bench.do(sending.take_test, FARM, made.id) is not None


def test_places_where_something_went_wrong_hold_up_nobody_else(desk: Desk):
    wrong, sound = desk.target(), desk.target()
    desk.job()
    desk.look()
    for parcel in desk.take():
        failed = Outcome(ok=False, reason="it took too long and was broken off")
        desk.note(parcel, failed if parcel.target_id == wrong.id else TOLD)
    desk.now += 60
    desk.job()
    desk.look()

    due = desk.bench.do(sending.due)

    assert (due.sound, due.doubtful) == ([sound.id], [wrong.id])


@pytest.mark.parametrize(
    ("noted", "state"),
    [
        ([], "waiting"),
        ([None], "unclear"),
        ([TOLD], "sent"),
        ([Outcome(ok=False, reason="it answered 500")], "waiting"),
        ([Outcome(ok=False, reason="it answered 410", for_ever=True)], "given_up"),
    ],
)
def test_what_was_being_sent_in_a_crash_is_sent_again_only_if_it_was_not(
    desk: Desk, noted: list[Outcome | None], state: str
):
    desk.target()
    desk.job()
    desk.look()
    [parcel] = desk.take()
    assert desk.states() == ["sending"]

    journal = dict(zip([parcel.letter], noted, strict=False))
    desk.bench.do(sending.recover, FARM, journal)

    assert desk.states() == [state]
    desk.now += 60
    assert bool(desk.take()) == (state == "waiting")


def test_test_that_was_on_its_way_in_a_crash_is_told_from_what_there_was_to_tell(desk: Desk):
    made = desk.target()
    tested = desk.bench.do(sending.take_test, FARM, made.id)
    desk.now += 60
    desk.job()
    desk.look()
    [parcel] = desk.take()
    assert tested is not None

    desk.bench.do(sending.recover, FARM, {tested.letter: TOLD})

    assert parcel.ids > tested.ids
    assert desk.states() == ["sent", "waiting"]
