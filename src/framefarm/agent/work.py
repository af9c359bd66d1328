"""What a slot works on: leases and their units, as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from framefarm.core.spans import Spans
from framefarm.protocol.messages import UnitFacts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import msgspec

    from framefarm.protocol import FileRole
    from framefarm.protocol.messages import InputFile, Lease, Task


@dataclass(frozen=True, slots=True)
class UnitWork:
    """One unit in the hands of a slot.

    Attributes:
        slot: Which slot.
        lease, stage, job, unit, attempt: What it is, as the lease said.
        kind: Which executor makes it.
        settings: The executor's settings, still encoded.
        inputs: Files earlier stages made for this unit, in order.
        stall_s: How long it may show no progress (L10); None as the manager's welcome says.
        seal: What proves the lease to a manager that has forgotten it (L6).
    """

    slot: str
    lease: str
    stage: int
    job: int
    unit: int
    attempt: int
    kind: str
    settings: msgspec.Raw
    inputs: tuple[InputFile, ...] = ()
    stall_s: float | None = None
    seal: str = ""


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease in the hands of a slot.

    Attributes:
        order: The lease as it came.
        task: What its stage is about. Kept here, because the tasks of a connection end with it
            while the lease goes on.
        rest: Units not begun yet, in the order to work.
    """

    order: Lease
    task: Task
    rest: tuple[Spans, ...]

    @classmethod
    def take(cls, order: Lease, task: Task) -> HeldLease:
        """Accept a lease.

        Raises:
            SpansError: Its units cannot be read.
        """
        return cls(order, task, tuple(Spans.parse(piece) for piece in order.units.split(",")))

    def begin(self) -> tuple[UnitWork, HeldLease]:
        """The next unit, and the lease without it. There must be one."""
        first, rest = self.rest[0].carve(1)
        left = replace(self, rest=(rest, *self.rest[1:]) if rest else self.rest[1:])
        return self._work(first.first), left

    def without(self, units: Spans) -> HeldLease:
        """The same without some of the units that have not begun."""
        left = (piece.difference(units) for piece in self.rest)
        return replace(self, rest=tuple(piece for piece in left if piece))

    def _work(self, unit: int) -> UnitWork:
        order = self.order
        return UnitWork(
            slot=order.slot,
            lease=order.lease,
            stage=order.stage,
            job=self.task.job,
            unit=unit,
            attempt=order.attempt,
            kind=self.task.kind,
            settings=self.task.settings,
            inputs=tuple(file for file in order.inputs if file.unit == unit),
            stall_s=order.stall_s,
            seal=order.seal,
        )


@dataclass(frozen=True, slots=True)
class ProducedFile:
    """A file an executor made.

    Attributes:
        path: Where it lies, inside the unit's work directory.
        name: What it is called in the result, with forward slashes.
        role: What it is.
    """

    path: Path
    name: str
    role: FileRole


async def no_more_files() -> tuple[ProducedFile, ...]:
    """The default of `Outcome.later`."""
    return ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an executor made of a unit.

    Attributes:
        files: What it made.
        facts: What is known of how.
        later: Makes the files that need not hold up the slot, a thumbnail for instance. Runs
            while the slot is at its next unit; what takes long is done elsewhere than in the loop.
    """

    files: tuple[ProducedFile, ...] = ()
    facts: UnitFacts = field(default_factory=UnitFacts)
    later: Callable[[], Awaitable[tuple[ProducedFile, ...]]] = no_more_files
