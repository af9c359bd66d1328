"""Whose files are whose: which blobs a person may name in a job, and read.

A hash is no secret, so knowing one opens nothing. A file is a person's own once all of its bytes
came from there, or once it belongs to one of the person's own jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Select, insert, select

from framefarm.core.accounts import UserRole
from framefarm.db import tables as t
from framefarm.farm.accounts import Identity
from framefarm.farm.quotas import check_bytes, check_waiting
from framefarm.farm.refusals import told_when_refused
from framefarm.farm.usage import count_uploads
from framefarm.storage import BlobMissingError

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_AT_A_TIME = 500


def sees_all(who: Identity | None) -> bool:
    """Whether all files are open to somebody: to admins and viewers, and on the own machine."""
    return who is None or who.role is not UserRole.ARTIST


def note_owner(connection: Connection, user_id: int, sizes: Mapping[str, int]) -> None:
    """Keep note that a person brought all bytes of some blobs, few enough for one statement.

    Args:
        sizes: Bytes by hash.

    Raises:
        QuotaExceededError: They are more than the person may have.
    """
    new = _new_ones(connection, user_id, sizes)
    # A large file takes its time; the account may have been removed meanwhile.
    there = select(t.users.c.id).where(t.users.c.id == user_id)
    if not new or not connection.execute(there).first():
        return
    check_bytes(connection, user_id, sum(new.values()))
    rows = [
        {"user_id": user_id, "sha256": sha256, "size_bytes": new[sha256]} for sha256 in sorted(new)
    ]
    connection.execute(insert(t.blob_owners), rows)
    count_uploads(connection, user_id, sum(new.values()))


def _check_coming(connection: Connection, user_id: int, sizes: Mapping[str, int] | None) -> None:
    new = None if sizes is None else _new_ones(connection, user_id, sizes)
    check_bytes(connection, user_id, None if new is None else sum(new.values()))


def _new_ones(connection: Connection, user_id: int, sizes: Mapping[str, int]) -> dict[str, int]:
    mine = t.blob_owners.c
    known = select(mine.sha256).where(mine.user_id == user_id, mine.sha256.in_(list(sizes)))
    left = set(sizes) - set(connection.execute(known).scalars())
    return {sha256: sizes[sha256] for sha256 in left}


def of_others(connection: Connection, who: Identity, hashes: Iterable[str]) -> set[str]:
    """Those of some blobs that a person neither brought nor has in a job."""
    wanted = sorted(set(hashes))
    found: set[str] = set()
    for start in range(0, len(wanted), _AT_A_TIME):
        found |= _of_others(connection, who, wanted[start : start + _AT_A_TIME])
    return found


def _of_others(connection: Connection, who: Identity, some: Sequence[str]) -> set[str]:
    left = set(some)
    for query in _own(who, some):
        left -= set(connection.execute(query).scalars())
        if not left:
            break
    return left


def _own(who: Identity, some: Sequence[str]) -> Iterator[Select[tuple[str]]]:
    """Blobs that the person brought, then those of the person's jobs: .blends, files, results."""
    mine, stages, files, trees = t.blob_owners.c, t.stages.c, t.files.c, t.trees.c
    yield select(mine.sha256).where(mine.user_id == who.user_id, mine.sha256.in_(some))
    own_stage = (t.stages.c.job_id == t.jobs.c.id) & (t.jobs.c.owner == who.name)
    yield select(stages.blend_sha256).where(stages.blend_sha256.in_(some), own_stage)
    tree = stages.blend_sha256 == trees.tree_sha256
    yield select(trees.sha256).where(trees.sha256.in_(some), tree, own_stage)
    yield select(files.sha256).where(files.sha256.in_(some), files.stage_id == stages.id, own_stage)


async def not_theirs(farm: Farm, who: Identity | None, hashes: Iterable[str]) -> set[str]:
    """Those of some blobs that somebody may not name or read, whether they are here or not."""
    if who is None or sees_all(who):
        return set()
    return await farm.read(partial(of_others, who=who, hashes=hashes))


async def check_own(farm: Farm, who: Identity | None, sha256: str) -> None:
    """Make sure that somebody may name a blob, and read it.

    Raises:
        BlobMissingError: It is another's, or is not there: which of them is not told.
    """
    if await not_theirs(farm, who, [sha256]):
        raise BlobMissingError(
            f"You sent no file with the hash {sha256[:64]}, nor has a job of yours."
        )


async def keep_owner(farm: Farm, who: Identity | None, hashes: Sequence[str]) -> None:
    """Keep note that somebody brought all bytes of some blobs; they were checked.

    Raises:
        QuotaExceededError: They are more than the person may have.
    """
    if who is None:
        return
    sizes = await asyncio.to_thread(_sizes, farm, hashes)
    async with told_when_refused(farm):
        rest = iter(sizes.items())
        while some := dict(islice(rest, _AT_A_TIME)):
            await farm.writer.write(partial(note_owner, user_id=who.user_id, sizes=some))


async def check_room(
    farm: Farm, who: Identity | None, sizes: Mapping[str, int] | None = None
) -> None:
    """Make sure that blobs may become somebody's, before their bytes come.

    Args:
        sizes: Bytes by hash, few; None where that is not known yet.

    Raises:
        QuotaExceededError: They are more than the person may have, or nothing is left.
    """
    if who is not None:
        async with told_when_refused(farm):
            await farm.read(partial(_check_coming, user_id=who.user_id, sizes=sizes))


async def check_waiting_room(farm: Farm, who: Identity, waiting_bytes: int) -> None:
    """Make sure that somebody may send more chunks of files that are not complete.

    Args:
        waiting_bytes: What waits of the person's would take with them.

    Raises:
        QuotaExceededError: It is more than may be.
    """
    async with told_when_refused(farm):
        read = partial(check_waiting, user_id=who.user_id, waiting_bytes=waiting_bytes)
        await farm.read(read)


def _sizes(farm: Farm, hashes: Sequence[str]) -> dict[str, int]:
    return {sha256: farm.blobs.existing(sha256).stat().st_size for sha256 in hashes}
