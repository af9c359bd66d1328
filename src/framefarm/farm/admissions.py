"""Letting workers in: all that knocked at the same time, in a few statements.

After a restart ten thousand workers come within half a minute, and each statement of its own would
cost the manager's writing thread more than the work it does: it gives the interpreter away and has
to wait to get it back. So what is read and written for one worker is read and written for all of a
group. Only what happens to few of them, such as leases that never reached their worker, is done one
by one.
"""

from __future__ import annotations

import hmac
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from framefarm.core.blame import BlameLimits
from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.core.spans import Spans
from framefarm.core.states import WORKER, WorkerEvent, WorkerState, advance
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.admission_statements import ADD, ADD_AGAIN, HELD, KNOWN, MOVE
from framefarm.farm.catalog import Catalog
from framefarm.farm.expiry import LeaseLives
from framefarm.farm.joining import let_in
from framefarm.farm.knocks import Admission, HeldLease, Knock
from framefarm.farm.news import News
from framefarm.farm.registry import (
    REPLACED,
    RevokedError,
    WorkerKeyError,
    hash_key,
    renew_leases,
)
from framefarm.farm.requeue import end_leases, free_worker
from framefarm.farm.worker_names import FreeNames, name_of
from framefarm.farm.worker_states import WorkerMovedError
from framefarm.protocol.messages import Hello

_LIMITS = BlameLimits()
_LIVES = LeaseLives()
_INTERRUPTED = 256
"""A worker has no more slots than that (L14)."""


def admit_many(
    connection: Connection,
    catalog: Catalog,
    knocks: Sequence[Knock],
    *,
    limits: BlameLimits = _LIMITS,
    lives: LeaseLives = _LIVES,
) -> list[Admission | FrameFarmError]:
    """Check workers and update them, or add them.

    A new boot id means that the old process is gone, with all it worked on (L8). With the same
    boot id it goes on with the leases it names; others that it held never reached it.

    Args:
        connection: Open transaction; the caller commits.
        catalog: The stages' settings.
        knocks: Of any workers, also several of one.
        limits: The numbers by which units that kill workers are found out (L9).
        lives: How long leases live: a hello is a sign of life like a heartbeat.

    Returns:
        For each the answer. One that is turned away is answered with the error, of which nothing
        was written: raised, it would undo the whole group, and any stranger could have the manager
        write everything twice. `WorkerKeyError`: its id is known and the key is not its.
        `RevokedError`: its key counts no more. `JoinTokenError`: it is not known, and may not join
        with what it showed. `TooManyGuessesError`: its token is not looked at now.
    """
    answers: dict[int, Admission | FrameFarmError] = {}
    for turn in _turns(knocks):
        answers |= _Group(connection, catalog, limits, lives).admit(turn)
    return [answers[place] for place in range(len(knocks))]


def _turns(knocks: Sequence[Knock]) -> Iterator[dict[int, Knock]]:
    """Knocks by their place, in groups in which a worker comes once: it may knock again soon."""
    left = dict(enumerate(knocks))
    while left:
        turn: dict[int, Knock] = {}
        seen: set[str] = set()
        for place, knock in left.items():
            worker_id = knock.hello.worker_id
            if worker_id not in seen:
                turn[place] = knock
                seen.update([worker_id] if worker_id else [])
        yield turn
        left = {place: knock for place, knock in left.items() if place not in turn}


@dataclass
class _Return:
    """A known worker that came back."""

    hello: Hello
    row: Row[Any]
    name: str
    state: WorkerState = WorkerState.IDLE
    news: News = field(default_factory=News)

    @property
    def same(self) -> bool:
        """Whether it is the process that was here before."""
        return bool(self.hello.boot_id == self.row.boot_id)

    def dropped(self, held: Iterable[HeldLease]) -> tuple[str, ...]:
        """What it still works on though it is not its own any more."""
        return tuple(sorted(set(self.hello.holding) - {lease.id for lease in held}))


class _Group:
    """Takes in workers, each of which comes once."""

    def __init__(
        self, connection: Connection, catalog: Catalog, limits: BlameLimits, lives: LeaseLives
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._limits = limits
        self._lives = lives
        self._now = database_now(connection)
        self._new: list[tuple[Any, ...]] = []

    def admit(self, turn: Mapping[int, Knock]) -> dict[int, Admission | FrameFarmError]:
        known = self._known(turn.values())
        names = FreeNames(self._connection, _names_to_give(turn.values(), known))
        answers: dict[int, Admission | FrameFarmError] = {}
        back: dict[int, _Return] = {}
        for place, knock in turn.items():
            try:
                row = _recognise(known, knock.hello)
                if row is None:
                    answers[place] = self._join(knock, names)
                else:
                    back[place] = _Return(knock.hello, row, name_of(row, knock.hello.name, names))
            except FrameFarmError as refused:
                answers[place] = refused
        ADD.run(self._connection, self._new)
        return answers | self._take_back(back)

    def _known(self, knocks: Iterable[Knock]) -> dict[str, Row[Any]]:
        ids = [knock.hello.worker_id for knock in knocks if knock.hello.worker_id]
        if not ids:
            return {}
        rows: Iterable[Row[Any]] = self._connection.execute(KNOWN, {"workers": ids})
        return {row.id: row for row in rows}

    # --- newcomers --------------------------------------------------------------------------

    def _join(self, knock: Knock, names: FreeNames) -> Admission:
        hello = knock.hello
        entry = let_in(self._connection, hello.join_token, hello.boot_id[:64], knock.door)
        worker_id, key = entry.worker_id or secrets.token_hex(16), secrets.token_urlsafe(32)
        name = names.give(hello.name) if entry.worker_id is None else entry.name
        joined = (hash_key(key), entry.pool, entry.token_id, WorkerState.IDLE)
        row = (*self._said(hello), *joined, worker_id)
        if entry.worker_id is not None:
            # The welcome with its key was lost on the way, so it never did anything as this worker.
            ADD_AGAIN.run(self._connection, [row])
        elif entry.token_id is None:
            self._new.append((*row, name, self._now))
        else:
            # At once: the same process may be in this group again with the same token.
            ADD.run(self._connection, [(*row, name, self._now)])
        return Admission(
            worker_id, WorkerState.IDLE, name, pool=entry.pool, key=key, dropped=hello.holding
        )

    def _said(self, hello: Hello) -> tuple[Any, ...]:
        """The values of `SAID`."""
        return (
            hello.boot_id[:64],
            hello.agent_version[:40],
            msgspec.json.encode(hello.facts).decode(),
            msgspec.json.encode(hello.slots).decode(),
            hello.clock_at - self._now if hello.clock_at else 0.0,
            self._now,
        )

    # --- those that come back ---------------------------------------------------------------

    def _take_back(self, back: Mapping[int, _Return]) -> dict[int, Admission]:
        if not back:
            return {}
        self._move(back.values())
        held = self._held(back.values())
        freed = [one for one in back.values() if self._free(one, held[one.row.id])]
        if freed:
            # What ended with one worker's leases may have been another's as well (L11).
            held = self._held(back.values())
        self._renew(back.values(), held)
        return {place: _admission(one, held[one.row.id]) for place, one in back.items()}

    def _move(self, back: Iterable[_Return]) -> None:
        rows = [self._moved(one) for one in back]
        if MOVE.run(self._connection, rows) != len(rows):
            raise WorkerMovedError("that connected")

    def _moved(self, one: _Return) -> tuple[Any, ...]:
        event = WorkerEvent.CONNECT if one.same else WorkerEvent.RESTART
        one.state = advance(WORKER, WorkerState(one.row.state), event)
        reason = "" if one.row.reason.startswith(REPLACED) else one.row.reason
        restart = one.row.restart_boot_id if one.same else None
        said = self._said(one.hello)
        return (*said, one.state, one.name, reason, restart, one.row.id, one.row.state)

    def _held(self, back: Iterable[_Return]) -> defaultdict[str, list[HeldLease]]:
        """The leases in force of each worker."""
        held: defaultdict[str, list[HeldLease]] = defaultdict(list)
        workers = [one.row.id for one in back]
        for worker_id, *lease in self._connection.execute(HELD, {"workers": workers}):
            held[worker_id].append(HeldLease(*lease))
        return held

    def _free(self, one: _Return, held: Sequence[HeldLease]) -> bool:
        """Free what a worker has no more; False when there is nothing of that kind."""
        hello = one.hello
        if not one.same:
            if not held and not hello.interrupted:
                return False
            one.news = free_worker(
                self._connection,
                self._catalog,
                one.row.id,
                reason="it was restarted",
                lost=True,
                kept=_owed(hello),
                killed=hello.interrupted[:_INTERRUPTED],
                limits=self._limits,
            )
            return True
        never_arrived = {lease.id for lease in held} - set(hello.holding)
        if never_arrived:
            one.news = self._free_unknown(one, never_arrived)
        return bool(never_arrived)

    def _free_unknown(self, one: _Return, never_arrived: set[str]) -> News:
        rows = self._connection.execute(
            select(t.leases).where(t.leases.c.id.in_(never_arrived), t.leases.c.state == "active")
        ).all()
        return end_leases(
            self._connection,
            self._catalog,
            rows,
            reason="it never reached the worker",
            now=self._now,
            lost=False,
            kept=_owed(one.hello),
        )

    def _renew(self, back: Iterable[_Return], held: Mapping[str, Sequence[HeldLease]]) -> None:
        """Let leases begin their life anew that would not live to see the first heartbeat."""
        rows = [
            (lease.id, one.row.id, self._now + self._lives.of(one.row.pool))
            for one in back
            for lease in held[one.row.id]
        ]
        renew_leases(self._connection, rows)


def _names_to_give(knocks: Iterable[Knock], known: Mapping[str, Row[Any]]) -> list[str]:
    """What those call themselves who will most likely get a name now."""
    rows = ((known.get(knock.hello.worker_id or ""), knock.hello.name) for knock in knocks)
    return [said for row, said in rows if row is None or row.name != said]


def _recognise(known: Mapping[str, Row[Any]], hello: Hello) -> Row[Any] | None:
    """The row of a worker that shows its key; None for one to be added.

    With a join token in hand, a machine whose key does not count any more begins anew.
    """
    row = known.get(hello.worker_id or "")
    if row is None:
        return None
    right = hmac.compare_digest(row.key_hash, hash_key(hello.key or ""))
    if right and row.revoked_at is None:
        return row
    if hello.join_token is not None:
        return None
    if right:
        raise RevokedError
    raise WorkerKeyError(
        f"The key of worker {row.name} is not the one this manager gave it. "
        "Start it with --join TOKEN to let it join as a new one."
    )


def _owed(hello: Hello) -> dict[str, Spans]:
    """The units of each lease whose results lie in the worker's outbox.

    They stay leased to it as long as the lease lives, so that nobody makes them again while it
    brings them (L6).
    """
    units: dict[str, list[int]] = defaultdict(list)
    for lease, unit in hello.owed:
        units[lease].append(unit)
    return {lease: Spans.from_units(owed) for lease, owed in units.items()}


def _admission(one: _Return, held: Sequence[HeldLease]) -> Admission:
    row, named = one.row, set(one.hello.holding)
    return Admission(
        row.id,
        one.state,
        one.name,
        pool=Pool(row.pool),
        tags=tuple(row.tags),
        restart=row.restart_boot_id == one.hello.boot_id and one.same,
        held=tuple(lease for lease in held if lease.id in named),
        dropped=one.dropped(held),
        news=one.news,
    )
