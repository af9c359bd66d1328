"""Rules that a look at one transaction, or at one moment, shows broken: L5, L9, L10 and L13."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from framefarm.agent.state import Link
from framefarm.core.spans import Spans

from .database import Database, Note
from .disk import content_of
from .workers import Machine

TRIES = DEATHS = 3
MOST_TRIES = 12
"""After so many a unit is given up, also where somebody who could do it has not come."""
LOSSES = 5
TWICE = 2
STALLED_TIMES = 10.0
LONGEST_S = 2.0 * 1.4
"""What a unit takes on the slowest machine, times what its job says it takes."""
ITS_LIFE_S = 30.0
ABOUT_S = 0.001
NOTICED_S = 5.0
SILENT_S = 25.0
"""The agent's longest pause between two connections is 4 s, and one may take 10 s to fail."""
MINUTE_S = 60.0
BARS_KNOWN_S = 5.0
KNOWN_S = 110.0
"""For two minutes a worker that was there counts as one that could try a unit."""


class Stored(Protocol):
    """Where the manager keeps files."""

    def content(self, sha256: str) -> bytes | None:
        """What it has under a hash."""


@dataclass
class Audit:
    """Looks for what must not be.

    Attributes:
        database: Of the farm.
        blobs: Its files.
        machines: Its workers'.
        now: Simulated seconds.
        disturbed_at: When the farm could not learn or write something, the last time.
        stall_s: How long a unit may show no progress.
    """

    database: Database
    blobs: Stored
    machines: Sequence[Machine]
    now: Callable[[], float]
    disturbed_at: Callable[[], float]
    stall_s: float
    _stuck: set[str] = field(default_factory=set)

    def of_commit(self, notes: Sequence[Note]) -> Iterator[str]:
        """What is wrong with something that was committed just now."""
        for note in notes:
            if note.kind == "done":
                yield from self._without_its_bytes(note)
            elif note.kind == "failed":
                yield from self._given_up_early(note)
            elif note.kind in {"leased", "tail"}:
                yield from self._ends_at_another_time(note)
                yield from self._lent_too_often(note)
                yield from self._lent_to_the_barred(note)
                yield from self._lent_again(note)

    def of_now(self) -> Iterator[str]:
        """What is wrong at this moment."""
        for worker, kind, units in self.database.ask(_UNANSWERED):
            yield f"L9: {worker} failed {units} units of {kind} that others made, unpunished"
        for (worker,) in self.database.ask(_MADE_ITS_TRIAL):
            yield f"L9: {worker} made the unit it was tried with, but is quarantined"
        stuck = {name for machine in self.machines for name in self._stuck_at(machine)}
        for name in sorted(stuck & self._stuck):
            yield f"L10: nobody ends {name}"
        self._stuck = stuck
        for machine in self.machines:
            yield from self._hurries(machine)
            yield from self._dawdles(machine)

    # --- the clock, as L1 has it

    def _ends_at_another_time(self, note: Note) -> Iterator[str]:
        lease = note.text.partition(" ")[0]
        for (ends_at,) in self.database.ask(_ENDS_AT, lease):
            life_s = ends_at - self.database.clock()
            if abs(life_s - ITS_LIFE_S) > ABOUT_S:
                yield f"L1: lease {lease[:6]} is to end in {life_s:.1f} s by the database's clock"

    # --- files, as L5 has it

    def _without_its_bytes(self, note: Note) -> Iterator[str]:
        unit = int(note.text.partition(" ")[2])
        for (sha256,) in self.database.ask(_FILES, note.stage, unit):
            if self.blobs.content(sha256) != content_of(note.stage, unit):
                yield f"L5: unit {unit} of stage {note.stage} counts, but its bytes are others"

    # --- blame, as L9 has it

    def _given_up_early(self, note: Note) -> Iterator[str]:
        faults = self.database.ask(_FAULTS, note.stage, int(note.text))
        reasons = [reason for _, reason in faults]
        killers = {worker for worker, reason in faults if reason == "killed"}
        losses = [reason for reason in reasons if reason in {"lost", "killed"}]
        errors = [worker for worker, reason in faults if reason not in {"lost", "killed"}]
        if reasons[-1] == "refused" or len(killers) >= DEATHS or len(losses) >= LOSSES:
            return
        if len(errors) < TRIES:
            yield f"L9: unit {note.text} of stage {note.stage} is given up after {reasons}"
        elif len(set(errors)) < TRIES and len(errors) < MOST_TRIES:
            for machine in self._who_could(note.stage, set(errors)):
                yield (
                    f"L9: unit {note.text} of stage {note.stage} is given up after {faults}, "
                    f"though {machine.name} has not tried it"
                )

    def _who_could(self, stage: int, tried: set[str]) -> Iterator[Machine]:
        """Those that have not tried a stage's unit, and were there lately."""
        [(kind,)] = self.database.ask("SELECT kind FROM stages WHERE id = ?", stage)
        since = self.database.clock() - KNOWN_S
        for machine in self.machines:
            offers = {one for offer in machine.offers for one in offer.kinds}
            untried = kind in offers and machine.worker_id not in tried
            if untried and self.database.ask(_THERE_LATELY, machine.worker_id, since):
                yield machine

    def _lent_again(self, note: Note) -> Iterator[str]:
        """A worker gets what it failed, though one could try that failed nothing of the stage."""
        units = Spans.restore(note.text.partition(" ")[2])
        failed = {unit for (unit,) in self.database.ask(_FAILED_THERE, note.stage, note.worker)}
        if note.attempt == 1 or not any(unit in units for unit in failed):
            return
        tried = {worker for (worker,) in self.database.ask(_FAILED_BY, note.stage)}
        for machine in self._who_could(note.stage, tried):
            agent = machine.agent
            welcomed = self.now() - ((agent and agent.up and agent.welcomed_at) or self.now())
            there = machine.cable.whole and bool(machine.cable.wires)
            # One that is to start anew gets no more until it has.
            there = there and not self.database.ask(_TO_RESTART, machine.worker_id)
            if there and welcomed > BARS_KNOWN_S and self._undisturbed():
                yield (
                    f"L9: {note.worker} gets {units} of stage {note.stage} again, which it failed, "
                    f"though {machine.name} could try"
                )

    def _lent_too_often(self, note: Note) -> Iterator[str]:
        """By L11 two workers may be at a unit, never three, nor one of them twice."""
        if note.kind != "tail":
            return
        unit = Spans.restore(note.text.partition(" ")[2]).first
        rows = self.database.ask(_IN_FORCE, note.stage)
        holders = [worker for worker, units in rows if unit in Spans.restore(units)]
        if len(holders) > len(set(holders)) or len(holders) > TWICE:
            yield f"L11: unit {unit} of stage {note.stage} is lent to {holders}"

    def _lent_to_the_barred(self, note: Note) -> Iterator[str]:
        # One that was ended in the same transaction was not lent: its worker has another trial.
        now, lease = self.database.clock(), note.text.partition(" ")[0]
        for since, until, trial, kind in self.database.ask(_BARRED, lease):
            known = since <= now - BARS_KNOWN_S and self._undisturbed()
            if known and (until > now or trial != lease):
                yield f"L9: a {note.kind} {kind} lease for {note.worker}, which is quarantined"
            units = Spans.restore(note.text.partition(" ")[2])
            if trial == lease and len(units) > 1:
                yield f"L9: {note.worker} is tried with {len(units)} units of {kind}, not with one"

    def _undisturbed(self) -> bool:
        return self.now() - self.disturbed_at() > BARS_KNOWN_S

    # --- progress, as L10 has it

    def _stuck_at(self, machine: Machine) -> Iterator[str]:
        agent = machine.agent
        if agent is None or agent.process.frozen:
            return
        for (stage, unit, usual_s), since in machine.hanging.items():
            limit_s = max(self.stall_s, STALLED_TIMES * LONGEST_S * usual_s) + NOTICED_S
            began = since
            if machine.numb:
                # The manager has to see it, which it can only while they are connected.
                limit_s += ITS_LIFE_S + NOTICED_S
                began = max(since, agent.welcomed_at or 0.0, self.disturbed_at())
                limit_s = limit_s if machine.cable.whole and agent.up else float("inf")
            if self.now() - began > limit_s:
                yield f"unit {unit} of stage {stage}, which hangs on {machine.name}"

    # --- pauses, as L13 has it

    def _hurries(self, machine: Machine) -> Iterator[str]:
        tries = {"to connect": machine.cable.tried, **machine.cable.offered}
        for what, moments in tries.items():
            if len(moments) == moments.maxlen and moments[-1] - moments[0] < MINUTE_S:
                yield f"L13: {machine.name} tried {what} {len(moments)} times in a minute"

    def _dawdles(self, machine: Machine) -> Iterator[str]:
        agent = machine.agent
        if agent is None or agent.process.frozen or agent.state.link is not Link.DOWN:
            return
        latest = max([agent.down_at, agent.thawed_at, *list(machine.cable.tried)[-1:]])
        if self.now() - latest > SILENT_S and not agent.state.over:
            yield f"L13: {machine.name} has not tried to connect since {latest:.0f}"


_ENDS_AT = "SELECT expires_at FROM leases WHERE id = ? AND state = 'active'"
_FILES = "SELECT sha256 FROM files WHERE stage_id = ? AND unit = ?"
_FAULTS = """
SELECT worker_id, reason FROM faults WHERE stage_id = ? AND unit = ? AND NOT forgiven ORDER BY id"""
_FAILED_THERE = """
SELECT unit FROM faults WHERE stage_id = ? AND worker_id = ? AND NOT forgiven
AND reason NOT IN ('lost', 'killed')"""
_FAILED_BY = "SELECT DISTINCT worker_id FROM faults WHERE stage_id = ?"
_IN_FORCE = "SELECT worker_id, units FROM leases WHERE stage_id = ? AND state = 'active'"
_THERE_LATELY = """
SELECT 1 FROM workers w WHERE id = ? AND last_seen_at > ? AND revoked_at IS NULL
AND state IN ('idle', 'busy', 'offline', 'lost')
AND NOT EXISTS (SELECT 1 FROM quarantines q WHERE q.worker_id = w.id)"""
_TO_RESTART = "SELECT 1 FROM workers WHERE id = ? AND restart_boot_id = boot_id"
_BARRED = """
SELECT q.since_at, q.until_at, q.trial_lease, q.kind FROM leases l
JOIN stages s ON s.id = l.stage_id
JOIN quarantines q ON q.worker_id = l.worker_id AND q.kind = s.kind AND q.blender = s.blender
WHERE l.id = ? AND l.state = 'active'"""
_MADE_ITS_TRIAL = """
SELECT q.worker_id FROM quarantines q JOIN results r ON r.lease_id = q.trial_lease"""
_UNANSWERED = """
SELECT f.worker_id, s.kind, count(DISTINCT f.stage_id || '.' || f.unit) AS failed_units
FROM faults f JOIN stages s ON s.id = f.stage_id
JOIN results r ON r.stage_id = f.stage_id AND r.unit = f.unit
WHERE r.worker_id <> f.worker_id AND NOT f.charged AND r.attempt > 1
AND f.reason NOT IN ('lost', 'killed', 'out_of_memory', 'refused')
GROUP BY f.worker_id, s.kind, s.blender HAVING failed_units >= 3"""
