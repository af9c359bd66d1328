"""A person's uploads: what they take, which of them a job needs, and giving them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from framefarm.core.errors import FrameFarmError
from framefarm.core.listing import first_of
from framefarm.db import tables as t
from framefarm.farm.accounts import find_user
from framefarm.farm.usage import count_uploads
from framefarm.storage import BlobMissingError


class BlobNeededError(FrameFarmError):
    """A job of the person's needs a file."""

    code = "blob_needed"

    def __init__(self, jobs: Sequence[int]) -> None:
        named = first_of([str(job) for job in jobs])
        words = ("Job", "needs", "it") if len(jobs) == 1 else ("Jobs", "need", "them")
        super().__init__(
            f"{words[0]} {named} {words[1]} this file; delete {words[2]} first "
            "(`framefarm delete JOB`)."
        )


@dataclass(frozen=True)
class OwnBlob:
    """A file that a person uploaded.

    Attributes:
        needed: Whether a job of the person's needs it; else it goes within a day by itself.
    """

    sha256: str
    size_bytes: int
    needed: bool


@dataclass(frozen=True)
class OwnBlobList:
    """A page of a person's uploads. `next` is the cursor of the following page."""

    blobs: list[OwnBlob]
    next: str | None


def own_blobs(connection: Connection, name: str, *, after: str = "", limit: int) -> OwnBlobList:
    """A person's uploads by hash, those after one.

    Raises:
        NoSuchUserError: Nobody has that name.
    """
    user, of = find_user(connection, name), t.blob_owners.c
    rows = connection.execute(
        select(of.sha256, of.size_bytes)
        .where(of.user_id == user.id, of.sha256 > after)
        .order_by(of.sha256)
        .limit(limit + 1)
    ).all()
    shown = rows[:limit]
    needed = _needed(connection, name, [row.sha256 for row in shown])
    blobs = [OwnBlob(row.sha256, row.size_bytes, row.sha256 in needed) for row in shown]
    return OwnBlobList(blobs, shown[-1].sha256 if len(rows) > limit else None)


def give_up(connection: Connection, name: str, sha256: str) -> None:
    """Let an upload be a person's no more: it counts no more, and its bytes go within a day.

    Raises:
        NoSuchUserError: Nobody has that name.
        BlobMissingError: The person did not upload it.
        BlobNeededError: A job of the person's needs it.
    """
    user, of = find_user(connection, name), t.blob_owners.c
    here = (of.user_id == user.id) & (of.sha256 == sha256)
    size_bytes = connection.execute(select(of.size_bytes).where(here)).scalar_one_or_none()
    if size_bytes is None:
        raise BlobMissingError(f"{name} uploaded no file with the hash {sha256[:64]!r}.")
    if jobs := _jobs_with(connection, name, sha256):
        raise BlobNeededError(jobs)
    connection.execute(delete(t.blob_owners).where(here))
    count_uploads(connection, user.id, -size_bytes)


def _needed(connection: Connection, owner: str, hashes: Sequence[str]) -> set[str]:
    """Those of some blobs, few enough for one statement, that jobs of an owner name."""
    stages, trees = t.stages.c, t.trees.c
    own = (stages.job_id == t.jobs.c.id) & (t.jobs.c.owner == owner)
    alone = select(stages.blend_sha256).where(stages.blend_sha256.in_(hashes), own)
    in_tree = select(trees.sha256).where(
        trees.sha256.in_(hashes), stages.blend_sha256 == trees.tree_sha256, own
    )
    return {
        *connection.execute(alone.distinct()).scalars(),
        *connection.execute(in_tree.distinct()).scalars(),
    }


def _jobs_with(connection: Connection, owner: str, sha256: str) -> list[int]:
    trees = select(t.trees.c.tree_sha256).where(t.trees.c.sha256 == sha256)
    names_it: ColumnElement[bool] = or_(
        t.stages.c.blend_sha256 == sha256, t.stages.c.blend_sha256.in_(trees)
    )
    jobs = (
        select(t.jobs.c.id)
        .join(t.stages, t.stages.c.job_id == t.jobs.c.id)
        .where(t.jobs.c.owner == owner, names_it)
        .order_by(t.jobs.c.id)
    )
    return list(connection.execute(jobs.distinct()).scalars())
