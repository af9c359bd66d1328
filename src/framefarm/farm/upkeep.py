"""Keeping the database and the blobs no larger than they need to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from sqlalchemy import Connection, delete, select

from framefarm.core.states import JobState
from framefarm.db import tables as t
from framefarm.farm.usage import remove_owners
from framefarm.storage import BlobFolder

_IN_AT_A_TIME = 500


def forget_ended_leases(connection: Connection) -> int:
    """Delete leases that ended unfinished, of jobs that can take no late success any more (L4).

    A cancelled job can: it may be put back to work. Its leases also tell which attempts there were.

    Returns:
        How many there were.
    """
    over = (
        select(t.stages.c.id)
        .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
        .where(t.jobs.c.state == JobState.DONE)
    )
    gone = connection.execute(
        delete(t.leases).where(t.leases.c.state == "ended", t.leases.c.stage_id.in_(over))
    )
    return gone.rowcount


def unneeded(connection: Connection, hashes: Iterable[str]) -> list[str]:
    """Those of some blobs that no result, no job and no project names."""
    rest = iter(hashes)
    found: list[str] = []
    while some := list(islice(rest, _IN_AT_A_TIME)):
        named = {
            sha256
            for column in (t.files.c.sha256, t.stages.c.blend_sha256, t.trees.c.sha256)
            for sha256 in connection.execute(select(column).where(column.in_(some))).scalars()
        }
        found += [sha256 for sha256 in some if sha256 not in named]
    return found


def remove_unneeded(
    connection: Connection, blobs: BlobFolder, hashes: Sequence[str], *, untouched_since: float
) -> int:
    """Remove those of some blobs that nothing names any more.

    In the transaction of the one writer, so that no job or result can come to name one between the
    look and the removal; what is about to name one has stored or touched it lately. May be
    repeated: it only removes what nothing needs.

    Args:
        untouched_since: Seconds since 1970 by this machine's clock; what was stored or touched
            since then stays.

    Returns:
        How many were removed.
    """
    gone = [
        sha256
        for sha256 in unneeded(connection, hashes)
        if blobs.remove(sha256, untouched_since=untouched_since)
    ]
    remove_owners(connection, gone)
    # The next look finds what only this project needed.
    connection.execute(delete(t.trees).where(t.trees.c.tree_sha256.in_(gone)))
    return len(gone)
