"""What the simulation knows to be true: who holds what, what was acknowledged, what was rendered.

It hears from the database (what was committed), from the workers (what they do) and from the faults
(what they did), and says at once when a promise of the farm is broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from framefarm.agent import instructions as do
from framefarm.agent.instructions import Instruction
from framefarm.agent.state import AgentState, held_leases
from framefarm.agent.work import UnitWork
from framefarm.core.spans import Spans
from framefarm.protocol.messages import Released

from .database import Note

if TYPE_CHECKING:
    from .timeline import Process
    from .workers import Machine

Unit = tuple[int, int]
"""Stage and unit."""


@dataclass
class Lease:
    """A lease as it was committed.

    Attributes:
        holder: Its worker.
        given_at: When it was given.
        seen_at: When it was last in good hands: held by a living worker that can be heard.
        process: That of the holder when it was given; None when there was none.
        active: Whether it is in force.
    """

    stage: int
    units: Spans
    holder: str
    given_at: float
    seen_at: float
    process: Process | None
    active: bool = True


@dataclass
class Ledger:
    """The books of one simulation.

    Attributes:
        fail: Called with what is wrong.
        now: Simulated seconds.
        process_of: The process that a worker runs now, by its id.
        is_live: Whether a stage's job is to be worked on, or will be.
        excused: How many renders more than one a unit may have had, by why.
    """

    fail: Callable[[str], None]
    now: Callable[[], float]
    process_of: Callable[[str], Process | None]
    is_live: Callable[[int], bool]
    leases: dict[str, Lease] = field(default_factory=dict)
    results: dict[Unit, str] = field(default_factory=dict)
    attempts: dict[Unit, int] = field(default_factory=dict)
    renders: Counter[Unit] = field(default_factory=Counter)
    wrongs: Counter[Unit] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    damaged: int = 0
    """Uploads that were damaged on their way."""
    let_go_at: dict[str, float] = field(default_factory=dict)
    """When its worker said of a lease that it gives it back."""
    forgettable: set[int] = field(default_factory=set)
    """Stages whose results a person asked to forget."""

    # --- from the database

    def commit(self, notes: list[Note]) -> None:
        """Take in what was committed."""
        for note in notes:
            if note.kind in _RULES:
                _RULES[note.kind](self, note)

    def _leased(self, note: Note) -> None:
        lease, _, text = note.text.partition(" ")
        units = Spans.restore(text)
        process = self.process_of(note.worker)
        now = self.now()
        self.leases[lease] = Lease(note.stage, units, note.worker, now, now, process)
        for unit in units:
            before = self.attempts.get((note.stage, unit), 0)
            if note.attempt <= before:
                self.fail(
                    f"unit {unit} of stage {note.stage} is leased as attempt {note.attempt}, "
                    f"after attempt {before}"
                )
            self.attempts[note.stage, unit] = note.attempt
        if note.kind == "tail":
            self.excused["a tail lease"] += len(units)

    def _ended(self, note: Note) -> None:
        lease = self.leases.get(note.text.partition(" ")[0])
        if lease is not None:
            lease.active = False

    def _done(self, note: Note) -> None:
        lease, _, unit = note.text.partition(" ")
        at = (note.stage, int(unit))
        if at in self.results:
            self.fail(f"unit {unit} of stage {note.stage} is done a second time")
        self.results[at] = lease

    def _forgot(self, note: Note) -> None:
        unit = int(note.text.partition(" ")[2])
        if note.stage not in self.forgettable:
            self.fail(f"the result of unit {unit} of stage {note.stage} is gone")
        self.results.pop((note.stage, unit), None)

    # --- from the workers

    def performs(self, machine: Machine, instruction: Instruction) -> None:
        """An agent does what it decided."""
        if isinstance(instruction, do.StartUnit):
            work = instruction.work
            self.renders[work.stage, work.unit] += 1
            if machine.agent is not None and machine.agent.low and machine.disk.full:
                self.fail(f"L14: {machine.name} begins {_name(work)} though its disk is full")
            machine.trace(machine.name, "begins %s", _name(work))
        elif isinstance(instruction, do.Keep):
            machine.trace(machine.name, "has made %s", _name(instruction.work))
        elif isinstance(instruction, do.Send) and isinstance(instruction.report, Released):
            self.let_go_at[instruction.report.lease] = self.now()
        elif isinstance(instruction, do.DropEntry) and not instruction.useful:
            self._drops(machine, instruction.entry)

    def _drops(self, machine: Machine, entry: str) -> None:
        """A result leaves an outbox: the farm must have one, or want none (L6)."""
        stage, unit = (int(part) for part in entry.split("-")[:2])
        known = (stage, unit) in self.results or stage in self.forgettable
        if not known and not self.damaged and self.is_live(stage):
            self.fail(f"{machine.name} dropped the only result of unit {unit} of stage {stage}")

    def goes_wrong(self, machine: Machine, work: UnitWork, why: str) -> None:
        """A unit fails because the simulation wants it so."""
        machine.trace(machine.name, "fails %s: %s", _name(work), why)
        self.wrongs[work.stage, work.unit] += 1
        self.excuse("a unit that failed", 1)

    def surprised(self, machine: Machine, what: str) -> None:
        """Something happened that nobody thought of."""
        self.fail(f"{machine.name}: {what}")

    # --- from the faults

    def damages(self) -> None:
        """An upload is damaged: the manager refuses it, and the unit is made again."""
        self.damaged += 1
        self.excuse("a damaged upload", 1)

    def excuse(self, why: str, renders: int) -> None:
        """Allow renders more than one a unit."""
        self.excused[why] += renders

    def loses_process(self, machine: Machine, why: str) -> None:
        """A process ends: what it has not stored may be rendered again."""
        if machine.agent is None:
            return
        # What it owes and has stored is delivered by its next process; until that comes, it may be
        # rendered again elsewhere.
        self._loses_work(machine, why)
        for slot in machine.agent.state.slots.values():
            if slot.working is not None:
                self.wrongs[slot.working.stage, slot.working.unit] += 1

    def gives_back(self, machine: Machine, why: str) -> None:
        """A person takes a worker's leases back, and with them what it has made and not delivered.

        The manager cannot know what lies finished on a disk. It is taken when it comes, but others
        may be at it by then. And the leases that are on their way there come before the order to
        give them back: a unit of each may be begun.
        """
        if machine.agent is None:
            return
        known = _known_to(machine.agent.state)
        self.excuse(why, sum(name not in known for name in self._in_force(machine)))
        self._loses_work(machine, why)

    def _loses_work(self, machine: Machine, why: str) -> None:
        """What a worker has in work or not yet delivered may be made by others."""
        if machine.agent is None:
            return
        self.see([machine])
        state = machine.agent.state
        working = sum(slot.working is not None for slot in state.slots.values())
        self.excuse(why, working + len(state.keeping) + len(state.owed))

    def gives_back_lease(self, machine: Machine, lease: str, why: str) -> None:
        """The same for one of its leases, with which it may begin only now."""
        if machine.agent is None:
            return
        self.see([machine])
        state = machine.agent.state
        made = sum(one == lease for one, _ in state.keeping)
        made += sum(item.lease == lease for item in state.owed.values())
        self.excuse(why, 1 + made)

    def lose_touch(self, machine: Machine, why: str) -> None:
        """A worker may not be heard for so long that what it holds goes to others."""
        if machine.agent is None:
            return
        self.see([machine])
        state = machine.agent.state
        slots = state.slots.values()
        held = sum(sum(map(len, s.lease.rest)) for s in slots if s.lease)
        working = sum(slot.working is not None for slot in slots)
        # A lease on its way there will be begun when it arrives.
        coming = sum(len(lease.units) for lease in self._in_force(machine).values())
        self.excuse(why, max(held + working, coming) + len(state.keeping) + len(state.owed))

    def _in_force(self, machine: Machine) -> dict[str, Lease]:
        """The leases in force of a worker, by name."""
        return {
            name: lease
            for name, lease in self.leases.items()
            if lease.active and lease.holder == machine.worker_id
        }

    # --- at the end

    @property
    def extra_renders(self) -> int:
        """How many renders there were more than one a unit."""
        return sum(count - 1 for count in self.renders.values())

    def close(self) -> None:
        """Hold the renders against the faults."""
        allowed = sum(self.excused.values())
        if self.extra_renders > allowed:
            again = {unit: count for unit, count in self.renders.items() if count > 1}
            self.fail(
                f"{self.extra_renders} extra renders, but {allowed} are excused "
                f"({dict(self.excused)}); rendered again: {again}"
            )

    def see(self, machines: list[Machine]) -> None:
        """Note which leases are in good hands now."""
        now = self.now()
        for machine in machines:
            agent = machine.agent
            if agent is None or agent.process.frozen or not machine.cable.up.open:
                continue
            for lease in held_leases(agent.state):
                if lease in self.leases:
                    self.leases[lease].seen_at = now

    def outlived(self, machine: Machine, after_s: float) -> list[str]:
        """Leases in force of processes whose death the manager has known for so long (L8)."""
        agent = machine.agent
        if agent is None or not agent.up or self.now() - (agent.welcomed_at or 0.0) < after_s:
            return []
        # What the dead process had stored is delivered by this one, under its lease (L6).
        owed = (item.lease for item in agent.state.owed.values())
        held = {*held_leases(agent.state), *owed}
        return [
            name
            for name, lease in self._in_force(machine).items()
            if lease.process not in (None, agent.process) and name not in held
        ]

    def never_arrived(self, machine: Machine, after_s: float, disturbed_at: float) -> list[str]:
        """Leases in force that the worker, which came back without them, never got (L8).

        One that it gave back just now it had: its word is on its way.
        """
        agent, now = machine.agent, self.now()
        if agent is None or not agent.up or agent.process.frozen or not machine.cable.whole:
            return []
        since = agent.welcomed_at or 0.0
        if now - max(since, disturbed_at) < after_s:
            return []
        known = _known_to(agent.state)
        known.update(lease for lease, at in self.let_go_at.items() if now - at < after_s)
        return [
            name
            for name, lease in self._in_force(machine).items()
            if lease.process is agent.process and lease.given_at < since and name not in known
        ]

    def all_of_others(self, machine: Machine) -> list[str]:
        """The leases in force of other workers."""
        return [
            name
            for name, lease in self.leases.items()
            if lease.active and lease.holder != machine.worker_id
        ]

    def overdue(self, stage_leases: set[str], limit_s: float, since: float) -> list[str]:
        """Of leases in force, those that nobody has held for longer than a limit."""
        for lease in self.leases.keys() - stage_leases:
            del self.leases[lease]
        now = self.now()
        return [
            lease
            for lease in sorted(stage_leases)
            if now - max(self.leases[lease].seen_at, since) > limit_s
        ]


_RULES: dict[str, Callable[[Ledger, Note], None]] = {
    "leased": Ledger._leased,
    "tail": Ledger._leased,
    "ended": Ledger._ended,
    "done": Ledger._done,
    "forgot": Ledger._forgot,
}


def _known_to(state: AgentState) -> set[str]:
    """The leases that an agent has to do with."""
    failed = (lease for lease, _ in state.failures)
    owed = (item.lease for item in state.owed.values())
    return {*held_leases(state), *failed, *state.returning, *owed}


def _name(work: UnitWork) -> str:
    return f"{work.kind} unit {work.unit} of stage {work.stage}, attempt {work.attempt}"
