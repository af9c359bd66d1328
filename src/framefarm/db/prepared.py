"""Statements that are built, compiled and looked through once, and then only run."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.sql.dml import UpdateBase

from framefarm.db import driver

_Process = Callable[[Any], Any]
_LISTED_AT_A_TIME = 512


@dataclass(frozen=True)
class _Text:
    """A statement in the words of one driver.

    Attributes:
        text: With as many parameters as are listed.
        order: Their names by position; None where the driver takes names.
        constants: Parameters that are of the statement itself.
        listed: The names of those that are listed.
        incoming: What turns a parameter into what the driver takes, where that is needed.
        outgoing: The same for columns that come back, by index.
    """

    text: str
    order: tuple[str, ...] | None
    constants: Mapping[str, Any]
    listed: tuple[str, ...]
    incoming: tuple[tuple[str, _Process], ...]
    outgoing: tuple[tuple[int, _Process], ...]

    def values(self, given: Mapping[str, Any], listed: Sequence[Any]) -> Any:
        every = {**self.constants, **given}
        if self.listed:
            every.update(zip(self.listed, listed, strict=True))
        for name, process in self.incoming:
            every[name] = process(every[name])
        return every if self.order is None else tuple([every[name] for name in self.order])

    def read(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self.outgoing:
            return row
        columns = list(row)
        for index, process in self.outgoing:
            columns[index] = process(columns[index])
        return tuple(columns)


class Prepared:
    """A statement for one row of parameters; see `framefarm.db.Many` for many.

    Args:
        statement: Its `bindparam` without a value are what a call gives.
        listed: The `bindparam(..., expanding=True)` of which a call gives the values as a sequence.
            Each may come again, 512 at a time: there is a text for each power of two of them, which
            the last one fills.
    """

    def __init__(self, statement: Select[Any] | UpdateBase, *, listed: str = "") -> None:
        self._statement = statement
        self._listed = listed
        names = [column.key for column in statement.exported_columns]
        # The names are the statement's, so no class can be written for them.
        self._row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc, arg-type]  # noqa: PYI024
        self._texts: dict[tuple[str, int], _Text] = {}

    def rows(
        self, connection: Connection, listed: Sequence[Any] = (), /, **given: Any
    ) -> list[Any]:
        """Run it; returns named tuples."""
        found: list[Any] = []
        for some in self._parts(listed):
            text = self._text(connection.dialect, len(some), given)
            rows = driver.fetch(connection, text.text, text.values(given, some))
            found += [self._row._make(text.read(row)) for row in rows]
        return found

    def run(self, connection: Connection, listed: Sequence[Any] = (), /, **given: Any) -> int:
        """Run it; returns how many rows of the table it found."""
        found = 0
        for some in self._parts(listed):
            text = self._text(connection.dialect, len(some), given)
            found += driver.change(connection, text.text, text.values(given, some))
        return found

    def _parts(self, listed: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """What is listed, as much at a time as a text is made for; nothing where none is."""
        if not self._listed:
            yield ()
        for start in range(0, len(listed), _LISTED_AT_A_TIME):
            some = listed[start : start + _LISTED_AT_A_TIME]
            wanted = 1 << (len(some) - 1).bit_length()
            yield [*some, *[some[-1]] * (wanted - len(some))]

    def _text(self, dialect: Dialect, count: int, given: Mapping[str, Any]) -> _Text:
        key = (dialect.name, count)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = self._compiled(dialect, count, given)
        return text

    def _compiled(self, dialect: Dialect, count: int, given: Mapping[str, Any]) -> _Text:
        compiled = self._statement.compile(dialect=dialect)
        asked = {name for name, bind in compiled.binds.items() if bind.required} - {self._listed}
        if asked != given.keys():
            raise ValueError(f"the statement asks for {sorted(asked)}, not {sorted(given)}")
        filled = {self._listed: [None] * count} if count else {}
        state = compiled.construct_expanded_state({**compiled.params, **filled})
        processors = {
            name: process for name, process in state.processors.items() if callable(process)
        }
        listed = tuple(state.parameter_expansion[self._listed]) if count else ()
        constants = {k: v for k, v in state.parameters.items() if k not in {*asked, *listed}}
        return _Text(
            text=state.statement,
            order=tuple(state.positiontup) if state.positiontup is not None else None,
            constants=constants,
            listed=listed,
            incoming=tuple(processors.items()),
            outgoing=tuple(_readers(self._statement, dialect)),
        )


def _readers(statement: Select[Any] | UpdateBase, dialect: Dialect) -> list[tuple[int, _Process]]:
    """What turns a driver's column into Python's value, for the columns that need it."""
    columns = enumerate(statement.exported_columns)
    readers = (
        (n, c.type.dialect_impl(dialect).result_processor(dialect, None)) for n, c in columns
    )
    return [(index, read) for index, read in readers if read is not None]
