"""Leases, tasks and states for the tests of the agent's decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from framefarm.agent import instructions as do
from framefarm.agent.decisions import decide
from framefarm.agent.events import Connected, Event, Owed, ResultKept, UnitFailed, UnitRendered
from framefarm.agent.state import AgentState
from framefarm.agent.work import Outcome, ProducedFile, UnitWork
from framefarm.protocol import messages as msg

_I = TypeVar("_I")


def welcome(epoch: str = "e1", **changes: object) -> msg.Welcome:
    values = {"worker_id": "w1", "epoch": epoch, "lease_s": 30.0, **changes}
    return msg.Welcome(**values)  # type: ignore[arg-type]


def task(stage: int = 1, kind: str = "render") -> msg.Task:
    return msg.Task(stage=stage, job=1, kind=kind, settings=msgspec.Raw(b"{}"))


def lease(name: str = "L1", units: str = "1-3", slot: str = "cpu", stage: int = 1) -> msg.Lease:
    return msg.Lease(
        lease=name,
        stage=stage,
        slot=slot,
        units=units,
        attempt=1,
        expires_in_s=30.0,
        seal=f"seal of {name}",
    )


def picture(unit: int = 1) -> Outcome:
    name = f"{unit:04d}.png"
    return Outcome((ProducedFile(Path("/work") / name, name, "image"),))


def owed_of(work: UnitWork, *, has_files: bool = True) -> Owed:
    return Owed(
        entry=f"{work.stage}-{work.unit}",
        lease=work.lease,
        stage=work.stage,
        unit=work.unit,
        attempt=work.attempt,
        has_files=has_files,
        seal=work.seal,
    )


def left_behind(entry: str = "old") -> Owed:
    return Owed(entry, lease="L0", stage=1, unit=9, attempt=1, has_files=True)


@dataclass
class Play:
    """An agent's state with everything it was told to do, so that a test reads as a story."""

    state: AgentState
    todo: list[do.Instruction] = field(default_factory=list)

    @classmethod
    def of(cls, *slots: str, owed: Sequence[Owed] = (), **limits: int) -> Play:
        return cls(AgentState.of(slots or ("cpu",), owed=owed, **limits))

    @classmethod
    def connected(cls, *slots: str, owed: Sequence[Owed] = (), **limits: int) -> Play:
        play = cls.of(*slots, owed=owed, **limits)
        play.tell(Connected(), welcome())
        return play

    @classmethod
    def working(cls, units: str = "1-3", **limits: int) -> Play:
        play = cls.connected(**limits)
        play.tell(task(), lease(units=units))
        return play

    def tell(self, *events: Event) -> list[do.Instruction]:
        """Apply events; the instructions of the last call alone are in `todo`."""
        self.todo = []
        for event in events:
            self.state, todo = decide(self.state, event)
            self.todo += todo
        return self.todo

    @property
    def work(self) -> UnitWork:
        """What the slot `cpu` has in work."""
        working = self.state.slots["cpu"].working
        assert working is not None
        return working

    def render(self) -> UnitWork:
        """Finish the unit in work."""
        work = self.work
        self.tell(UnitRendered(work, picture(work.unit)))
        return work

    def keep(self, work: UnitWork, *, has_files: bool = True) -> Owed:
        owed = owed_of(work, has_files=has_files)
        self.tell(ResultKept(owed))
        return owed

    def fail(self) -> UnitWork:
        work = self.work
        self.tell(UnitFailed(work, "crashed", "it ended"))
        return work

    def found(self, kind: type[_I]) -> list[_I]:
        return [item for item in self.todo if isinstance(item, kind)]

    @property
    def sent(self) -> list[msg.Report]:
        return [item.report for item in self.found(do.Send)]

    @property
    def started(self) -> list[int]:
        return [item.work.unit for item in self.found(do.StartUnit)]
