"""Whom sessions reserve: their workers for their jobs, and their jobs for their workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .database import Database, Note

ON_ITS_WAY_S = 5.0
"""A claim that was on its way when a worker joined or left may still be answered as before."""

SAME_SLOTS = {"trial": "render", "join": "movie"}


@dataclass
class Reserved:
    """Holds every lease against the sessions there are.

    Attributes:
        database: Of the farm.
        now: Simulated seconds.
        link_of: The manager's end of a worker's connection.
        full_for: Whether limits of pools let no more slots work for a stage.
    """

    database: Database
    now: Callable[[], float]
    link_of: Callable[[str], object]
    full_for: Callable[[int], bool]
    _members: dict[str, tuple[int, float]] = field(default_factory=dict)
    _moved_at: dict[str, float] = field(default_factory=dict)

    def of_commit(self, notes: list[Note]) -> Iterator[str]:
        """What is wrong with leases that were committed just now."""
        before = self._members
        rows = self.database.ask(_MEMBERS)
        self._members = {worker: (job, joined_at) for worker, job, joined_at in rows}
        for worker in before.keys() | self._members.keys():
            if before.get(worker) != self._members.get(worker):
                self._moved_at[worker] = self.now()
        for note in notes:
            settled = self.now() - self._moved_at.get(note.worker, -1e9) > ON_ITS_WAY_S
            if note.kind in {"leased", "tail"} and settled:
                yield from self._of_lease(note)

    def _of_lease(self, note: Note) -> Iterator[str]:
        own, _ = self._members.get(note.worker, (None, 0.0))
        for job, kind, session in self.database.ask(_STAGE, note.stage):
            if session and own != job:
                yield f"{note.worker}, not in the session of job {job}, gets units of it"
            elif own is not None and own != job and note.kind == "leased":
                yield from self._left_waiting(note.worker, own, kind)

    def _left_waiting(self, worker: str, job: int, kind: str) -> Iterator[str]:
        """Units of a worker's own job that it might have had instead."""
        resting = getattr(self.link_of(worker), "resting", ())
        for stage, waiting in self.database.ask(_WAITING, job):
            kept_off = stage in resting or self.full_for(stage)
            kept_off = kept_off or self.database.ask(_KEPT_OFF, worker, stage, worker)
            if SAME_SLOTS.get(waiting, waiting) == SAME_SLOTS.get(kind, kind) and not kept_off:
                yield f"{worker}, in the session of job {job}, of which units wait, gets others"


_MEMBERS = """
SELECT m.worker_id, s.job_id, m.joined_at
FROM session_workers m JOIN sessions s ON s.id = m.session_id"""
"""Also when they joined: what only takes somebody out of a session changes no stage, and is not
looked at; who left and came again would seem never to have moved."""
_STAGE = """
SELECT s.job_id, s.kind, EXISTS (
  SELECT 1 FROM sessions x WHERE x.job_id = s.job_id AND x.ended_at IS NULL)
FROM stages s WHERE s.id = ?"""
_WAITING = """
SELECT s.id, s.kind FROM stages s JOIN jobs j ON j.id = s.job_id
WHERE s.job_id = ? AND s.claimable AND j.max_workers IS NULL"""
_KEPT_OFF = """
SELECT 1 FROM faults WHERE worker_id = ? AND stage_id = ?
UNION SELECT 1 FROM quarantines WHERE worker_id = ? LIMIT 1"""
