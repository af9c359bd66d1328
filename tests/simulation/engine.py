"""One connection for all that the farm reads and writes while no fault is set.

A connection from the pool for each transaction, as the farm asks for it, took a tenth of a
simulation's time, to end up at the one connection that a database in memory has. While the database
has faults, and after anything that went wrong, all is done as the real engine does it: what a
failed COMMIT leaves open is the pool's to mend.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Engine


class KeptConnection:
    """Lends the same connection to one after the other, in the place of `begin` and `connect`.

    Args:
        engine: Of the farm.
        quiet: Whether no fault is set.
    """

    def __init__(self, engine: Engine, quiet: Callable[[], bool]) -> None:
        self._engine = engine
        self._quiet = quiet
        self._kept: Connection | None = None
        self._lent = False
        engine.begin = self._begin  # type: ignore[method-assign]
        engine.connect = self._connect  # type: ignore[method-assign, assignment]

    def _begin(self) -> AbstractContextManager[Connection]:
        return _Loan(self, writes=True) if self._may_lend() else Engine.begin(self._engine)

    def _connect(self) -> Connection | _Loan:
        return _Loan(self, writes=False) if self._may_lend() else Engine.connect(self._engine)

    def _may_lend(self) -> bool:
        if self._quiet() and not self._lent:
            return True
        if not self._lent:
            self.let_go()
        return False

    def lend(self) -> Connection:
        """The connection, which is to be returned or let go."""
        if self._kept is None:
            self._kept = Engine.connect(self._engine)
        self._lent = True
        return self._kept

    def take_back(self) -> None:
        """It may be lent again."""
        self._lent = False

    def let_go(self) -> None:
        """Give it to the pool, which rolls back what was left open."""
        kept, self._kept, self._lent = self._kept, None, False
        if kept is not None:
            kept.close()


class _Loan:
    """The kept connection while somebody has it: in a transaction of his, or as it is.

    A transaction begun to read says that it writes; in memory that is the same.
    """

    __slots__ = ("_connection", "_kept", "_writes")

    def __init__(self, kept: KeptConnection, *, writes: bool) -> None:
        self._kept = kept
        self._writes = writes
        self._connection: Connection

    def execution_options(self, **_: Any) -> _Loan:
        return self

    def __enter__(self) -> Connection:
        self._connection = self._kept.lend()
        if self._writes:
            self._connection.begin()
        return self._connection

    def __exit__(self, error: object, *_: object) -> None:
        if error is not None:
            self._kept.let_go()
            return
        try:
            if self._writes:
                self._connection.commit()
            else:
                self._connection.rollback()
        except BaseException:
            self._kept.let_go()
            raise
        self._kept.take_back()
