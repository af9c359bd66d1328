"""What followers of the farm hear of shots."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from framefarm.core.states import JobState
from framefarm.db import tables as t
from framefarm.farm.event_log import EventLog, Where
from framefarm.farm.shot_rights import seen_shots
from framefarm.farm.shots import path_of, shot_rows

_REMEMBERED = 10_000

MADE, CHANGED, DELETED, VERSION_DONE = "made", "changed", "deleted", "version_done"


class ShotTelling:
    """Notes what happened to shots. Used from the manager's event loop only.

    Args:
        log: Where to.
        since: Versions that were done before have been told of; seconds since 1970.
    """

    def __init__(self, log: EventLog, since: float) -> None:
        self._log = log
        self._since = since
        self._waiting: dict[int, str] = {}
        self._done: OrderedDict[int, float] = OrderedDict()

    def wait(self, shot_ids: Iterable[int], what: str) -> None:
        """Shots were made or changed: what they are now is told soon, and once."""
        for shot_id in shot_ids:
            self._waiting.setdefault(shot_id, what)

    def take(self) -> dict[int, str]:
        """Those that are to be told of now."""
        taken, self._waiting = self._waiting, {}
        return taken

    def tell(self, rows: Sequence[Row[Any]], whats: Mapping[int, str]) -> None:
        """Tell of shots as they are."""
        for row in rows:
            self._note(row, _facts(row, whats[row.id]))

    def deleted(self, rows: Iterable[Row[Any]]) -> None:
        """These shots are no longer there."""
        for row in rows:
            self._note(row, _facts(row, DELETED))

    def new_versions(self, jobs: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
        """Of some jobs those that are versions and done just now, by their numbers.

        A job is told of again whenever something of it changes; that it is done is so only once.
        """
        return {job["job"]: job for job in jobs if job["version"] is not None and self._new(job)}

    def _new(self, job: Mapping[str, Any]) -> bool:
        finished_at = job["finished_at"]
        if job["state"] != JobState.DONE or finished_at is None or finished_at < self._since:
            return False
        if self._done.get(job["job"]) == finished_at:
            return False
        self._done[job["job"]] = finished_at
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        return True

    def version_done(self, row: Row[Any], job: Mapping[str, Any]) -> None:
        """A version of a shot is finished: what it has is the shot's now."""
        facts = {"version": job["version"], "job": job["job"], "owner": job["owner"]}
        self._note(row, {**_facts(row, VERSION_DONE), **facts}, job_id=job["job"])

    def _note(self, row: Row[Any], facts: dict[str, Any], job_id: int | None = None) -> None:
        where = Where(row.project, row.sequence, row.name, row.id)
        self._log.note("shot", facts, shot_id=row.id, job_id=job_id, where=where)


def _facts(row: Row[Any], what: str) -> dict[str, Any]:
    return {
        "shot": row.id,
        "path": path_of(row),
        "what": what,
        "status": row.status,
        "frames": row.frames,
        "priority": row.priority,
        "owner": row.created_by,
    }


def rows_of(connection: Connection, shot_ids: Collection[int]) -> Sequence[Row[Any]]:
    """Shots by number, those that are there."""
    query = shot_rows().where(t.shots.c.id.in_(shot_ids)).order_by(t.shots.c.id)
    return connection.execute(query).all()


def seen_among(connection: Connection, shot_ids: Collection[int], artist: str) -> set[int]:
    """Those of some shots that an artist sees."""
    query = select(t.shots.c.id).where(t.shots.c.id.in_(shot_ids), seen_shots(artist))
    return set(connection.execute(query).scalars())
