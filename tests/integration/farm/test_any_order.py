"""Whatever happens in whatever order, the invariants hold and every unit ends (L1 to L9)."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from framefarm.core.states import IllegalMoveError
from framefarm.db import tables as t
from framefarm.farm.claim_requests import ClaimedLease
from framefarm.farm.redoing import NothingToRetryError
from framefarm.farm.registry import Admission
from tests.integration.farm.bench import Bench, ask, weave

ENDED = {"done", "failed", "cancelled"}
EXAMPLES = int(os.environ.get("FRAMEFARM_FARM_EXAMPLES", "30"))
REPORTS = st.sampled_from(["finish", "finish", "finish", "error", "refused", "repeat"])


class AnyOrder(RuleBasedStateMachine):
    """Workers, jobs and people who do as they please.

    What the machine remembers for itself: the answer each finish got first, and the highest attempt
    of each unit, which the database alone could not tell.
    """

    leases: Bundle[ClaimedLease] = Bundle("leases")
    workers: Bundle[Admission] = Bundle("workers")
    jobs: Bundle[int] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.bench = Bench(self.folder)
        self.answers: dict[tuple[str, int], str] = {}
        self.winners: dict[tuple[int, int], str] = {}
        self.attempts: dict[tuple[int, int], int] = {}
        self.here: set[str] = set()

    def teardown(self) -> None:
        self._finish_everything()
        self.bench.close()
        shutil.rmtree(self.folder)

    # --- people

    @rule(target=jobs, units=st.integers(1, 7), spread=st.booleans(), priority=st.integers(0, 2))
    def submit(self, units: int, spread: bool, priority: int) -> int:  # noqa: FBT001
        order = "spread" if spread else "sequential"
        return self.bench.trial(f"1-{units}", order=order, priority=priority)

    @rule(target=jobs, frames=st.sampled_from(["1-5", "3-9x2", "1,4,9", "7"]))
    def submit_film(self, frames: str) -> int:
        return self.bench.film(frames, segment=2)

    @rule(target=jobs, units=st.integers(1, 6), group=st.integers(1, 3))
    def submit_weave(self, units: int, group: int) -> int:
        return self.bench.store(weave(units, group))

    @rule(job=jobs)
    def cancel(self, job: int) -> None:
        before = self.bench.job(job).state
        try:
            self.bench.cancel(job)
        except IllegalMoveError:
            assert before == "done"
            assert self.bench.job(job).state == before

    @rule(job=jobs)
    def retry(self, job: int) -> None:
        before = self.bench.job(job).state
        try:
            self.bench.retry(job)
        except NothingToRetryError:
            assert before in {"queued", "running", "done"}
            assert self.bench.job(job).state == before

    # --- workers

    @rule(target=workers)
    def join(self) -> Admission:
        worker = self.bench.hello()
        self.here.add(worker.worker_id)
        return worker

    @rule(worker=workers, held=st.lists(leases, max_size=3), restarted=st.booleans())
    def return_(self, worker: Admission, held: list[ClaimedLease], restarted: bool) -> None:  # noqa: FBT001
        self.bench.hello(
            worker_id=worker.worker_id,
            key=worker.key,
            boot_id=os.urandom(4).hex() if restarted else "boot",
            holding=tuple(lease.lease_id for lease in held),
            owed=tuple((lease.lease_id, lease.units.first) for lease in held),
        )

    @rule(
        target=leases,
        claimers=st.lists(workers, min_size=1, max_size=4),
        speed=st.sampled_from([None, 4.0, 40.0]),
        peers=st.integers(1, 3),
    )
    def claim(self, claimers: list[Admission], speed: float | None, peers: int) -> object:
        speeds = {row.id: speed for row in self.bench.rows(t.stages)} if speed else {}
        found = self.bench.claims(
            [
                ask(one.worker_id, seconds_per_unit=speeds, peers=peers, others=self._others)
                for one in claimers
            ]
        )
        for lease in found:
            if lease is not None:
                self._note_attempts(lease)
        return multiple(*(lease for lease in found if lease is not None))

    @rule(lease=leases)
    def finish_many_at_once(self, lease: ClaimedLease) -> None:
        finishes = [self.bench.result(lease, unit) for unit in lease.units]
        for finish, answer in zip(finishes, self.bench.finishes(finishes), strict=True):
            self._note_answer(lease, finish.unit, answer)

    @rule(lease=leases, report=REPORTS, at=st.integers(0, 20))
    def report(self, lease: ClaimedLease, report: str, at: int) -> None:
        unit = lease.units.at(at % len(lease.units))
        if report in {"error", "refused"}:
            before = self._result(lease.stage_id, unit)
            assert self.bench.fail(lease, unit, reason=report) in {"noted", "stale"}
            assert self._result(lease.stage_id, unit) == before
        else:
            for _ in range(2 if report == "repeat" else 1):
                self._note_answer(lease, unit, self.bench.finish(lease, unit))

    @rule(lease=leases)
    def expire(self, lease: ClaimedLease) -> None:
        self.bench.expire(lease)

    @rule(lease=leases)
    def release(self, lease: ClaimedLease) -> None:
        self.bench.release(lease)

    @rule(worker=workers)
    def lose(self, worker: Admission) -> None:
        self.bench.lose(worker.worker_id)

    # --- what must hold

    @invariant()
    def all_is_well(self) -> None:
        self.bench.check()

    def _others(self, _asked: object, avoid: frozenset[str], _bytes: int) -> bool:
        return bool(self.here - avoid)

    def _note_attempts(self, lease: ClaimedLease) -> None:
        for unit in lease.units:
            before = self.attempts.get((lease.stage_id, unit), 0)
            assert lease.attempt > before, "attempts only rise"
            self.attempts[lease.stage_id, unit] = lease.attempt

    def _note_answer(self, lease: ClaimedLease, unit: int, answer: str) -> None:
        known = self.answers.get((lease.lease_id, unit))
        if known is not None and known.startswith("accepted"):
            assert answer == known, "L5: a repeated finish gets the same answer"
        if answer.startswith("accepted"):
            winner = self.winners.setdefault((lease.stage_id, unit), lease.lease_id)
            assert winner == lease.lease_id, "a unit was finished twice"
        elif answer == "already_done":
            assert (lease.stage_id, unit) in self.winners
        self.answers[lease.lease_id, unit] = answer

    def _result(self, stage_id: int, unit: int) -> object:
        return self.bench.rows(
            t.results, t.results.c.stage_id == stage_id, t.results.c.unit == unit
        )

    def _finish_everything(self) -> None:
        """A good worker ends every job, whatever was done to it."""
        for row in self.bench.rows(t.leases, t.leases.c.state == "active"):
            self.bench.lose(row.worker_id)
        self.bench.work_off("good")
        for job in self.bench.rows(t.jobs):
            assert job.state in ENDED
            if job.state != "done":
                self.bench.retry(job.id)
        self.bench.work_off("good")
        self.bench.check()
        assert {job.state for job in self.bench.rows(t.jobs)} <= {"done"}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
