"""Whatever happens in whatever order, the farm does what a plain model of its rules says.

The machine drives the real functions over a real database, and a model of the rules in plain Python
beside it. Every answer is predicted, and after each step every unit is where the model has it.
"""

from __future__ import annotations

import functools
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import count
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from sqlalchemy import Connection, insert

from framefarm.core.errors import FrameFarmError
from framefarm.core.grace import GraceLimits, Watch
from framefarm.core.plans import JobPlan, plan_render, plan_trial
from framefarm.core.spans import Spans
from framefarm.core.tail import Pace
from framefarm.db import set_clock
from framefarm.db import tables as t
from framefarm.farm.blame import Blame
from framefarm.farm.catalog import Catalog
from framefarm.farm.charging import finish_and_charge
from framefarm.farm.claim_requests import ClaimedLease, ClaimRequest
from framefarm.farm.deleting import remove_leftovers
from framefarm.farm.expiry import LeaseLives, expiry_round
from framefarm.farm.knocks import Admission
from framefarm.farm.lease_pages import NoSuchLeaseError
from framefarm.farm.quarantine import Bars, bars, begin_trial
from framefarm.farm.recalls import recall
from framefarm.farm.registry import Renewal, renew_many
from framefarm.farm.tails import TailRequest, lease_tails
from framefarm.farm.worker_steering import WorkerAction, WorkerChange, steer_many
from tests.integration.farm import model as m
from tests.integration.farm.bench import Backup, Bench, ask, weave

ENDED = {"done", "failed", "cancelled"}
EXAMPLES = int(os.environ.get("FRAMEFARM_FARM_EXAMPLES", "40"))
LIMITS = GraceLimits(quiet_s=1e9, step_s=1.0)
REASONS = ["error", "error", "crashed", "stalled", "refused", "placement", "out_of_memory"]
GIB = 1 << 30
MEMORY = st.sampled_from([0, 8 * GIB, 16 * GIB])
_IN_FRONT = 9
PIECES = st.sampled_from([1, 2, 500])
"""How many results are taken back in one write: to the model a retry is one step."""
FRAMES = st.sampled_from(["1-5", "3-9x2", "1,4,9", "7"])


@functools.cache
def _bench() -> Bench:
    """One for all examples: the statements are compiled only once."""
    return Bench(None)


def _numbered(numbers: Iterator[int], size: int) -> str:
    """Digits for so many bytes: a number to each ten, which are those of one lease."""
    digits = 2 * size if size % 10 else 20
    return "".join(f"{next(numbers):0{digits}x}" for _ in range(2 * size // digits))


class Slow:
    """A watch that sees every holder at its unit for long, so that a second lease is worth it."""

    def of(self, _stage: int, _worker: str, _slot: str, _unit: int) -> Pace:
        return Pace(1_000.0)

    def usual_s(self, _stage: int) -> float:
        return 1.0


class AnyOrder(RuleBasedStateMachine):
    """Workers, jobs, clocks and people who do as they please."""

    leases: Bundle[ClaimedLease] = Bundle("leases")
    workers: Bundle[Admission] = Bundle("workers")
    jobs: Bundle[int] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.bench = _bench()
        self.bench.begin_anew()
        # Rows that nobody sorts come in the order of their ids: an example must tell the same story
        # when it is run again.
        self.ids = mock.patch.object(secrets, "token_hex", functools.partial(_numbered, count(1)))
        self.ids.start()
        self.model = m.Model()
        set_clock(self.bench.engine, lambda _: self.model.now)
        self.bench.blame = Blame(
            elsewhere=lambda _c, _asked, avoid, more: self._others(avoid, more)
        )
        self.monotonic_s = 0.0
        self.watch = Watch(LIMITS)
        self.boots = 0
        self.backup = Backup(self.bench), deepcopy(self.model)
        self._round(began=True)

    def teardown(self) -> None:
        try:
            for wanted, reached in self._reached().items():
                target(float(min(reached, 20)), label=wanted)
            self._finish_everything()
        finally:
            self.ids.stop()

    def _reached(self) -> dict[str, int]:
        """How much there is of what takes many steps to come by; more of it is looked for."""
        units = [unit for stage in self.model.stages.values() for unit in stage.units.values()]
        return {
            "units made anew": sum(unit.highest > 1 and unit.result is not None for unit in units),
            "late results": sum(
                unit.result is not None and unit.result.answer == "accepted_late" for unit in units
            ),
            "faults": sum(len(unit.counting) for unit in units),
            "strikes": sum(row.strikes for row in self.model.quarantines.values()),
        }

    # --- at the beginning

    @initialize(target=workers, memory=MEMORY)
    def one_joins(self, memory: int) -> Admission:
        return self.join(memory)

    @initialize(target=workers, memory=MEMORY)
    def another_joins(self, memory: int) -> Admission:
        return self.join(memory)

    @initialize(target=jobs, frames=FRAMES)
    def the_first_film(self, frames: str) -> int:
        return self.submit_film(frames)

    # --- people

    @rule(target=jobs, units=st.integers(1, 7), spread=st.booleans(), priority=st.integers(0, 2))
    def submit(self, units: int, spread: bool, priority: int) -> int:  # noqa: FBT001
        order = "spread" if spread else "sequential"
        return self._submit(plan_trial(Spans.of(1, units), order=order), priority)

    @rule(target=jobs, frames=FRAMES)
    def submit_film(self, frames: str) -> int:
        plan = plan_render(Spans.parse(frames), movie=True, segment_frames=2)
        return self._submit(plan, 1)

    @rule(target=jobs, units=st.integers(1, 6), group=st.integers(1, 3))
    def submit_weave(self, units: int, group: int) -> int:
        return self._submit(weave(units, group), 1)

    def _submit(self, plan: JobPlan, priority: int) -> int:
        job = self.bench.store(plan, priority=priority)
        ids = [self.bench.stage(job, at).id for at in range(len(plan.stages))]
        self.model.submit(job, ids, plan, priority)
        return job

    @rule(job=jobs)
    def cancel(self, job: int) -> None:
        self._steer(job, self.model.cancel, lambda: self.bench.cancel(job))

    @rule(job=jobs, now=st.booleans())
    def pause(self, job: int, now: bool) -> None:  # noqa: FBT001
        self._steer(
            job,
            lambda known: self.model.pause(known, at_once=now),
            lambda: self.bench.pause(job, at_once=now),
        )

    @rule(job=jobs)
    def resume(self, job: int) -> None:
        self._steer(job, self.model.resume, lambda: self.bench.resume(job))

    @rule(job=jobs, most=PIECES)
    def retry(self, job: int, most: int) -> None:
        self._steer(
            job,
            lambda known: self.model.retry(known, None, everything=False),
            lambda: self.bench.retry(job, most=most),
        )

    @rule(job=jobs, first=st.integers(1, 5), count=st.integers(1, 3), most=PIECES)
    def retry_frames(self, job: int, first: int, count: int, most: int = 500) -> None:
        known = self.model.jobs.get(job)
        frames = set(range(first, first + count))
        if known is None or not frames & set(known.stages[0].units):
            return
        self._steer(
            job,
            lambda known: self.model.retry(known, frames, everything=False),
            lambda: self.bench.retry(job, f"{first}-{first + count - 1}", most=most),
        )

    @rule(job=jobs, most=PIECES)
    def retry_all(self, job: int, most: int = 500) -> None:
        self._steer(
            job,
            lambda known: self.model.retry(known, None, everything=True),
            lambda: self.bench.retry(job, everything=True, most=most),
        )

    @rule(job=jobs, priority=st.integers(0, 3))
    def prioritize(self, job: int, priority: int) -> None:
        def move(known: m.Job) -> bool:
            for stage in known.stages:
                stage.priority = priority
            return True

        self._steer(job, move, lambda: self.bench.prioritize(job, priority))

    @rule(job=consumes(jobs))
    def delete(self, job: int) -> None:
        self._steer(
            job, lambda known: self.model.delete(known) is None, lambda: self.bench.delete(job)
        )

    @rule(most=st.integers(1, 5))
    def clear_away_some(self, most: int) -> None:
        self.bench.do(remove_leftovers, most)

    def _steer(self, job: int, predict: Callable[[m.Job], bool], act: Callable[[], object]) -> None:
        known = self.model.jobs.get(job)
        if known is not None and predict(known):
            act()
        else:
            with pytest.raises(FrameFarmError):
                act()

    # --- workers

    @rule(target=workers, memory=MEMORY)
    def join(self, memory: int) -> Admission:
        worker = self.bench.hello()
        self.model.workers[worker.worker_id] = memory
        return worker

    @rule(lease=leases)
    def take_back(self, lease: ClaimedLease) -> None:
        known = self.model.leases.get(lease.lease_id)
        if known is None or not known.active:
            with pytest.raises(NoSuchLeaseError):
                self.bench.do(recall, self.bench.catalog, lease.lease_id)
            return
        self.bench.do(recall, self.bench.catalog, lease.lease_id)
        self.model.end(known, lost=False)

    @rule(worker=workers, held=st.lists(leases, max_size=3), owes=st.booleans())
    def return_(self, worker: Admission, held: list[ClaimedLease], owes: bool) -> None:  # noqa: FBT001
        holding = {lease.lease_id for lease in held}
        mine = self.model.of_worker(worker.worker_id)
        owed = self._owed(mine) if owes else ()
        told = self._hello(worker, f"boot {self.boots}", holding=tuple(sorted(holding)), owed=owed)
        for lease in mine:
            if lease.id not in holding:
                self.model.end(lease, lost=False, kept=owed)
        self.model.welcome(worker.worker_id)
        assert set(told.dropped) == holding - {lease.id for lease in mine}

    @rule(worker=workers, knows=st.booleans(), owes=st.booleans())
    def die(self, worker: Admission, knows: bool, owes: bool) -> None:  # noqa: FBT001
        """Its process is another one now, which may know what the old one was at (L8, L9).

        What lies in its outbox stays leased to it (L6).
        """
        self.boots += 1
        mine = self.model.of_worker(worker.worker_id)
        owed = self._owed(mine) if owes else ()
        killed = [(lease.stage, max(lease.units)) for lease in mine] if knows else []
        killed = [pair for pair in killed if all(pair[1] != unit for _, unit in owed)]
        self._hello(worker, f"boot {self.boots}", interrupted=tuple(killed), owed=owed)
        for lease in mine:
            self.model.end(lease, lost=True, killed=killed, kept=owed)
        self.model.welcome(worker.worker_id)

    def _owed(self, mine: list[m.Lease]) -> tuple[tuple[str, int], ...]:
        """The first unit of each lease: it is made, and not delivered."""
        return tuple((lease.id, min(lease.units)) for lease in mine)

    def _hello(self, worker: Admission, boot: str, **facts: Any) -> Admission:
        known = {"worker_id": worker.worker_id, "key": worker.key}
        if not facts.get("interrupted") and boot == f"boot {self.boots}" and "holding" in facts:
            boot = self.bench.rows(t.workers, t.workers.c.id == worker.worker_id)[0].boot_id
        return self.bench.hello(**known, boot_id=boot, **facts)

    @rule(worker=workers)
    def pardon(self, worker: Admission) -> None:
        change = WorkerChange(WorkerAction.ENABLE)
        ids = [worker.worker_id]
        self.bench.do(steer_many, self.bench.catalog, ids, change, lambda _: True)
        for stage in self.model.stages.values():
            for unit in stage.units.values():
                for fault in unit.faults:
                    fault.charged |= fault.worker == worker.worker_id
        for key in list(self.model.quarantines):
            if key[0] == worker.worker_id:
                del self.model.quarantines[key]

    @rule(
        target=leases,
        claimers=st.lists(workers, min_size=1, max_size=4),
        speed=st.sampled_from([None, 4.0, 40.0]),
        peers=st.integers(1, 3),
    )
    def claim(self, claimers: list[Admission], speed: float | None, peers: int) -> object:
        return multiple(*self._claim(claimers, speed, peers))

    def _claim(
        self, claimers: list[Admission], speed: float | None = 4.0, peers: int = 1
    ) -> list[ClaimedLease]:
        speeds = dict.fromkeys(self.model.stages, speed) if speed else {}
        its = self.bench.do(bars)
        self._compare_bars(its)
        requests = [
            self._request(one.worker_id, its, seconds_per_unit=speeds, peers=peers)
            for one in claimers
        ]
        found = self.bench.claims(requests)
        pairs = list(zip(requests, found, strict=True))
        lent = [(request, lease) for request, lease in pairs if self._lent(request, lease)]
        # As the dispatcher does: a second slot's trial is given back when all have what they get.
        return [lease for request, lease in lent if lease and self._on_trial(request, lease)]

    @rule(target=leases, worker=workers, turns=st.integers(1, 12))
    def work_for_a_while(self, worker: Admission, turns: int) -> object:
        """Things get done, so that there is something to be undone."""
        return multiple(*self._work(worker, turns))

    @rule(target=leases, worker=workers, knows=st.booleans(), owes=st.booleans())
    def die_at_work(self, worker: Admission, knows: bool, owes: bool) -> object:  # noqa: FBT001
        """Its units are others' at once, but for what lies in its outbox (L6, L8)."""
        lent = self._claim([worker], 40.0)
        self.die(worker, knows, owes)
        return multiple(*lent)

    @rule(target=leases, worker=workers, owes=st.booleans())
    def come_back_without_it(self, worker: Admission, owes: bool) -> object:  # noqa: FBT001
        """What it was lent never reached it."""
        lent = self._claim([worker], 40.0)
        self.return_(worker, [], owes)
        return multiple(*lent)

    @rule(target=leases, slow=workers, fast=workers, overtakes=st.booleans(), dies=st.booleans())
    def race_for_the_tail(
        self,
        slow: Admission,
        fast: Admission,
        overtakes: bool,  # noqa: FBT001
        dies: bool,  # noqa: FBT001
    ) -> object:
        """The last units are made twice: the first result counts, a death costs nothing (L11)."""
        lent: list[ClaimedLease] = []
        while some := self._claim([slow]):
            lent += some
        for second in self._claim_tail(fast):
            lent.append(second)
            if dies:
                self.die(slow if overtakes else fast, knows=False, owes=False)
            unit = second.units.first
            [first] = [
                one
                for one in lent
                if one.stage_id == second.stage_id and one is not second and unit in one.units
            ][:1] or [second]
            both = [second, first] if overtakes else [first, second]
            for one in both:
                self._finish([(one, unit)])
        return multiple(*lent)

    @rule(target=leases, slow=workers, fast=workers, gives_up=st.booleans())
    def be_overtaken(self, slow: Admission, fast: Admission, gives_up: bool) -> object:  # noqa: FBT001
        """A worker is silent for too long, another gets its units, then it delivers (L4)."""
        late = self._claim([slow])
        self.time_passes(31.0)
        again = self._claim([fast])
        for lease in again if gives_up else ():
            self.fail(lease, "refused", 0)
        for lease in late:
            self._finish([(lease, lease.units.first)])
        return multiple(*late, *again)

    @rule(target=leases, worker=workers, redo=st.sampled_from(["before", "after", "no"]))
    def be_forgotten(self, worker: Admission, redo: str) -> object:
        """A worker brings what it was lent after the backup that the farm was restored to (L6)."""
        self.back_up()
        lent = self._claim([worker])
        for lease in lent[:1] if redo == "before" else ():
            self.retry_all(lease.job_id)
        self.restore()
        for lease in lent[:1] if redo == "after" else ():
            self.retry_all(lease.job_id)
        self._finish([(lease, lease.units.first) for lease in lent])
        return multiple(*lent)

    @rule(target=leases, bad=workers, good=workers, units=st.sampled_from([1, 4, 5]))
    def break_what_others_make(self, bad: Admission, good: Admission, units: int) -> object:
        """After three times it gets nothing of the kind, nor the last units of others (L9)."""
        # In front of all other work, so that what is broken is of one stage.
        self._submit(plan_render(Spans.of(1, 5), movie=True, segment_frames=2), _IN_FRONT)
        made = []
        for _ in range(units):
            for lease in self._claim([bad], None):
                self.fail(lease, "error", 0)
                made += self._work(good, 4, until=(lease.stage_id, lease.units.first))
        # Only what nobody waits for is lent twice.
        while some := self._claim([good], 40.0):
            made += some
        made += self._claim_tail(bad)
        return multiple(*made)

    @rule(target=leases, job=jobs, first=st.integers(1, 5), worker=workers, turns=st.integers(1, 9))
    def make_and_redo(self, job: int, first: int, worker: Admission, turns: int) -> object:
        """Frames are wanted anew after they, and perhaps what is made of them, were made (L4)."""
        before = self._work(worker, turns)
        self.retry_frames(job, first, 1)
        return multiple(*before, *self._work(worker, turns))

    def _work(
        self, worker: Admission, turns: int, *, until: tuple[int, int] | None = None
    ) -> list[ClaimedLease]:
        """Claim and finish so many times; or until a unit of a stage is made."""
        done = []
        for _ in range(turns):
            for lease in self._claim([worker]):
                done.append(lease)
                self._finish([(lease, unit) for unit in lease.units])
                if until is not None and until == (lease.stage_id, lease.units.first):
                    return done
        return done

    def _request(self, worker: str, its: dict[str, Bars], **more: Any) -> ClaimRequest:
        mine = its.get(worker, Bars())
        return ask(
            worker,
            memory_bytes=self.model.workers[worker],
            others=lambda _asked, avoid, more: self._others(avoid, more),
            barred=mine.barred,
            probation=mine.probation,
            **more,
        )

    def _lent(self, request: ClaimRequest, lease: ClaimedLease | None) -> bool:
        """Check that a slot may have what it got, and that nothing better was to be had."""
        worker = request.worker_id
        fresh = [stage for stage in self.model.claimable() if self._fresh(stage, request)]
        if lease is None:
            assert not fresh, f"{worker} got nothing of stage {fresh[0].id}"
            return False
        stage = self.model.stages[lease.stage_id]
        assert stage in list(self.model.claimable())
        assert all(one.priority <= stage.priority for one in fresh), "priority (L12)"
        assert (stage.kind, "") not in request.barred, "it is in quarantine (L9)"
        for number in lease.units:
            unit = stage.units[number]
            assert (unit.state, unit.next_attempt) == ("pending", lease.attempt)
            assert lease.attempt > unit.highest, "attempts only rise"
        self.model.lend(self._held(lease))
        return True

    def _compare_bars(self, its: dict[str, Bars]) -> None:
        """Who may have nothing of a kind, or one unit, is whom the model has in quarantine."""
        found = {
            (worker, kind): whom is one.barred
            for worker, one in its.items()
            for whom in (one.barred, one.probation)
            for kind, _ in whom
        }
        assert found == {key: self.model.barred(*key) for key in self.model.quarantines}

    def _fresh(self, stage: m.Stage, request: ClaimRequest) -> bool:
        """Whether the slot may have any pending unit of a stage, whatever went wrong so far."""
        on_its_own = (stage.kind, "") not in request.barred | request.probation
        return on_its_own and not any(
            fault.reason not in m.NOT_ITS_ERROR
            for unit in stage.units.values()
            for fault in unit.counting
        )

    def _on_trial(self, request: ClaimRequest, lease: ClaimedLease) -> bool:
        """What the dispatcher does with a lease of what its worker is on probation for.

        Its slots ask at the same time, and each may get something; only one of them keeps it (L9).
        """
        stage = self.model.stages[lease.stage_id]
        what = (stage.kind, "")
        if what not in request.probation:
            return True
        assert len(lease.units) == 1
        row = self.model.quarantines[request.worker_id, stage.kind]
        expected = not self.model.barred(request.worker_id, stage.kind)
        begun = self.bench.do(begin_trial, request.worker_id, what, lease.lease_id)
        assert begun == expected
        if begun:
            row.trial = lease.lease_id
            return True
        self.bench.release(lease)
        self.model.end(self.model.leases[lease.lease_id], lost=False)
        return False

    def _held(self, lease: ClaimedLease) -> m.Lease:
        return m.Lease(
            id=lease.lease_id,
            stage=lease.stage_id,
            worker=lease.worker_id,
            attempt=lease.attempt,
            units=set(lease.units),
            expires_at=self.model.now + m.LEASE_S,
            next_attempt=lease.attempt + 1,
        )

    @rule(target=leases, worker=workers)
    def claim_tail(self, worker: Admission) -> object:
        return multiple(*self._claim_tail(worker))

    def _claim_tail(self, worker: Admission) -> list[ClaimedLease]:
        request = self._request(
            worker.worker_id,
            self.bench.do(bars),
            seconds_per_unit=dict.fromkeys(self.model.stages, 1.0),
        )
        [lease] = self.bench.do(lease_tails, [TailRequest(request, Slow())])
        if lease is None:
            return []
        stage, number = self.model.stages[lease.stage_id], lease.units.first
        [holder] = self.model.holders(stage.id, number)
        assert stage.job.state == "running"
        assert stage.count("pending") == 0, "the tail (L11)"
        assert holder.worker != worker.worker_id
        assert (lease.attempt, lease.tail, len(lease.units)) == (holder.next_attempt, True, 1)
        assert not self.model.barred(worker.worker_id, stage.kind)
        holder.next_attempt += 1
        self.model.lend(self._held(lease))
        return [lease]

    @rule(reports=st.lists(st.tuples(leases, st.integers(0, 20)), min_size=1, max_size=4))
    def finish(self, reports: list[tuple[ClaimedLease, int]]) -> None:
        self._finish([(lease, lease.units.at(at % len(lease.units))) for lease, at in reports])

    def _finish(self, pairs: list[tuple[ClaimedLease, int]]) -> None:
        if not pairs:
            return
        finishes = [self.bench.result(lease, unit) for lease, unit in pairs]
        settled = self.bench.do(
            finish_and_charge, self.bench.catalog, finishes, self.bench.blame.limits
        )
        held = [(self._held(lease), unit) for lease, unit in pairs]
        expected = self.model.finish(held)
        assert [one.answer for one in settled] == expected
        accepted = [
            pair for pair, told in zip(held, expected, strict=True) if told.startswith("accepted")
        ]
        self.model.charge(accepted)

    @rule(lease=leases)
    def finish_all_of_it(self, lease: ClaimedLease) -> None:
        self._finish([(lease, unit) for unit in lease.units])

    @rule(lease=leases, reason=st.sampled_from(REASONS), at=st.integers(0, 20))
    def fail(self, lease: ClaimedLease, reason: str, at: int) -> None:
        unit = lease.units.at(at % len(lease.units))
        memory = self.model.workers[lease.worker_id]
        expected = self.model.fail(self._held(lease), unit, reason, memory)

        assert self.bench.fail(lease, unit, reason=reason, memory_bytes=memory) == expected

    @rule(lease=leases)
    def release(self, lease: ClaimedLease) -> None:
        self.bench.release(lease)
        known = self.model.leases.get(lease.lease_id)
        if known is not None and known.active:
            self.model.end(known, lost=False)

    @rule(worker=workers, held=st.lists(leases, min_size=1, max_size=4))
    def renew(self, worker: Admission, held: list[ClaimedLease]) -> None:
        ids = tuple(sorted({lease.lease_id for lease in held}))
        [lost] = self.bench.do(renew_many, [Renewal(worker.worker_id, ids, m.LEASE_S)])

        assert set(lost) == self.model.renew(worker.worker_id, ids)

    # --- time

    @rule(seconds=st.sampled_from([1.0, 12.0, 31.0, 601.0]))
    def time_passes(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.model.now += seconds
        self._round()

    @rule(step_s=st.sampled_from([3_600.0, -3_600.0, 86_400.0, -86_400.0]))
    def the_clock_steps(self, step_s: float) -> None:
        self.model.now += step_s
        self._round(began=True)

    @rule(away_s=st.sampled_from([1.0, 100.0]))
    def the_manager_starts_anew(self, away_s: float) -> None:
        self.model.now += away_s
        self.monotonic_s = 0.0
        self.bench.catalog = Catalog()
        self.watch = Watch(LIMITS)
        self._round(began=True)

    @rule()
    def back_up(self) -> None:
        self.backup = Backup(self.bench), deepcopy(self.model)

    @rule()
    def restore(self) -> None:
        """What came since is forgotten, but workers can prove what they have been lent (L6)."""
        copy, remembered = self.backup
        before = self.bench.rows(t.workers)
        copy.restore()
        known = {worker.id for worker in self.bench.rows(t.workers)}
        # Those would join anew. That they keep their ids spares the test a second set of names.
        for worker in before:
            if worker.id not in known:
                self.bench.do(_insert_worker, worker)
        self.model = self.model.restored(remembered)
        self.the_manager_starts_anew(1.0)

    @rule(away_s=st.sampled_from([1.0, 100.0]))
    def the_database_is_away(self, away_s: float) -> None:
        self.monotonic_s += away_s
        self.model.now += away_s
        self.watch = self.watch.after_failure()
        self._round(began=True)

    def _round(self, *, began: bool = False) -> None:
        """One round of the expiry duty; `began`: leases must begin their lives anew (L7)."""
        done = self.bench.do(
            expiry_round,
            self.bench.catalog,
            self.watch,
            LeaseLives(m.LEASE_S),
            monotonic_s=self.monotonic_s,
        )
        self.watch = done.watch
        assert (done.disturbance is not None) == began
        if began:
            self.model.begin_anew()
        expected = set() if began else self.model.expire()
        assert {lost.lease_id for lost in done.news.lost} == expected

    # --- what must hold

    @invariant()
    def all_is_where_the_model_has_it(self) -> None:
        assert {row.id: row.state for row in self.bench.rows(t.jobs)} == {
            job.id: job.state for job in self.model.jobs.values()
        }
        assert self._leases_there() == {
            (lease.id, lease.stage, lease.active, tuple(sorted(lease.units)), lease.next_attempt)
            for lease in self.model.leases.values()
        }
        assert self._quarantines_there() == {
            key: (row.strikes, row.until) for key, row in self.model.quarantines.items()
        }
        self._compare_units()
        self.bench.check()  # also that rows of other stages than these are to be cleared away

    def _leases_there(self) -> set[object]:
        return {
            (
                row.id,
                row.stage_id,
                row.state == "active",
                tuple(Spans.restore(row.units)),
                row.next_attempt,
            )
            for row in self.bench.rows(t.leases)
        }

    def _quarantines_there(self) -> dict[object, object]:
        return {
            (row.worker_id, row.kind): (row.strikes, row.until_at)
            for row in self.bench.rows(t.quarantines)
        }

    def _compare_units(self) -> None:
        pending = {
            (row.stage_id, unit): row.attempt
            for row in self.bench.rows(t.spans)
            for unit in range(row.first, row.last + 1, row.step)
        }
        results = {
            (row.stage_id, row.unit): (row.lease_id, row.answer, row.worker_id)
            for row in self.bench.rows(t.results)
            if row.stage_id in self.model.stages
        }
        failed = {
            (row.stage_id, row.unit)
            for row in self.bench.rows(t.faults, t.faults.c.final, ~t.faults.c.forgiven)
            if row.stage_id in self.model.stages
        }
        faults = Counter(
            (row.stage_id, row.unit, row.worker_id, row.reason)
            for row in self.bench.rows(t.faults, ~t.faults.c.forgiven)
            if row.stage_id in self.model.stages
        )
        units = {
            (stage.id, number): unit
            for stage in self.model.stages.values()
            for number, unit in stage.units.items()
        }
        assert pending == {k: u.next_attempt for k, u in units.items() if u.state == "pending"}
        assert results == {
            key: (unit.result.lease, unit.result.answer, unit.result.worker)
            for key, unit in units.items()
            if unit.result is not None
        }
        assert failed == {key for key, unit in units.items() if unit.state == "failed"}
        assert faults == Counter(
            (*key, fault.worker, fault.reason)
            for key, unit in units.items()
            for fault in unit.counting
        )

    def _others(self, avoid: frozenset[str], more_than: int) -> bool:
        return self.model.others(avoid, more_than)

    def _finish_everything(self) -> None:
        """A good worker ends every job, whatever was done to it."""
        for row in self.bench.rows(t.leases, t.leases.c.state == "active"):
            self.bench.lose(row.worker_id)
        for job in self.bench.rows(t.jobs, t.jobs.c.state == "paused"):
            self.bench.resume(job.id)
        self.bench.work_off("good")
        for job in self.bench.rows(t.jobs):
            assert job.state in ENDED
            if job.state != "done":
                self.bench.retry(job.id)
        self.bench.work_off("good")
        self.bench.check()
        assert {job.state for job in self.bench.rows(t.jobs)} <= {"done"}


def _insert_worker(connection: Connection, row: Any) -> None:
    connection.execute(insert(t.workers).values(**row._mapping))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
