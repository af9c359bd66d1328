"""How many slots of a pool may work: no lease is made beyond a limit, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .database import Database, Note

_Limits = tuple[int | None, int | None, int | None]
"""In all, for one owner, for one job."""

_NONE: _Limits = (None, None, None)


@dataclass
class PoolLooks:
    """Holds the slots at work against the limits of the one pool there is.

    Attributes:
        database: Of the farm.
    """

    database: Database
    _before: _Limits = field(default=_NONE)

    def of_commit(self, notes: Sequence[Note]) -> Iterator[str]:
        """What is wrong with leases that were committed just now."""
        before, self._before = self._before, self.limits()
        if not any(note.kind in {"leased", "tail"} for note in notes):
            return
        # A limit that was lowered in the same transaction may have come after the leases.
        allowed = [_looser(*both) for both in zip(before, self._before, strict=True)]
        for most, query in zip(allowed, (_IN_ALL, _BY_OWNER, _BY_JOB), strict=True):
            for name, slots in self.database.ask(query) if most is not None else ():
                # Those that a higher limit let in before stay; more must not have come.
                if slots > most and any(self._is_of(note, query, name) for note in notes):
                    yield f"pool own: {slots} slots work for {name}, of {most} that may"

    def full_for(self, stage: int) -> bool:
        """Whether the limits let no more slots work for a stage."""
        in_all, by_owner, by_job = self.limits()
        [(owner, job)] = self.database.ask(_WHOSE, stage) or [("", 0)]
        counts = (
            (in_all, dict(self.database.ask(_IN_ALL)).get("all", 0)),
            (by_owner, dict(self.database.ask(_BY_OWNER)).get(owner, 0)),
            (by_job, dict(self.database.ask(_BY_JOB)).get(job, 0)),
        )
        return any(most is not None and slots >= most for most, slots in counts)

    def limits(self) -> _Limits:
        """Those in force."""
        rows = self.database.ask(_LIMITS)
        return rows[0] if rows else _NONE

    def _is_of(self, note: Note, query: str, name: object) -> bool:
        if note.kind not in {"leased", "tail"}:
            return False
        [(owner, job)] = self.database.ask(_WHOSE, note.stage) or [("", 0)]
        return {_IN_ALL: "all", _BY_OWNER: owner, _BY_JOB: job}[query] == name


def _looser(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


_LIMITS = """
SELECT max_slots, max_slots_per_user, max_slots_per_job FROM pools WHERE name = 'own'"""
_WHOSE = "SELECT j.owner, j.id FROM stages s JOIN jobs j ON j.id = s.job_id WHERE s.id = ?"
_AT_WORK = """
FROM leases l JOIN stages s ON s.id = l.stage_id JOIN jobs j ON j.id = s.job_id
WHERE l.state = 'active'"""
_IN_ALL = f"SELECT 'all', count(*) {_AT_WORK}"
_BY_OWNER = f"SELECT j.owner, count(*) {_AT_WORK} GROUP BY j.owner"
_BY_JOB = f"SELECT j.id, count(*) {_AT_WORK} GROUP BY j.id"
