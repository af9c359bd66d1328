"""Finding whose files take nearly all that they may, and for whom something was refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from framefarm.core.notices import Event, Notice
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.occurrences import Occurrence

_NEAR = 0.9
_WELL = 0.85
"""Whoever comes below it is told again when it is nearly full again, and not before."""


def quotas_changed(connection: Connection) -> bool:
    """Whether a quota of bytes has become nearly used up, or is so no more."""
    changed = select(t.users.c.id).where(or_(_became_near(), _became_well())).limit(1)
    return connection.execute(changed).first() is not None


def note_quotas(connection: Connection) -> None:
    """Note since when quotas of bytes are nearly used up, or that they no longer are."""
    now, users = database_now(connection), update(t.users)
    connection.execute(users.where(_became_near()).values(nearly_full_at=now))
    connection.execute(users.where(_became_well()).values(nearly_full_at=None))


def quota_occurrences(connection: Connection, since: float) -> Iterator[Occurrence]:
    """What happened to people's quotas since then (seconds since 1970 UTC)."""
    u = t.users.c
    query = select(
        *(u.id, u.name, u.max_bytes, u.nearly_full_at, u.refused_at, u.refusal),
        (u.upload_bytes + u.result_bytes).label("used"),
    )
    for row in connection.execute(query.where(u.nearly_full_at >= since, u.max_bytes.is_not(None))):
        facts = {"user": row.name, "used_bytes": row.used, "most_bytes": row.max_bytes}
        yield _occurrence(row, Event.QUOTA_NEAR, facts, row.nearly_full_at)
    for row in connection.execute(query.where(u.refused_at >= since)):
        facts = {"user": row.name, "message": row.refusal}
        yield _occurrence(row, Event.QUOTA_REFUSED, facts, row.refused_at)


def _occurrence(row: Any, event: Event, facts: dict[str, Any], at: float) -> Occurrence:
    notice = Notice(event, facts, at)
    return Occurrence(f"user:{row.id}:{event}:{at!r}", f"user:{row.id}", notice, row.name)


def _became_near() -> ColumnElement[bool]:
    u = t.users.c
    near = u.upload_bytes + u.result_bytes >= _NEAR * u.max_bytes
    return and_(u.nearly_full_at.is_(None), u.max_bytes.is_not(None), near)


def _became_well() -> ColumnElement[bool]:
    u = t.users.c
    well = u.upload_bytes + u.result_bytes < _WELL * u.max_bytes
    return and_(u.nearly_full_at.is_not(None), or_(u.max_bytes.is_(None), well))
