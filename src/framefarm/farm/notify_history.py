"""What somebody was told, when and where, or why not yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from framefarm.core.notices import Event, Notice, compose
from framefarm.db import tables as t
from framefarm.farm.notify_targets import Listener, of_listener
from framefarm.farm.views import iso


@dataclass(frozen=True)
class NotificationView:
    """One thing that happened, for one target.

    Attributes:
        state: `waiting`, `sending`, `sent`; `given_up` after a day, or where it never gets there;
            `unclear` when the manager was killed at it; `muted` when the same was told just before.
        reason: Why it is not sent.
    """

    id: int
    event: str
    title: str
    facts: dict[str, Any]
    at: str
    target: int
    target_name: str
    state: str
    sent_at: str | None
    reason: str


@dataclass(frozen=True)
class NotificationList:
    """A page, newest first. `next` is the cursor of the following page."""

    notifications: list[NotificationView]
    next: int | None


def history(
    connection: Connection,
    listener: Listener,
    *,
    state: str | None,
    target: int | None,
    before: int | None,
    limit: int,
) -> NotificationList:
    """What somebody was told; where given only that in a state, or at one target."""
    n = t.notifications.c
    query = (
        select(t.notifications, t.notify_targets.c.name.label("target_name"))
        .join(t.notify_targets, t.notify_targets.c.id == n.target_id)
        .where(of_listener(listener))
        .order_by(n.id.desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(n.state == state)
    if target is not None:
        query = query.where(n.target_id == target)
    if before is not None:
        query = query.where(n.id < before)
    rows = connection.execute(query).all()
    views = [_view(row) for row in rows[:limit]]
    return NotificationList(views, views[-1].id if len(rows) > limit else None)


def _view(row: Row[Any]) -> NotificationView:
    words = compose([Notice(Event(row.event), row.facts, row.happened_at)])
    return NotificationView(
        id=row.id,
        event=row.event,
        title=words.title,
        facts=row.facts,
        at=iso(row.happened_at) or "",
        target=row.target_id,
        target_name=row.target_name,
        state=row.state,
        sent_at=iso(row.sent_at),
        reason=row.reason,
    )
