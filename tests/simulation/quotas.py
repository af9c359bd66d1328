"""What people's jobs may take: admins change it, and nothing is made or lent beyond it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .database import Database, Note
from .farmwork import OWNERS

if TYPE_CHECKING:
    from .world import World

SETTING = 0.4
"""Of the seeds, those in which owners have accounts, and quotas."""

THINKING_S = 40.0
PEOPLE = sorted(set(OWNERS))
QUOTAS: tuple[dict[str, int | None], ...] = (
    {"slots": 1},
    {"slots": 2},
    {"slots": None},
    {"jobs": 1},
    {"jobs": 2, "frames": 30},
    {"frames": 10},
    {"jobs": None, "frames": None},
)
NO_QUOTA: dict[str, int | None] = {"jobs": None, "frames": None, "slots": None}


class Admin:
    """Makes accounts and sets quotas, by the real API.

    Draws from a source of its own: in seeds without quotas all else is as it was.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = random.Random(f"quotas of {world.seed}")
        self.sets = self._rng.random() < SETTING

    async def live(self) -> None:
        """Change a quota now and then, for ever, where anybody has one."""
        while self.sets:
            name, quota = self._rng.choice(PEOPLE), self._rng.choice(QUOTAS)
            if name in self._accounts():
                self._world.people.ask("PATCH", f"/api/users/{name}", quota=quota)
            else:
                self._world.people.ask("POST", "/api/users", name=name)
            await asyncio.sleep(self._rng.expovariate(1 / THINKING_S))

    def lift(self) -> None:
        """Let everybody have all there is."""
        for name in self._accounts():
            self._world.people.ask("PATCH", f"/api/users/{name}", quota=NO_QUOTA)

    def _accounts(self) -> list[str]:
        return [name for (name,) in self._world.database.ask(_NAMES)]


class _Quota(NamedTuple):
    """Of one person; None is no limit."""

    jobs: int | None = None
    frames: int | None = None
    slots: int | None = None


@dataclass
class QuotaLooks:
    """Holds what people have against what they may have.

    Attributes:
        database: Of the farm.
    """

    database: Database
    _before: dict[str, _Quota] = field(default_factory=dict)
    _open: dict[str, set[int]] = field(default_factory=dict)
    _newest: int = 0

    def of_commit(self, notes: Sequence[Note]) -> Iterator[str]:
        """What is wrong with what was committed just now."""
        before, self._before = self._before, self.quotas()
        if not before and not self._before:
            return
        open_before, self._open = self._open, self._open_jobs()
        newest, self._newest = self._newest, self._last_job()
        for name, now in self._before.items():
            # One that was lowered in the same transaction may have come after the rest of it.
            may = _Quota(*map(_looser, now, before.get(name, _Quota())))
            came = self._open.get(name, set()) - open_before.get(name, set())
            yield from self._jobs(name, may, came)
            if any(job > newest for job in came):
                yield from self._frames(name, may)
            yield from self._slots(name, may, notes)

    def quotas(self) -> dict[str, _Quota]:
        """What each person with an account may have."""
        rows = self.database.ask(_QUOTAS)
        return {name: _Quota(*quota) for name, *quota in rows}

    def limits_slots(self) -> bool:
        """Whether anybody may have only so many slots."""
        return any(quota.slots is not None for quota in self.quotas().values())

    def full_for(self, stage: int) -> bool:
        """Whether its owner may have no more slots for a stage."""
        [(owner,)] = self.database.ask(_OWNER, stage) or [("",)]
        most = self.quotas().get(owner, _Quota()).slots
        return most is not None and self._slots_of(owner) >= most

    def _jobs(self, name: str, may: _Quota, came: set[int]) -> Iterator[str]:
        count = len(self._open.get(name, ()))
        if came and may.jobs is not None and count > may.jobs:
            yield f"quotas: {name} has {count} jobs, of {may.jobs} that may be"

    def _frames(self, name: str, may: _Quota) -> Iterator[str]:
        [(count,)] = self.database.ask(_FRAMES, name)
        if may.frames is not None and count > may.frames:
            yield f"quotas: {name} has {count} frames, of {may.frames} that may be"

    def _slots(self, name: str, may: _Quota, notes: Sequence[Note]) -> Iterator[str]:
        lent = {note.stage for note in notes if note.kind in {"leased", "tail"}}
        # Those that a higher quota let in before stay; more must not have come.
        theirs = any(self.database.ask(_OWNER, stage) == [(name,)] for stage in lent)
        if theirs and may.slots is not None and (count := self._slots_of(name)) > may.slots:
            yield f"quotas: {count} slots work for {name}, of {may.slots} that may"

    def _slots_of(self, name: str) -> int:
        [(count,)] = self.database.ask(_SLOTS, name)
        return int(count)

    def _open_jobs(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for name, job in self.database.ask(_OPEN):
            found.setdefault(name, set()).add(job)
        return found

    def _last_job(self) -> int:
        [(last,)] = self.database.ask("SELECT coalesce(max(id), 0) FROM jobs")
        return int(last)


def _looser(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


_NAMES = "SELECT name FROM users ORDER BY name"
_QUOTAS = "SELECT name, max_jobs, max_frames, max_slots FROM users"
_OWNER = "SELECT j.owner FROM stages s JOIN jobs j ON j.id = s.job_id WHERE s.id = ?"
_OPEN = "SELECT owner, id FROM jobs WHERE state IN ('queued', 'running', 'paused')"
_FRAMES = """
SELECT sum(s.total - s.done - s.failed - s.cancelled) FROM jobs j JOIN stages s ON s.job_id = j.id
WHERE j.owner = ? AND j.state IN ('queued', 'running', 'paused') AND s.position = 0"""
_SLOTS = """
SELECT count(*) FROM leases l JOIN stages s ON s.id = l.stage_id JOIN jobs j ON j.id = s.job_id
WHERE l.state = 'active' AND j.owner = ?"""
