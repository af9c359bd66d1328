"""The leases in force: who is at what, since when and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.steering import job_state
from framefarm.farm.views import iso
from framefarm.farm.worker_names import find_worker


class NoSuchLeaseError(FrameFarmError):
    """There is no lease in force with that id."""

    code = "no_such_lease"

    def __init__(self, lease_id: str) -> None:
        super().__init__(
            f"No lease {lease_id[:40]!r} is in force; `framefarm leases` lists those that are."
        )


@dataclass(frozen=True)
class LeaseView:
    """A lease in force.

    Attributes:
        units: What is left of it; frames, where `kind` is `render`.
        tail: Whether it is a second lease of what another worker is at too.
        expires_at: When it ends unless its worker is heard of before.
    """

    id: str
    job: int
    kind: str
    units: str
    worker: str
    worker_id: str
    pool: str
    slot: str
    attempt: int
    tail: bool
    leased_at: str
    expires_at: str


@dataclass(frozen=True)
class LeaseList:
    """A page of leases. `next` is the cursor of the following page."""

    leases: list[LeaseView]
    next: str | None


@dataclass(frozen=True)
class LeaseFilter:
    """Which leases are meant: those that match everything given."""

    job: int | None = None
    worker: str | None = None
    pool: str | None = None
    owner: str | None = None

    def apply(self, connection: Connection, query: Select[Any]) -> Select[Any]:
        """The same of a query's leases.

        Raises:
            NoSuchJobError: There is no such job.
            NoSuchWorkerError: There is no such worker.
        """
        if self.job is not None:
            job_state(connection, self.job)
        if self.worker is not None:
            query = query.where(t.leases.c.worker_id == find_worker(connection, self.worker).id)
        for column, value in (
            (t.jobs.c.id, self.job),
            (t.workers.c.pool, self.pool),
            (t.jobs.c.owner, self.owner),
        ):
            if value is not None:
                query = query.where(column == value)
        return query


def lease_page(
    connection: Connection, wanted: LeaseFilter, *, after: str = "", limit: int
) -> LeaseList:
    """Leases in force that match, the oldest first.

    Args:
        after: Id of the last one of the page before.

    Raises:
        NoSuchJobError: There is no such job.
        NoSuchWorkerError: There is no such worker.
    """
    query = _LEASES.where(t.leases.c.id > after).order_by(t.leases.c.id).limit(limit + 1)
    rows = connection.execute(wanted.apply(connection, query)).all()
    shown = [_view(row) for row in rows[:limit]]
    return LeaseList(shown, shown[-1].id if len(rows) > limit else None)


def lease_view(connection: Connection, lease_id: str) -> LeaseView:
    """One lease in force.

    Raises:
        NoSuchLeaseError: There is no such lease in force.
    """
    return _view(find_lease(connection, lease_id))


def find_lease(connection: Connection, lease_id: str) -> Row[Any]:
    """What is shown of one lease in force, and whose its job is (`owner`).

    Raises:
        NoSuchLeaseError: There is no such lease in force.
    """
    row = connection.execute(_LEASES.where(t.leases.c.id == lease_id)).one_or_none()
    if row is None:
        raise NoSuchLeaseError(lease_id)
    return row


_L = t.leases.c
_LEASES: Select[Any] = (
    select(
        *(_L.id, _L.worker_id, _L.slot, _L.attempt, _L.units, _L.tail, _L.leased_at, _L.expires_at),
        *(t.stages.c.job_id, t.stages.c.kind, t.workers.c.name, t.workers.c.pool, t.jobs.c.owner),
    )
    .join(t.stages, t.stages.c.id == _L.stage_id)
    .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
    .join(t.workers, t.workers.c.id == _L.worker_id)
    .where(_L.state == "active")
)


def _view(row: Row[Any]) -> LeaseView:
    return LeaseView(
        id=row.id,
        job=row.job_id,
        kind=row.kind,
        units=row.units,
        worker=row.name,
        worker_id=row.worker_id,
        pool=row.pool,
        slot=row.slot,
        attempt=row.attempt,
        tail=row.tail,
        leased_at=iso(row.leased_at) or "",
        expires_at=iso(row.expires_at) or "",
    )
