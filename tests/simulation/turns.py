"""Whose turn it is: L12, the pauses of L13 between units, and second leases as L11 has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from framefarm.core.requirements import requirements_of
from framefarm.core.spans import Spans

from .database import Changes, Database, Note

SAME_SLOTS = {"trial": "render", "join": "movie"}
"""Kinds that the slots of the kind behind them make as well."""

REST_COUNTS_FROM, REST_COUNTS_TO = 3, 6
"""Failures one after the other: before there is hardly a pause, and later none has to be made."""

ON_ITS_WAY_S = 0.02
"""A claim of the worker's other slot may have been there before the failure was."""


class _Span(NamedTuple):
    position: int
    id: int
    first: int
    last: int
    step: int


@dataclass(frozen=True)
class _Queued:
    """What of a stage waited after a transaction: of first attempts only, which anybody may do.

    Attributes:
        reserved: The job whose session alone may have it; 0 where anybody may.
    """

    kind: str
    priority: int
    claimable: bool
    reserved: int
    spans: tuple[_Span, ...]

    @property
    def units(self) -> list[int]:
        """In the order in which they are to be lent."""
        return [
            unit
            for span in sorted(self.spans)
            for unit in range(span.first, span.last + 1, span.step)
        ]


@dataclass
class _Failing:
    """How often a worker failed at a stage, one unit after the other, over one connection."""

    link: object
    count: int
    at: float


@dataclass
class Turns:
    """Holds every lease against what waited before it.

    Attributes:
        database: Of the farm.
        now: Simulated seconds.
        link_of: The manager's end of a worker's connection, by the worker's id.
        full_for: Whether limits of the pool let nobody more work for a stage.
    """

    database: Database
    now: Callable[[], float]
    link_of: Callable[[str], object]
    full_for: Callable[[int], bool]
    _queued: dict[int, _Queued] = field(default_factory=dict)
    _failing: dict[tuple[str, int], _Failing] = field(default_factory=dict)
    _made_at: dict[tuple[str, int], float] = field(default_factory=dict)

    def of_commit(self, changes: Changes) -> Iterator[str]:
        """What is wrong with leases that were committed just now."""
        before = {stage: self._queued.get(stage) for stage in changes.stages}
        for stage in changes.stages:
            self._look_at(stage)
        for note in changes.notes:
            yield from self._too_soon(note)
        # In one transaction with anything else there is no saying what came first.
        if changes.notes and all(note.kind == "leased" for note in changes.notes):
            yield from self._out_of_order(changes.notes, before)
            for note in changes.notes:
                yield from self._less_urgent(note, before)

    def _look_at(self, stage: int) -> None:
        row = self.database.ask(_STAGE, stage)
        if row:
            kind, priority, claimable, queue = row[0]
            spans = tuple(_Span(*one) for one in self.database.ask(_SPANS, stage))
            reserved = requirements_of(queue).job
            self._queued[stage] = _Queued(kind, priority, bool(claimable), reserved, spans)
        else:
            self._queued.pop(stage, None)

    # --- order, as L12 has it

    def _out_of_order(
        self, notes: Sequence[Note], before: dict[int, _Queued | None]
    ) -> Iterator[str]:
        for stage, queued in before.items():
            next_ones = queued.units if queued else []
            for note in notes:
                if note.stage != stage or note.attempt > 1 or queued is None:
                    continue
                units = list(Spans.restore(note.text.partition(" ")[2]))
                due, next_ones = next_ones[: len(units)], next_ones[len(units) :]
                if sorted(due) != sorted(units):
                    yield f"L12: units {units} of stage {stage} are lent before {due}"

    def _less_urgent(self, note: Note, before: dict[int, _Queued | None]) -> Iterator[str]:
        mine = before[note.stage]
        if mine is None:
            return
        for stage, now in self._queued.items():
            was = before.get(stage, now)
            if was is None or not (was.claimable and now.claimable and now.spans and was.spans):
                continue
            if mine.reserved or was.reserved or now.reserved:
                continue  # sessions come before priorities; see `Reserved`
            urgent = min(was.priority, now.priority) > mine.priority
            same = _slots(now.kind) == _slots(mine.kind)
            kept = self.full_for(stage) or self._kept_from(note.worker, stage)
            if urgent and same and not kept:
                yield (
                    f"L12: {note.worker} gets units of stage {note.stage}, though more urgent ones "
                    f"of stage {stage} wait"
                )

    def _kept_from(self, worker: str, stage: int) -> bool:
        """Whether a worker may not have units of a stage now, for its failures.

        Also those that are not from the current attempt: they change no row, but it rests.
        """
        if stage in getattr(self.link_of(worker), "resting", ()):
            return True
        failed = self.database.ask(_FAILED_HERE, worker, stage)
        return bool(failed or self.database.ask(_IN_QUARANTINE, worker))

    # --- pauses, as L13 has them

    def _too_soon(self, note: Note) -> Iterator[str]:
        at, link = (note.worker, note.stage), self.link_of(note.worker)
        failing = self._failing.get(at)
        if note.kind == "fault":
            if self._made_at.get(at) == self.now():
                return  # in one transaction, after those that it made; which was first is not known
            count = failing.count + 1 if failing and failing.link is link else 1
            self._failing[at] = _Failing(link, count, self.now())
        elif note.kind == "done":
            self._failing.pop(at, None)
            self._made_at[at] = self.now()
        elif note.kind in {"leased", "tail"} and failing and failing.link is link:
            passed_s = self.now() - failing.at
            counts = REST_COUNTS_FROM <= failing.count <= REST_COUNTS_TO
            least_s = 0.5 * 2.0 ** (min(failing.count, REST_COUNTS_TO) - 2)
            after = passed_s > ON_ITS_WAY_S or self._has_one_slot(link, note.stage)
            if counts and after and passed_s < least_s - ON_ITS_WAY_S:
                yield (
                    f"L13: {note.worker} gets units of stage {note.stage} {passed_s:.2f} s after "
                    f"its failure number {failing.count} there"
                )

    def _has_one_slot(self, link: object, stage: int) -> bool:
        """Whether only the slot that failed can have asked."""
        queued, slots = self._queued.get(stage), getattr(link, "slots", {})
        can = [slot for slot in slots.values() if queued and queued.kind in slot.ability.kinds]
        return len(can) == 1


def _slots(kind: str) -> str:
    return SAME_SLOTS.get(kind, kind)


_STAGE = "SELECT kind, priority, claimable, queue FROM stages WHERE id = ?"
_SPANS = "SELECT position, id, first, last, step FROM spans WHERE stage_id = ? AND attempt = 1"
_FAILED_HERE = "SELECT 1 FROM faults WHERE worker_id = ? AND stage_id = ? LIMIT 1"
_IN_QUARANTINE = "SELECT 1 FROM quarantines WHERE worker_id = ? LIMIT 1"
