"""A farm in plain Python: what the rules say, without a database, spans, or speed.

It holds one object for each unit and predicts every answer and the place of every unit. Which of
the units that a slot may have it is given is left to the real one; whether it may have them is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count

from framefarm.core.plans import JobPlan

LEASE_S = 30.0
LOSSES = 5
WORKERS = 3
CHARGES = 3
NOT_ITS_ERROR = {"lost", "killed"}
NOT_CHARGED = {"lost", "killed", "out_of_memory", "refused"}
LIVE = {"queued", "running", "paused"}


@dataclass
class Fault:
    worker: str
    reason: str
    memory: int = 0
    forgiven: bool = False
    charged: bool = False


@dataclass
class Result:
    lease: str
    answer: str
    worker: str


@dataclass
class Unit:
    """`state` is waiting (for inputs), pending, leased, done, failed or cancelled."""

    state: str
    next_attempt: int = 1
    highest: int = 0
    faults: list[Fault] = field(default_factory=list)
    result: Result | None = None

    @property
    def counting(self) -> list[Fault]:
        return [fault for fault in self.faults if not fault.forgiven]


@dataclass
class Lease:
    id: str
    stage: int
    worker: str
    attempt: int
    units: set[int]
    expires_at: float
    next_attempt: int
    active: bool = True


@dataclass
class Stage:
    """`needs` are the units of the stage before that each unit is made of.

    `edition` is what proves a lease of it that was forgotten; another one once units are made anew.
    """

    id: int
    job: Job
    kind: str
    units: dict[int, Unit]
    priority: int
    earlier: Stage | None = None
    needs: dict[int, set[int]] = field(default_factory=dict)
    first_attempt: int = 1
    edition: int = 0

    def count(self, state: str) -> int:
        return sum(unit.state == state for unit in self.units.values())

    def could_be_made(self, number: int) -> bool:
        before = self.earlier
        return before is None or all(
            before.units[need].state == "done" for need in self.needs[number]
        )

    @property
    def next_attempt(self) -> int:
        """Above every attempt that any of its units had or was to have."""
        had = [unit.highest for unit in self.units.values()]
        due = [unit.next_attempt - 1 for unit in self.units.values() if unit.state == "pending"]
        return max([*had, *due, self.first_attempt - 1]) + 1


@dataclass
class Job:
    id: int
    stages: list[Stage] = field(default_factory=list)
    state: str = "queued"


@dataclass
class Quarantine:
    strikes: int
    until: float
    trial: str = ""


class Model:
    """All there is of a farm.

    Attributes:
        now: The database's time.
        workers: All that may work, with their memory in bytes (0 when unknown).
        proofs: The edition of the stage of every lease there ever was that can be proved. Workers
            keep them, so this and the two before are not restored with a backup.
    """

    def __init__(self) -> None:
        self.now = 1.7e9
        self.jobs: dict[int, Job] = {}
        self.stages: dict[int, Stage] = {}
        self.leases: dict[str, Lease] = {}
        self.workers: dict[str, int] = {}
        self.proofs: dict[str, int] = {}
        self.editions = count(1)
        self.quarantines: dict[tuple[str, str], Quarantine] = {}

    def restored(self, backup: Model) -> Model:
        """The farm of a backup, which is not changed, in the world of today."""
        old = deepcopy(backup)
        old.now, old.workers, old.proofs = self.now, self.workers, self.proofs
        old.editions = self.editions
        return old

    # --- looking

    def live(self, job: Job) -> bool:
        return self.jobs.get(job.id) is job and job.state in LIVE

    def holders(self, stage: int, number: int) -> list[Lease]:
        return [
            lease
            for lease in self.leases.values()
            if lease.active and lease.stage == stage and number in lease.units
        ]

    def of_worker(self, worker: str) -> list[Lease]:
        return [one for one in self.leases.values() if one.active and one.worker == worker]

    def claimable(self) -> Iterator[Stage]:
        for stage in self.stages.values():
            if stage.job.state in {"queued", "running"} and stage.count("pending"):
                yield stage

    def others(self, avoid: Iterable[str], more_than: int = 0) -> bool:
        return any(
            worker not in set(avoid) and not 0 < memory < more_than * 1.05
            for worker, memory in self.workers.items()
        )

    def barred(self, worker: str, kind: str) -> bool:
        """Whether it gets nothing of a kind, on trial or not."""
        row = self.quarantines.get((worker, kind))
        if row is None:
            return False
        trial = self.leases.get(row.trial)
        return row.until > self.now or (trial is not None and trial.active)

    # --- jobs

    def submit(self, job_id: int, stage_ids: list[int], plan: JobPlan, priority: int) -> None:
        job = self.jobs[job_id] = Job(job_id)
        for stage_id, planned in zip(stage_ids, plan.stages, strict=True):
            numbers, needs, before = list(planned.units), {}, None
            if planned.needs is not None:
                before = job.stages[planned.needs.stage_index]
                inputs, group = sorted(before.units), planned.needs.group
                for index, number in enumerate(numbers):
                    some = inputs if group is None else inputs[index * group : (index + 1) * group]
                    needs[number] = set(some)
            state = "pending" if before is None else "waiting"
            units = {number: Unit(state) for number in numbers}
            stage = Stage(stage_id, job, planned.kind, units, priority, before, needs)
            stage.edition = next(self.editions)
            job.stages.append(stage)
            self.stages[stage_id] = stage

    def settle(self, job: Job) -> None:
        """What follows by itself: units become pending, the job ends or goes on."""
        if job.state == "cancelled":
            return
        units = [
            (stage, number, unit) for stage in job.stages for number, unit in stage.units.items()
        ]
        for stage, number, unit in units:
            if unit.state == "waiting" and stage.could_be_made(number):
                unit.state, unit.next_attempt = "pending", stage.first_attempt
        states = {unit.state for _, _, unit in units}
        if states == {"done"}:
            job.state = "done"
            self.drop_leases(job)
        elif states & {"pending", "leased"}:
            job.state = "queued" if job.state == "failed" else job.state
        elif "failed" in states:
            job.state = "failed"

    def drop_leases(self, job: Job) -> None:
        ids = {stage.id for stage in job.stages}
        self.leases = {k: lease for k, lease in self.leases.items() if lease.stage not in ids}

    def cancel(self, job: Job) -> bool:
        """False when it cannot be."""
        if job.state == "done":
            return False
        for stage in job.stages:
            for unit in stage.units.values():
                if unit.state in {"waiting", "pending", "leased"}:
                    unit.state = "cancelled"
            for lease in self.leases.values():
                if lease.stage == stage.id:
                    lease.active = False
        job.state = "cancelled"
        return True

    def pause(self, job: Job, *, at_once: bool) -> bool:
        if job.state not in LIVE:
            return False
        job.state = "paused"
        if at_once:
            ids = {stage.id for stage in job.stages}
            for lease in list(self.leases.values()):
                if lease.active and lease.stage in ids:
                    self.end(lease, lost=False)
        return True

    def resume(self, job: Job) -> bool:
        if job.state not in LIVE:
            return False
        if job.state == "paused":
            at_work = any(stage.count("leased") for stage in job.stages)
            job.state = "running" if at_work else "queued"
        return True

    def delete(self, job: Job) -> None:
        self.drop_leases(job)
        del self.jobs[job.id]
        for stage in job.stages:
            del self.stages[stage.id]

    def retry(self, job: Job, frames: set[int] | None, *, everything: bool) -> bool:
        chosen = self._chosen(job, frames, everything=everything)
        if job.state != "cancelled" and not any(chosen.values()):
            return False
        if job.state == "cancelled":
            self._forgive(job)
        if job.state not in LIVE:
            job.state = "queued"
        for stage in job.stages:
            attempt = stage.next_attempt
            if chosen[stage.id]:
                stage.edition = next(self.editions)
            for number in chosen[stage.id]:
                self._forget(stage, number)
            stage.first_attempt = attempt
            for number, unit in stage.units.items():
                if unit.state in {"cancelled", "waiting"}:
                    ready = stage.could_be_made(number)
                    unit.state = "pending" if ready else "waiting"
                    unit.next_attempt = attempt
        self.settle(job)
        return True

    @staticmethod
    def _forgive(job: Job) -> None:
        """What went wrong counts no more, but for what units were given up for."""
        for unit in (unit for stage in job.stages for unit in stage.units.values()):
            last = unit.counting[-1] if unit.state == "failed" else None
            for fault in unit.faults:
                fault.forgiven |= fault is not last

    def _chosen(
        self, job: Job, frames: set[int] | None, *, everything: bool
    ) -> dict[int, set[int]]:
        if everything:
            return {stage.id: set(stage.units) for stage in job.stages}
        if frames is None:
            return {
                stage.id: {n for n, unit in stage.units.items() if unit.state == "failed"}
                for stage in job.stages
            }
        chosen = {job.stages[0].id: frames & set(job.stages[0].units)}
        for stage in job.stages[1:]:
            assert stage.earlier is not None
            above = chosen[stage.earlier.id]
            chosen[stage.id] = {n for n, needs in stage.needs.items() if needs & above}
        return chosen

    def _forget(self, stage: Stage, number: int) -> None:
        unit = stage.units[number]
        unit.state, unit.result = "waiting", None
        for fault in unit.faults:
            fault.forgiven = True
        self._take(stage.id, number)

    def _take(self, stage: int, number: int) -> None:
        """Take a unit out of all leases, so that nothing of it can be delivered any more."""
        for lease in list(self.leases.values()):
            if lease.stage == stage and number in lease.units:
                self._shrink(lease, number)

    def _lose(self, stage: int, number: int) -> None:
        """Others that hold a unit that is done lose it; who held nothing else has ended."""
        for lease in self.holders(stage, number):
            if len(lease.units) == 1:
                lease.active = False
            else:
                lease.units.discard(number)

    def _shrink(self, lease: Lease, number: int) -> None:
        lease.units.discard(number)
        if not lease.units:
            del self.leases[lease.id]

    # --- leases

    def lend(self, lease: Lease) -> None:
        self.leases[lease.id] = lease
        stage = self.stages[lease.stage]
        if stage.earlier is None:
            self.proofs[lease.id] = stage.edition
        for number in lease.units:
            stage.units[number].state = "leased"
            stage.units[number].highest = lease.attempt
        if stage.job.state == "queued":
            stage.job.state = "running"

    def renew(self, worker: str, ids: Iterable[str]) -> set[str]:
        """Returns those that are not its own any more."""
        lost = set()
        for lease_id in ids:
            lease = self.leases.get(lease_id)
            if lease is not None and lease.active and lease.worker == worker:
                lease.expires_at = self.now + LEASE_S
            else:
                lost.add(lease_id)
        return lost

    def welcome(self, worker: str) -> None:
        """Who has come back is heard, so what is still its begins its life anew (L2)."""
        self.renew(worker, [lease.id for lease in self.of_worker(worker)])

    def begin_anew(self) -> None:
        for lease in self.leases.values():
            if lease.active:
                lease.expires_at = self.now + LEASE_S

    def end(
        self,
        lease: Lease,
        *,
        lost: bool,
        killed: Iterable[tuple[int, int]] = (),
        kept: Iterable[tuple[str, int]] = (),
    ) -> None:
        """A lease ends without its units being done; it lives on with those that are kept."""
        stage, ending = self.stages[lease.stage], sorted(lease.units)
        stay = {number for id_, number in kept if id_ == lease.id} & lease.units
        if stay:
            lease.units = stay
            ending = [number for number in ending if number not in stay]
        else:
            lease.active = False
        for number in ending:
            if self.holders(lease.stage, number):
                continue
            unit = stage.units[number]
            if lost:
                reason = "killed" if (stage.id, number) in set(killed) else "lost"
                unit.faults.append(Fault(lease.worker, reason))
            failed = lost and self._dead(unit)
            unit.state = "failed" if failed else "pending"
            unit.next_attempt = lease.next_attempt
        self.settle(stage.job)

    def _dead(self, unit: Unit) -> bool:
        killers = {fault.worker for fault in unit.counting if fault.reason == "killed"}
        losses = sum(fault.reason in NOT_ITS_ERROR for fault in unit.counting)
        return len(killers) >= WORKERS or losses >= LOSSES

    def expire(self) -> set[str]:
        """In the order in which they ended: of two at one unit the latter counts as lost (L9, L11).

        Of those that end in the same moment the ids decide, as with the real ones: somebody must.
        """
        over = [one for one in self.leases.values() if one.active and one.expires_at < self.now]
        for lease in sorted(over, key=lambda one: (one.expires_at, one.id)):
            self.end(lease, lost=True)
        return {lease.id for lease in over}

    # --- reports

    def finish(self, reports: list[tuple[Lease, int]]) -> list[str]:
        """Answers to finishes that come together: those of current leases are settled first."""
        answers = [self._finish_current(lease, number) for lease, number in reports]
        done = {(lease.stage, n) for (lease, n), told in zip(reports, answers, strict=True) if told}
        for stage, number in done:
            self._lose(stage, number)
        for stage, _ in done:
            if stage in self.stages:
                self.settle(self.stages[stage].job)
        return [
            told or self._finish_late(lease, number)
            for told, (lease, number) in zip(answers, reports, strict=True)
        ]

    def _finish_current(self, lease: Lease, number: int) -> str | None:
        known = self.leases.get(lease.id)
        if known is None or not known.active or number not in known.units:
            return None
        unit = self.stages[lease.stage].units[number]
        if unit.result is not None:
            return None  # another lease's success came in the same group
        unit.state, unit.result = "done", Result(lease.id, "accepted", lease.worker)
        self._shrink(known, number)
        return "accepted"

    def _finish_late(self, lease: Lease, number: int) -> str:
        stage = self.stages.get(lease.stage)
        if stage is None or number not in stage.units:
            return "gone"
        unit, known = stage.units[number], self.leases.get(lease.id)
        if unit.result is not None:
            return unit.result.answer if unit.result.lease == lease.id else "already_done"
        remembered = known is not None and number in known.units
        proved = self.proofs.get(lease.id) == stage.edition
        if not (remembered or proved) or stage.job.state == "cancelled":
            return "gone"
        if unit.state == "failed":
            for fault in unit.faults:
                fault.forgiven |= fault is unit.counting[-1]
        unit.state = "done"
        unit.result = Result(lease.id, "accepted_late", lease.worker)
        unit.highest = max(unit.highest, lease.attempt)
        self._lose(stage.id, number)
        self.settle(stage.job)
        return "accepted_late"

    def fail(self, lease: Lease, number: int, reason: str, memory: int) -> str:
        known = self.leases.get(lease.id)
        if known is None or not known.active or number not in known.units:
            return "stale"
        stage = self.stages[lease.stage]
        unit = stage.units[number]
        next_attempt = known.next_attempt
        self._shrink(known, number)
        unit.faults.append(Fault(lease.worker, reason, memory if reason == "out_of_memory" else 0))
        if not self.holders(stage.id, number):
            unit.state = "failed" if self._given_up(unit) else "pending"
            unit.next_attempt = next_attempt
        self._charge_trial(lease, reason)
        self.settle(stage.job)
        return "noted"

    def _given_up(self, unit: Unit) -> bool:
        errors = [fault for fault in unit.counting if fault.reason not in NOT_ITS_ERROR]
        memory = max(fault.memory for fault in errors)
        return (
            errors[-1].reason == "refused"
            or self._dead(unit)
            or len({fault.worker for fault in errors if fault.reason != "placement"}) >= WORKERS
            or (memory > 0 and not self.others((), memory))
            or (len(errors) >= WORKERS and not self.others({f.worker for f in errors}, memory))
        )

    # --- blame

    def charge(self, accepted: list[tuple[Lease, int]]) -> None:
        """After finishes were accepted: who had failed these is charged, trials end."""
        suspects = set()
        for lease, number in accepted:
            if lease.attempt > 1:
                stage = self.stages[lease.stage]
                suspects |= {
                    (fault.worker, stage.kind)
                    for fault in stage.units[number].faults
                    if self._counts(fault) and fault.worker != lease.worker
                }
        for worker, kind in sorted(suspects):
            charges = list(self._charges(worker, kind))
            if len(charges) >= CHARGES:
                self._strike(worker, kind)
                for unit in charges:
                    for fault in unit.faults:
                        fault.charged |= fault.worker == worker
        ids = {lease.id for lease, _ in accepted}
        self.quarantines = {k: q for k, q in self.quarantines.items() if q.trial not in ids}

    def _counts(self, fault: Fault) -> bool:
        return fault.reason not in NOT_CHARGED and not fault.charged

    def _charges(self, worker: str, kind: str) -> Iterator[Unit]:
        for stage in self.stages.values():
            for unit in stage.units.values():
                finished = unit.result is not None and unit.result.worker != worker
                if (
                    stage.kind == kind
                    and finished
                    and any(fault.worker == worker and self._counts(fault) for fault in unit.faults)
                ):
                    yield unit

    def _charge_trial(self, lease: Lease, reason: str) -> None:
        for (worker, kind), row in list(self.quarantines.items()):
            if row.trial == lease.id and reason not in NOT_CHARGED:
                self._strike(worker, kind)

    def _strike(self, worker: str, kind: str) -> None:
        row = self.quarantines.get((worker, kind))
        strikes = row.strikes + 1 if row else 1
        until = self.now + min(600.0 * 2 ** (strikes - 1), 86_400.0)
        self.quarantines[worker, kind] = Quarantine(strikes, until)
