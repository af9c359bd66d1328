"""Which files a worker may fetch: those that its leases, or its session, need, and no others.

A hash is no secret: logs and lists show it. So knowing one opens nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from framefarm.core.errors import FrameFarmError
from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.inputs import files_of, inputs_of_units

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_REMEMBERED_S = 30.0


class NotLeasedError(FrameFarmError):
    """A worker asks for a file that none of its leases needs."""

    code = "not_leased"


class Fetchable:
    """Files that a connected worker may fetch, by SHA-256, remembered for a while.

    So that a lease that was just given, and a download in many ranges, ask the database nothing.
    After half a minute it is asked again, since leases end in many ways.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, files: Iterable[str], now: float) -> None:
        """Remember that some files may be fetched.

        Args:
            now: Seconds of a clock that only rises.
        """
        for sha256 in files:
            # Put at the end, so that the oldest are in front.
            self._until.pop(sha256, None)
            self._until[sha256] = now + _REMEMBERED_S
        while self._until and (oldest := next(iter(self._until))) and self._until[oldest] < now:
            del self._until[oldest]

    def allows(self, sha256: str, now: float) -> bool:
        """Whether a file is remembered; False says nothing."""
        return self._until.get(sha256, 0.0) > now


async def check_fetch(farm: Farm, worker_id: str, sha256: str) -> None:
    """Make sure that a lease of a worker, or the job in whose session it is, needs a file.

    Raises:
        NotLeasedError: None does, or did within half a minute.
        DatabaseError: The database could not be read.
    """
    link = farm.roster.get(worker_id)
    now = time.monotonic()
    if link is not None and link.may_fetch.allows(sha256, now):
        return
    files = await farm.read(partial(files_for, catalog=farm.catalog, worker_id=worker_id))
    if sha256 not in files and await farm.read(partial(is_in_tree, sha256=sha256, trees=files)):
        files = {*files, sha256}
    if link is not None:
        link.may_fetch.add(files, now)
    if sha256 not in files:
        raise NotLeasedError("No lease of this worker needs that file.")


def files_for(connection: Connection, catalog: Catalog, worker_id: str) -> set[str]:
    """SHA-256 of all files that a worker's leases need, and those of its session's job."""
    files = files_of_leases(connection, catalog, worker_id)
    return files | files_of_session(connection, worker_id)


def files_of_session(connection: Connection, worker_id: str) -> set[str]:
    """SHA-256 of what the job renders in whose session a worker is; it may fetch that ahead."""
    found = connection.execute(
        select(t.stages.c.blend_sha256)
        .join(t.sessions, t.sessions.c.job_id == t.stages.c.job_id)
        .join(t.session_workers, t.session_workers.c.session_id == t.sessions.c.id)
        .where(t.session_workers.c.worker_id == worker_id, t.stages.c.blend_sha256 != "")
    )
    return set(found.scalars())


def is_in_tree(connection: Connection, sha256: str, trees: Collection[str]) -> bool:
    """Whether a file is one of those of some projects, which are known by their lists' hashes."""
    found = select(t.trees.c.sha256).where(
        t.trees.c.sha256 == sha256, t.trees.c.tree_sha256.in_(trees)
    )
    return connection.execute(found.limit(1)).first() is not None


def files_of_leases(connection: Connection, catalog: Catalog, worker_id: str) -> set[str]:
    """SHA-256 of all files that a worker's leases need."""
    held = connection.execute(
        select(t.leases.c.stage_id, t.leases.c.units).where(
            t.leases.c.worker_id == worker_id, t.leases.c.state == "active"
        )
    ).all()
    found: set[str] = set()
    for lease in held:
        stage = catalog.stage(connection, lease.stage_id)
        if stage is not None:
            units = Spans.restore(lease.units)
            found.update(files_of(stage, inputs_of_units(connection, catalog, stage, units)))
    return found
