"""What people's files take: counted in the transaction in which a file comes or goes.

An upload counts for everybody who brought all of its bytes, though the farm keeps it once. A
result counts for the owner of its job. What no account is of is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select, update

from framefarm.db import Prepared
from framefarm.db import tables as t

_COUNT_RESULTS = Prepared(
    update(t.users)
    .where(t.users.c.name == bindparam("owner"))
    .values(result_bytes=t.users.c.result_bytes + bindparam("size"))
    .returning(t.users.c.id)
)


def count_results(connection: Connection, by_owner: Mapping[str, int]) -> None:
    """Count the files of new results; they are counted to their stages already.

    Args:
        by_owner: Bytes by owner of their jobs.
    """
    for owner, size_bytes in by_owner.items():
        if owner and size_bytes:
            _COUNT_RESULTS.rows(connection, owner=owner, size=size_bytes)


def discount_results(connection: Connection, stage_id: int, size_bytes: int) -> None:
    """Count the files of results off that are taken back."""
    if not size_bytes:
        return
    stage = update(t.stages).where(t.stages.c.id == stage_id)
    connection.execute(stage.values(result_bytes=t.stages.c.result_bytes - size_bytes))
    owner = (
        select(t.jobs.c.owner)
        .join(t.stages, t.stages.c.job_id == t.jobs.c.id)
        .where(t.stages.c.id == stage_id)
        .scalar_subquery()
    )
    user = update(t.users).where(t.users.c.name == owner)
    connection.execute(user.values(result_bytes=t.users.c.result_bytes - size_bytes))


def discount_job(connection: Connection, job_id: int) -> None:
    """Count all results of a job off its owner's, just before it is deleted."""
    its = select(func.coalesce(func.sum(t.stages.c.result_bytes), 0)).where(
        t.stages.c.job_id == job_id
    )
    owner = select(t.jobs.c.owner).where(t.jobs.c.id == job_id).scalar_subquery()
    connection.execute(
        update(t.users)
        .where(t.users.c.name == owner)
        .values(result_bytes=t.users.c.result_bytes - its.scalar_subquery())
    )


def results_of(connection: Connection, owner: str) -> int:
    """Bytes of the results of all jobs of an owner: what an account begins with."""
    return int(
        connection.execute(
            select(func.coalesce(func.sum(t.stages.c.result_bytes), 0))
            .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
            .where(t.jobs.c.owner == owner)
        ).scalar_one()
    )


def count_uploads(connection: Connection, user_id: int, size_bytes: int) -> None:
    """Count blobs that are a person's now."""
    user = update(t.users).where(t.users.c.id == user_id)
    connection.execute(user.values(upload_bytes=t.users.c.upload_bytes + size_bytes))


def remove_owners(connection: Connection, gone: Sequence[str]) -> None:
    """Forget whose some blobs were, few enough for one statement; they count no more."""
    of = t.blob_owners.c
    theirs = (
        select(of.user_id, func.sum(of.size_bytes).label("size_bytes"))
        .where(of.sha256.in_(gone))
        .group_by(of.user_id)
    )
    for row in connection.execute(theirs).all():
        count_uploads(connection, row.user_id, -row.size_bytes)
    connection.execute(delete(t.blob_owners).where(of.sha256.in_(gone)))


def usage_faults(connection: Connection) -> Iterator[str]:
    """Counters of bytes that do not equal what they count."""
    yield from _stage_faults(connection)
    yield from _user_faults(connection)


def _stage_faults(connection: Connection) -> Iterator[str]:
    files = (
        select(func.coalesce(func.sum(t.files.c.size_bytes), 0))
        .where(t.files.c.stage_id == t.stages.c.id)
        .scalar_subquery()
    )
    counted = select(t.stages.c.id, t.stages.c.result_bytes, files.label("files"))
    for row in connection.execute(counted.where(t.stages.c.result_bytes != files)):
        yield f"stage {row.id} has {row.result_bytes} bytes of results, counted {row.files}"


def _user_faults(connection: Connection) -> Iterator[str]:
    uploads = (
        select(func.coalesce(func.sum(t.blob_owners.c.size_bytes), 0))
        .where(t.blob_owners.c.user_id == t.users.c.id)
        .scalar_subquery()
        .label("uploads")
    )
    for row in connection.execute(
        select(t.users.c.name, t.users.c.upload_bytes, t.users.c.result_bytes, uploads)
    ).all():
        results = results_of(connection, row.name)
        if row.upload_bytes != row.uploads:
            yield f"user {row.name} has {row.upload_bytes} bytes of uploads, counted {row.uploads}"
        if row.result_bytes != results:
            yield f"user {row.name} has {row.result_bytes} bytes of results, counted {results}"
