"""The group-commit writer: all writes of the manager, many to a transaction.

A durable commit costs one wait for the disk, whatever it holds. So callers hand their work to one
thread, which takes what has queued up, runs it in one transaction, commits, and then answers them
all. While it waits for the disk the next group gathers, and when many came with the last one, for a
millisecond more: any group costs the processor as much as 30 round trips of a large one do.

Work is a handler and an item; the items of one handler are run together, so that a thousand
`finish` calls become a few statements rather than thousands. If a handler raises, the transaction
is rolled back and its items are run one by one, each in a savepoint, so that one caller's error
never reaches another. (A savepoint around each item from the start was the alternative: it costs
two statements an item, always, for an error that is rare.)
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from framefarm.core.errors import FrameFarmError
from framefarm.db.engine import transaction_undone

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)


class WriterBusyError(FrameFarmError):
    """Too much is queued already (L14). Nothing was written."""

    retryable = True
    code = "busy"


class WriterClosedError(FrameFarmError):
    """The manager is stopping. Nothing was written."""

    retryable = True
    code = "stopping"


class DatabaseError(FrameFarmError):
    """The database refused or could not be reached. Nothing was written."""

    retryable = True
    code = "database"


def nothing_else(*_: object) -> None:
    """The default of what a caller adds to a transaction: nothing else belongs to it."""


GATHER_S = 0.001
"""How long a group gathers after its first item, while there are many writes."""

CROWD = 8
"""So many items in a group are many: those of a few workers are not held up."""

_LARGE = 100
"""A group of so many is large enough as it comes."""


@dataclass(frozen=True)
class Handler(Generic[Item, Answer]):
    """A kind of write.

    Attributes:
        run: Takes the open transaction and items, returns as many answers. It must have no effect
            but in the database, because it may be run again.
        rank: Handlers of lower rank run first within a group.
    """

    run: Callable[[Connection, Sequence[Item]], Sequence[Answer]]
    rank: int = 50


@dataclass(slots=True)
class _Waiting:
    handler: Handler[Any, Any]
    item: Any
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class GroupCommitWriter:
    """Runs writes in one thread, in groups.

    Args:
        engine: Where to write.
        largest_group: Items to a transaction at most; bounds how long one lasts.
        largest_queue: Items that may wait; beyond it callers get `WriterBusyError`.
        on_rollback: Called in the writer's thread when something was rolled back, before anything
            is tried again: what handlers remember of rows may be of rows that never came to be.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        largest_group: int = 2_000,
        largest_queue: int = 50_000,
        on_rollback: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._largest_group = largest_group
        self._largest_queue = largest_queue
        self._on_rollback = on_rollback
        # Its put and get are single C calls: a condition and a list took 8 % of the manager's time.
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._crowded = False
        self.outages = 0
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._start()

    def _start(self) -> None:
        self._thread.start()

    def submit(self, handler: Handler[Item, Answer], item: Item) -> asyncio.Future[Answer]:
        """Queue one item; its answer comes when it is durable.

        Must be called in a running event loop. Awaiting the future raises `DatabaseError` when the
        database failed, or what the handler raised for this item; nothing of it was written then.

        Raises:
            WriterBusyError: The queue is full.
            WriterClosedError: The writer was closed.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(handler, item, loop.create_future(), loop)
        if self._queue.qsize() >= self._largest_queue:
            raise WriterBusyError("The manager has too much to write; try again in a moment.")
        with self._closing:
            if self._closed:
                raise WriterClosedError("The manager is stopping.")
            self._queue.put(waiting)
        return waiting.future

    async def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run one function in a transaction; see `submit`."""
        answer: Answer = await self.submit(_ALONE, work)
        return answer

    async def write_in_turns(self, work: Callable[[Connection], bool]) -> None:
        """Run a function that does a part, again and again while it says that more is left.

        Each part is a transaction, and half of the time is for the writes of others.
        """
        more = True
        while more:
            began = time.monotonic()
            more = await self.write(work)
            await asyncio.sleep(time.monotonic() - began)

    def close(self) -> None:
        """Write what has queued up, then end the thread. Later calls are refused."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while group := self._next_group():
            self._serve(group)

    def _serve(self, group: list[_Waiting]) -> None:
        try:
            outcomes = self._write_group(group)
        except Exception as error:  # noqa: BLE001  the thread serves everyone; it must not end
            _log.exception("group_failed", size=len(group))
            self.outages += 1
            self._on_rollback()
            failure = _translate(error)
            outcomes = [(waiting, failure) for waiting in group]
        _answer(outcomes)

    def _next_group(self) -> list[_Waiting]:
        """What has queued up, at least one; nothing once the writer is closed and all is done."""
        group: list[_Waiting] = []
        taken = self._queue.get()
        if self._crowded:
            self._gather()
        while taken is not None:
            group.append(taken)
            if len(group) == self._largest_group or self._queue.empty():
                self._crowded = CROWD <= len(group) < _LARGE
                return group
            taken = self._queue.get()
        # Closed: nothing can come after the mark, so the next call must find it again.
        self._queue.put(None)
        return group

    def _gather(self) -> None:
        """Let the event loop go on undisturbed, and more queue up."""
        time.sleep(GATHER_S)

    def _write_group(self, group: list[_Waiting]) -> list[tuple[_Waiting, Any]]:
        batches = _by_handler(group)
        # A connection from the pool for each transaction: the pool rolls back what a failed COMMIT
        # left open, and replaces a broken connection.
        try:
            with self._engine.begin() as connection:
                return [pair for batch in batches for pair in _run_together(connection, batch)]
        except Exception as error:  # noqa: BLE001  any of them may have raised: find out which
            if len(group) > 1:
                ours = isinstance(error, FrameFarmError)
                _log.info("group_split", size=len(group), error=str(error), exc_info=not ours)
            self._on_rollback()
        with self._engine.begin() as connection:
            return [self._run_alone(connection, waiting) for batch in batches for waiting in batch]

    def _run_alone(self, connection: Connection, waiting: _Waiting) -> tuple[_Waiting, Any]:
        savepoint = connection.begin_nested()
        try:
            [answer] = waiting.handler.run(connection, [waiting.item])
            savepoint.commit()
        except Exception as error:  # it is this caller's answer
            self._on_rollback()
            if transaction_undone(connection):
                # What others of the group wrote is gone as well: they must not hear success.
                raise
            savepoint.rollback()
            self.outages += isinstance(error, OperationalError)
            return waiting, _translate(error)
        return waiting, answer


def _by_handler(group: list[_Waiting]) -> list[list[_Waiting]]:
    batches: dict[int, list[_Waiting]] = {}
    for waiting in group:
        batches.setdefault(id(waiting.handler), []).append(waiting)
    return sorted(batches.values(), key=lambda batch: batch[0].handler.rank)


def _run_together(connection: Connection, batch: list[_Waiting]) -> list[tuple[_Waiting, Any]]:
    answers = batch[0].handler.run(connection, [waiting.item for waiting in batch])
    return list(zip(batch, answers, strict=True))


def _translate(error: Exception) -> Exception:
    return database_error(error, "write") if isinstance(error, DBAPIError) else error


def database_error(error: DBAPIError, doing: str) -> DatabaseError:
    """What callers are told of a database that refused, or could not be reached."""
    _log.error("database_error", error=str(error.orig))
    return DatabaseError(f"The database could not {doing}: {error.orig}")


def _answer(outcomes: list[tuple[_Waiting, Any]]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Any]]] = {}
    for waiting, outcome in outcomes:
        loops.setdefault(waiting.loop, []).append((waiting, outcome))
    for loop, pairs in loops.items():
        # A loop that has ended took its callers with it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, pairs)


def _resolve(pairs: list[tuple[_Waiting, Any]]) -> None:
    for waiting, outcome in pairs:
        if waiting.future.done():
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome)


def _run_functions(
    connection: Connection, works: Sequence[Callable[[Connection], Any]]
) -> list[Any]:
    return [work(connection) for work in works]


_ALONE: Handler[Callable[[Connection], Any], Any] = Handler(_run_functions, rank=10)
