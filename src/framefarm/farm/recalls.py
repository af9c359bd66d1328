"""Taking one lease back, since a person wants so: what is left of it goes to whoever asks next."""

from __future__ import annotations

from sqlalchemy import Connection, select

from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.catalog import Catalog
from framefarm.farm.lease_pages import NoSuchLeaseError
from framefarm.farm.news import News
from framefarm.farm.requeue import end_leases


def recall(connection: Connection, catalog: Catalog, lease_id: str) -> News:
    """End a lease in force; nobody is blamed, and its units are the first to be given out again.

    A result that comes later all the same counts while its unit has none (L4).

    Raises:
        NoSuchLeaseError: There is no such lease in force.
    """
    leases = t.leases.c
    row = connection.execute(
        select(t.leases).where(leases.id == lease_id, leases.state == "active")
    ).one_or_none()
    if row is None:
        raise NoSuchLeaseError(lease_id)
    now, why = database_now(connection), "it was taken back"
    return end_leases(connection, catalog, [row], reason=why, now=now, lost=False)
