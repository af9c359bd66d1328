"""A farm without sockets: the real functions on a real SQLite file, one transaction a call."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, delete, event, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.plans import JobPlan, Needs, StagePlan, plan_render, plan_trial
from framefarm.core.requirements import Ability, Pool
from framefarm.core.spans import Spans
from framefarm.db import migrate, open_engine, sqlite_url
from framefarm.db import tables as t
from framefarm.farm import requeue, steering
from framefarm.farm.admissions import admit_many
from framefarm.farm.blame import Blame
from framefarm.farm.catalog import MAIN_ROLES, Catalog
from framefarm.farm.charging import finish_and_charge
from framefarm.farm.claim_requests import ClaimedLease, ClaimRequest
from framefarm.farm.claims import claim_many
from framefarm.farm.deleting import delete_job, remove_leftovers
from framefarm.farm.expiry import expire
from framefarm.farm.failures import Failure, fail_many
from framefarm.farm.figures import count_up, read_figures
from framefarm.farm.finishes import finish_many
from framefarm.farm.invariants import check_invariants
from framefarm.farm.joining import LOCAL, Door
from framefarm.farm.knocks import Admission, Knock
from framefarm.farm.late_finishes import Finish
from framefarm.farm.new_jobs import PlannedJob, PlannedStage, store_job
from framefarm.farm.news import News
from framefarm.farm.redo_wishes import end_wish
from framefarm.farm.redoing import redo_some, retry
from framefarm.farm.reviving import plan_revival
from framefarm.protocol.manifest import ResultFile
from framefarm.protocol.messages import Hello, MachineFacts, UnitFacts

T = TypeVar("T")
ALL_KINDS = frozenset({"render", "movie", "join", "trial"})


class Bench:
    """A farm in a file of a folder, or in memory: then it can be emptied and begun anew."""

    def __init__(self, folder: Path | None) -> None:
        self.path = folder / "farm.db" if folder is not None else None
        self.engine = open_engine(sqlite_url(self.path) if self.path is not None else "sqlite://")
        event.listen(self.engine, "connect", _without_waiting_for_the_disk)
        migrate(self.engine)
        self.catalog = Catalog()
        self.blame = Blame()
        self.news = News()
        """Of the last call."""

    def close(self) -> None:
        self.engine.dispose()

    def begin_anew(self) -> None:
        """Forget everything; making a new farm would take longer than most that is done in it."""
        with self.engine.begin() as connection:
            for table in reversed(t.metadata.sorted_tables):
                connection.execute(delete(table))
            connection.exec_driver_sql("DELETE FROM sqlite_sequence")
        self.catalog, self.blame, self.news = Catalog(), Blame(), News()

    def do(self, work: Callable[..., T], *args: Any, **options: Any) -> T:
        with self.engine.begin() as connection:
            return work(connection, *args, **options)

    # --- jobs

    def trial(self, units: str, *, order: str = "sequential", **job: Any) -> int:
        return self.store(plan_trial(Spans.parse(units), order=order), **job)

    def film(self, frames: str, *, segment: int = 2, **job: Any) -> int:
        plan = plan_render(Spans.parse(frames), movie=True, segment_frames=segment)
        return self.store(plan, **job)

    def store(
        self, plan: JobPlan, *, largest: int = 1_000, wanted: str = "", warm: str = "", **job: Any
    ) -> int:
        stages = [
            PlannedStage(
                stage,
                settings={},
                largest_lease=largest,
                wanted_blender=wanted if stage.needs is None else "",
                blend_sha256=warm if stage.needs is None else "",
            )
            for stage in plan.stages
        ]
        planned = PlannedJob(
            name="job", kind=plan.stages[0].kind, stages=tuple(stages), settings={}, **job
        )
        return self.do(store_job, planned)

    def cancel(self, job: int) -> News:
        return self.do(steering.cancel, job)

    def retry(
        self, job: int, frames: str = "", *, everything: bool = False, most: int = 500
    ) -> News:
        """Retry a job, as the manager does: a piece with so many results, then the others."""
        named = Spans.parse(frames) if frames else None
        revival = self.do(plan_revival, self.catalog, job)
        asked = {"frames": named, "everything": everything, "revival": revival, "most": most}
        news = self.do(retry, self.catalog, job, **asked)
        while (redone := self.do(redo_some, self.catalog, most)) is not None:
            news.add(redone.news)
            if redone.figures_of is not None:
                figures = self.do(read_figures, redone.figures_of.stage_id)
                assert self.do(count_up, figures)
                self.do(end_wish, redone.figures_of)
        return news

    def pause(self, job: int, *, at_once: bool = False) -> News:
        return self.do(steering.pause, self.catalog, job, at_once=at_once)

    def resume(self, job: int) -> News:
        return self.do(steering.resume, job)

    def prioritize(self, job: int, priority: int, kind: str | None = None) -> News:
        return self.do(steering.prioritize, job, priority, kind=kind)

    def delete(self, job: int) -> News:
        return self.do(delete_job, self.catalog, job)

    def clear_away(self, most: int = 1_000) -> None:
        """Remove all that deleted jobs have left."""
        while self.do(remove_leftovers, most):
            pass

    # --- workers

    def hello(self, **changes: Any) -> Admission:
        facts = {"protocol": 1, "boot_id": "boot", "name": "w", "agent_version": "0"}
        hello = Hello(**{**facts, "facts": MachineFacts("host"), "slots": (), **changes})
        return self.knock(hello)

    def knock(self, hello: Hello, door: Door = LOCAL) -> Admission:
        [admission] = self.knocks([Knock(hello, door)])
        if isinstance(admission, FrameFarmError):
            raise admission
        return admission

    def knocks(self, knocks: Sequence[Knock]) -> list[Admission | FrameFarmError]:
        """All at the same time."""
        return self.do(admit_many, self.catalog, knocks)

    def claim(self, worker: str = "w1", **request: Any) -> ClaimedLease | None:
        return self.claims([ask(worker, **request)])[0]

    def take(self, worker: str = "w1", **request: Any) -> ClaimedLease:
        lease = self.claim(worker, **request)
        assert lease is not None
        return lease

    def claims(self, requests: Sequence[ClaimRequest]) -> list[ClaimedLease | None]:
        return self.do(claim_many, requests)

    def finish(self, lease: ClaimedLease, unit: int | None = None, **changes: Any) -> str:
        return self.finishes([self.result(lease, unit, **changes)])[0]

    def result(self, lease: ClaimedLease, unit: int | None = None, **changes: Any) -> Finish:
        unit = lease.units.first if unit is None else unit
        facts = {
            "lease_id": lease.lease_id,
            "stage_id": lease.stage_id,
            "unit": unit,
            "attempt": lease.attempt,
            "worker_id": lease.worker_id,
            "facts": UnitFacts(seconds=1.0, peak_memory_bytes=10),
            "files": self._files(lease.stage_id, unit),
            "seal": lease.seal,
        }
        return Finish(**{**facts, **changes})

    def _files(self, stage_id: int, unit: int) -> tuple[ResultFile, ...]:
        [stage] = self.rows(t.stages, t.stages.c.id == stage_id) or [None]
        role = MAIN_ROLES.get(stage.kind) if stage else None
        if role is None:
            return ()
        return (ResultFile(f"{unit}.bin", role, f"{stage_id:032x}{unit:032x}", 3),)  # type: ignore[arg-type]

    def finishes(self, finishes: Sequence[Finish]) -> list[str]:
        settled = self.do(finish_many, self.catalog, finishes)
        self.news = settled[0].news or News()
        return [one.answer for one in settled]

    def finish_and_judge(self, lease: ClaimedLease) -> str:
        """Finish a lease's first unit, and charge who failed it, as the manager does."""
        finish = self.result(lease)
        [settled] = self.do(finish_and_charge, self.catalog, [finish], self.blame.limits)
        self.news = settled.news or News()
        return settled.answer

    def fail(self, lease: ClaimedLease, unit: int | None = None, **changes: Any) -> str:
        failure = Failure(
            **{
                "lease_id": lease.lease_id,
                "stage_id": lease.stage_id,
                "unit": lease.units.first if unit is None else unit,
                "attempt": lease.attempt,
                "worker_id": lease.worker_id,
                "reason": "error",
                "message": "it broke",
                **changes,
            }
        )
        [settled] = self.do(fail_many, self.catalog, [failure], self.blame)
        self.news = settled.news or News()
        return settled.answer

    def expire(self, *leases: ClaimedLease) -> News:
        """Let the time of some leases be over, then expire what is over."""
        ids = [lease.lease_id for lease in leases]
        self.do(lambda c: c.execute(update(t.leases).where(_ids(ids)).values(expires_at=1.0)))
        return self.do(expire, self.catalog)

    def release(self, lease: ClaimedLease) -> News:
        return self.do(requeue.release, self.catalog, lease.worker_id, lease.lease_id)

    def lose(self, worker: str) -> News:
        return self.do(requeue.free_worker, self.catalog, worker, reason="it died", lost=True)

    def work_off(self, worker: str = "w1", **request: Any) -> list[ClaimedLease]:
        """Claim and finish until nothing is left; returns the leases."""
        done = []
        while (lease := self.claim(worker, **request)) is not None:
            done.append(lease)
            for unit in lease.units:
                assert self.finish(lease, unit) == "accepted"
        return done

    # --- looking

    def count_statements(self) -> Statements:
        return Statements(self.engine)

    def rows(self, table: Any, *where: Any) -> list[Any]:
        with self.engine.connect().execution_options(reading=True) as connection:
            return list(connection.execute(select(table).where(*where)).all())

    def job(self, job: int) -> Any:
        return self.rows(t.jobs, t.jobs.c.id == job)[0]

    def stage(self, job: int, position: int = 0) -> Any:
        return self.rows(t.stages, t.stages.c.job_id == job, t.stages.c.position == position)[0]

    def check(self) -> None:
        with self.engine.connect().execution_options(reading=True) as connection:
            assert check_invariants(connection) == []


class Backup:
    """A farm as it was once."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._copy = sqlite3.connect(":memory:")
        with contextlib.closing(bench.engine.raw_connection()) as source:
            source.driver_connection.backup(self._copy)

    def restore(self) -> None:
        with contextlib.closing(self._bench.engine.raw_connection()) as target:
            self._copy.backup(target.driver_connection)
        self._bench.catalog.clear()


class Statements:
    """Counts what the database is asked from now on."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, *_: Any) -> None:
        self.count += 1


def ask(
    worker: str = "w1",
    *,
    kinds: frozenset[str] = ALL_KINDS,
    blenders: frozenset[str] = frozenset({"5.0"}),
    pool: Pool = Pool.OWN,
    tags: frozenset[str] = frozenset(),
    memory_bytes: int = 0,
    gpu: bool = False,
    **request: Any,
) -> ClaimRequest:
    ability = Ability(kinds, blenders, pool, tags, memory_bytes, gpu)
    return ClaimRequest(worker_id=worker, **{"slot": "cpu", "ability": ability, **request})


def weave(units: int, groups: int) -> JobPlan:
    """A plan whose second stage needs groups of the first, and whose third needs all of it."""
    first, second = Spans.of(1, units), Spans.of(0, -(-units // groups) - 1)
    return JobPlan(
        (
            StagePlan("trial", first, (first,)),
            StagePlan("trial", second, (second,), Needs(0, groups)),
            StagePlan("trial", Spans.of(0, 0), (Spans.of(0, 0),), Needs(1)),
        )
    )


def _ids(ids: list[str]) -> Any:
    return t.leases.c.id.in_(ids)


def _without_waiting_for_the_disk(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
