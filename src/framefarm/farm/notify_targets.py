"""Where people are told: adding, changing and removing targets, each by who it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from framefarm.core.accounts import UserRole
from framefarm.core.errors import FrameFarmError
from framefarm.core.notices import MAY_HEAR, SEES_ALL_JOBS, Event
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.accounts import Identity
from framefarm.farm.views import iso

MOST_TARGETS = 20


class NoSuchTargetError(FrameFarmError):
    """Somebody has no such target."""

    code = "no_such_target"

    def __init__(self, target_id: int) -> None:
        super().__init__(
            f"You have no target {target_id}; `framefarm notify` lists those you have."
        )


class TargetExistsError(FrameFarmError):
    """Somebody has a target of that name."""

    code = "target_exists"


class TooManyTargetsError(FrameFarmError):
    """Somebody has as many targets as anybody may."""

    code = "too_many_targets"


class NotYoursToHearError(FrameFarmError):
    """Somebody may not be told of this."""

    code = "not_allowed"


@dataclass(frozen=True)
class Listener:
    """Whose targets they are.

    Attributes:
        user_id: None for whoever works on the manager's own machine.
    """

    user_id: int | None
    name: str
    role: UserRole

    @classmethod
    def of(cls, who: Identity | None) -> Listener:
        """The person who asks; None is who works on the manager's own machine."""
        if who is None:
            return cls(None, "", UserRole.ADMIN)
        return cls(who.user_id, who.name, who.role)


@dataclass(frozen=True)
class TargetView:
    """A target; of its address as much as is no secret.

    Attributes:
        state: `ok`; `retrying`: the last attempt went wrong, and the next one is made at
            `next_try_at`; `failed`: nothing is sent there until it is tested or changed.
        reason: Why.
        waiting: What is still to be told there.
    """

    id: int
    name: str
    kind: str
    address: str
    tells: list[str]
    all_jobs: bool
    created_at: str
    state: str
    reason: str
    next_try_at: str | None
    waiting: int


def check_choice(listener: Listener, tells: Iterable[Event], *, all_jobs: bool) -> None:
    """Make sure that somebody may be told what was chosen.

    Raises:
        NotYoursToHearError: Not of this.
    """
    too_much = sorted(set(tells) - MAY_HEAR[listener.role])
    if too_much:
        raise NotYoursToHearError(f"The role {listener.role} is not told of {too_much[0]}.")
    if all_jobs and listener.role not in SEES_ALL_JOBS:
        raise NotYoursToHearError(f"The role {listener.role} is told of own jobs only.")


def targets(connection: Connection, listener: Listener) -> list[TargetView]:
    """Somebody's targets, in the order in which they were made."""
    rows = connection.execute(
        select(t.notify_targets).where(_of(listener)).order_by(t.notify_targets.c.id)
    ).all()
    return _views(connection, rows)


def target(connection: Connection, listener: Listener, target_id: int) -> TargetView:
    """One of somebody's targets.

    Raises:
        NoSuchTargetError: There is no such.
    """
    return _views(connection, [find_target(connection, listener, target_id)])[0]


def find_target(connection: Connection, listener: Listener, target_id: int) -> Row[Any]:
    """The row of one of somebody's targets.

    Raises:
        NoSuchTargetError: There is no such.
    """
    row = connection.execute(
        select(t.notify_targets).where(_of(listener), t.notify_targets.c.id == target_id)
    ).one_or_none()
    if row is None:
        raise NoSuchTargetError(target_id)
    return row


def add_target(connection: Connection, listener: Listener, **values: Any) -> TargetView:
    """Add a target.

    Args:
        values: Columns: `name`, `kind`, `sealed`, `shown`, `tells` and `all_jobs`.

    Raises:
        TargetExistsError: There is one of that name.
        TooManyTargetsError: There are as many as may be.
    """
    known = select(func.count()).select_from(t.notify_targets).where(_of(listener))
    if connection.execute(known).scalar_one() >= MOST_TARGETS:
        raise TooManyTargetsError(f"There are {MOST_TARGETS} targets already; remove one first.")
    _check_name(connection, listener, values["name"])
    now = database_now(connection)
    row = connection.execute(
        insert(t.notify_targets)
        .values(user_id=listener.user_id, created_at=now, since_at=now, **values)
        .returning(t.notify_targets)
    ).one()
    return _views(connection, [row])[0]


def change_target(
    connection: Connection, listener: Listener, target_id: int, **values: Any
) -> TargetView:
    """Change a target. What happened before is told by the old choice, or not at all.

    Raises:
        NoSuchTargetError: There is no such.
        TargetExistsError: There is another one of that name.
    """
    row = find_target(connection, listener, target_id)
    if values.get("name", row.name) != row.name:
        _check_name(connection, listener, values["name"])
    if {"tells", "all_jobs", "sealed"} & values.keys():
        values["since_at"] = database_now(connection)
    if "sealed" in values:
        values |= SOUND
    if values:
        connection.execute(
            update(t.notify_targets).where(t.notify_targets.c.id == row.id).values(**values)
        )
    return target(connection, listener, target_id)


SOUND: dict[str, Any] = {"fault": "", "reason": "", "tries": 0, "next_at": 0.0}
"""Columns of a target with which nothing is wrong."""


def remove_target(connection: Connection, listener: Listener, target_id: int) -> None:
    """Remove a target, with what it was told and what it is not told yet.

    Raises:
        NoSuchTargetError: There is no such.
    """
    row = find_target(connection, listener, target_id)
    connection.execute(delete(t.notify_targets).where(t.notify_targets.c.id == row.id))


def of_listener(listener: Listener) -> ColumnElement[bool]:
    """What holds of somebody's targets."""
    return _of(listener)


def _of(listener: Listener) -> ColumnElement[bool]:
    owner = t.notify_targets.c.user_id
    return owner.is_(None) if listener.user_id is None else owner == listener.user_id


def _check_name(connection: Connection, listener: Listener, name: str) -> None:
    known = select(t.notify_targets.c.id).where(_of(listener), t.notify_targets.c.name == name)
    if connection.execute(known).first() is not None:
        raise TargetExistsError(f"You have a target {name!r} already.")


def _views(connection: Connection, rows: Sequence[Row[Any]]) -> list[TargetView]:
    n = t.notifications.c
    counted = connection.execute(
        select(n.target_id, func.count())
        .where(n.state == "waiting", n.target_id.in_([row.id for row in rows]))
        .group_by(n.target_id)
    )
    waiting = {row[0]: row[1] for row in counted}
    return [_view(row, waiting.get(row.id, 0)) for row in rows]


def _view(row: Row[Any], waiting: int) -> TargetView:
    return TargetView(
        id=row.id,
        name=row.name,
        kind=row.kind,
        address=row.shown,
        tells=row.tells,
        all_jobs=row.all_jobs,
        created_at=iso(row.created_at) or "",
        state="failed" if row.fault else "retrying" if row.tries else "ok",
        reason=row.fault or row.reason,
        next_try_at=iso(row.next_at) if row.tries and not row.fault else None,
        waiting=waiting,
    )
