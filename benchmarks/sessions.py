"""What a round of decisions about sessions takes: who joins which of them, and who leaves.

Workers and sessions are written straight into a database, with as many links in memory; then the
function behind `/api/sessions` and the round that follows every change is run on it, each time in a
transaction that is rolled back, so that all rounds decide the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, insert, select, update

from benchmarks.reporting import report
from framefarm.db import GroupCommitWriter, migrate, open_engine, sqlite_url
from framefarm.db import tables as t
from framefarm.farm import sessions
from framefarm.farm.catalog import Catalog
from framefarm.farm.dispatch import Dispatcher
from framefarm.farm.new_jobs import store_job
from framefarm.farm.roster import Link, Roster, slots_of
from framefarm.farm.session_rounds import Here, settle_sessions
from framefarm.farm.trial_jobs import TrialRequest, plan_trial_job
from framefarm.protocol.messages import MachineFacts, Order, SlotOffer

_FAULTY = 100
"""Workers at which a unit went wrong: each is told apart from all others."""

Work = Callable[[Connection], object]


async def _nowhere(_: Sequence[Order]) -> None:
    """A connection that takes everything."""


class Farm:
    """A farm of so many workers and sessions, each of which has had its share.

    Args:
        engine: Of an empty database.
    """

    def __init__(self, engine: Engine, workers: int, asking: int) -> None:
        self.engine = engine
        self.workers = [f"{number:032x}" for number in range(workers)]
        self.each = workers // asking
        roster = Roster()
        for worker in self.workers:
            roster.add(_link(worker))
        dispatcher = Dispatcher(cast(GroupCommitWriter, None), Catalog(), roster)
        self.here = Here({link.worker_id: link for link in roster}, dispatcher.request_of)
        with engine.begin() as connection:
            connection.execute(insert(t.workers), [_row(worker) for worker in self.workers])
            plan = plan_trial_job(TrialRequest("1-100000"))
            self.jobs = [store_job(connection, plan) for _ in range(asking)]
            for job in self.jobs:
                sessions.ask(connection, job, self.each, waits=False)

    def settle(self, connection: Connection) -> None:
        """One round."""
        settle_sessions(connection, self.here)

    @contextmanager
    def tried(self) -> Iterator[Connection]:
        """A transaction that leaves nothing."""
        with self.engine.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            finally:
                transaction.rollback()

    # --- what is so before a round

    def nothing_left(self, connection: Connection) -> None:
        """All that is left of the jobs is in work, at their workers."""
        rows = connection.execute(select(t.stages.c.job_id, t.stages.c.id))
        stages = {row.job_id: row.id for row in rows}
        of = select(t.session_workers.c.worker_id, t.sessions.c.job_id).join(
            t.sessions, t.sessions.c.id == t.session_workers.c.session_id
        )
        leases = [_lease(row.worker_id, stages[row.job_id]) for row in connection.execute(of)]
        connection.execute(insert(t.leases), leases)
        connection.execute(update(t.stages).values(pending=0, claimable=False))

    def ask_for_more(self, connection: Connection) -> None:
        """Each session lacks as many workers as it has."""
        connection.execute(update(t.sessions).values(wanted=2 * self.each))

    def some_leave(self, connection: Connection) -> None:
        """A tenth of the workers is free."""
        gone = t.session_workers.c.worker_id.in_(self.workers[::10])
        connection.execute(t.session_workers.delete().where(gone))

    def one_waits(self, connection: Connection) -> None:
        """One more session waits until it can have most of the farm."""
        plan = plan_trial_job(TrialRequest("1-100000", priority=60))
        wanted = len(self.workers) * 4 // 5
        sessions.ask(connection, store_job(connection, plan), wanted, waits=True)

    def some_failed(self, connection: Connection) -> None:
        """Units of the first job went wrong at some workers."""
        stage = connection.execute(select(t.stages.c.id).limit(1)).scalar_one()
        rows = [
            _fault(worker, stage, unit) for unit, worker in enumerate(self.workers[:_FAULTY], 1)
        ]
        connection.execute(insert(t.faults), rows)
        connection.execute(update(t.spans).where(t.spans.c.stage_id == stage).values(attempt=2))


def _link(worker: str) -> Link:
    slots = slots_of([SlotOffer("cpu", ("trial",))])
    return Link(worker, worker, "boot", "0", MachineFacts("host"), slots, _nowhere)


def _row(worker: str) -> dict[str, Any]:
    times = {"first_seen_at": 0.0, "last_seen_at": 0.0}
    said = {"boot_id": "boot", "state": "idle", "agent_version": "0", "facts": {}, "slots": []}
    return {"id": worker, "name": worker, "key_hash": worker, **said, **times}


def _lease(worker: str, stage: int) -> dict[str, Any]:
    times = {"leased_at": 0.0, "expires_at": 1e12}
    made = {"slot": "cpu", "attempt": 1, "next_attempt": 2, "units": "1", "state": "active"}
    return {"id": worker, "stage_id": stage, "worker_id": worker, **made, **times}


def _fault(worker: str, stage: int, unit: int) -> dict[str, Any]:
    told = {"reason": "render", "message": "", "log_tail": "", "final": False, "at": 0.0}
    return {"stage_id": stage, "unit": unit, "attempt": 1, "worker_id": worker, **told}


CASES: dict[str, tuple[bool, tuple[str, ...]]] = {
    "all join": (False, ()),
    "nothing to do": (True, ()),
    "all lack, and nobody is free": (True, ("ask_for_more",)),
    "all lack, some are free": (True, ("ask_for_more", "some_leave")),
    "the same, and some failed": (True, ("ask_for_more", "some_leave", "some_failed")),
    "all lack, nothing is left for any": (True, ("nothing_left", "ask_for_more", "some_leave")),
    "the same, and one waits for most": (
        True,
        ("nothing_left", "ask_for_more", "some_leave", "one_waits"),
    ),
}
"""What is measured: whether after the first round, and what is so before."""


def measure(farm: Farm, before: tuple[str, ...], rounds: int) -> list[float]:
    """Milliseconds that rounds take."""
    taken = []
    for _ in range(rounds):
        with farm.tried() as connection:
            for change in before:
                getattr(farm, change)(connection)
            began = time.perf_counter()
            farm.settle(connection)
            taken.append(1_000 * (time.perf_counter() - began))
    return taken


def _of_farm(workers: int, asking: int, rounds: int) -> dict[str, float]:
    """The median of each case."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(sqlite_url(Path(folder) / "farm.db"))
        migrate(engine)
        farm, settled = Farm(engine, workers, asking), False
        for name, (after, before) in CASES.items():
            if after and not settled:
                with engine.begin() as connection:
                    farm.settle(connection)
                settled = True
            found[name] = statistics.median(measure(farm, before, rounds))
        engine.dispose()
    return found


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=5_000)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    small = _of_farm(asked.workers // 10, asked.sessions // 10, asked.rounds)
    full = _of_farm(asked.workers, asked.sessions, asked.rounds)
    rows = [{"round": name, "a tenth ms": small[name], "all ms": full[name]} for name in CASES]
    sizes = {"workers": asked.workers, "sessions": asked.sessions, "rounds": asked.rounds}
    report("sessions", rows, as_json=asked.json, **sizes)


if __name__ == "__main__":
    main()
