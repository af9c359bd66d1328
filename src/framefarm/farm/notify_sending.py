"""What is sent next, and noting what became of it.

All that waits for a target goes in one message. It is `sending` from before that until the outcome
is noted, so that it is not sent twice whenever the manager dies.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, case, exists, func, insert, or_, select, update

from framefarm.core.notices import EVERY_S, GIVE_UP_S, Event, Notice, retry_after_s
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.notify_targets import SOUND
from framefarm.notify.outcomes import Outcome

_MOST = 500
_MOST_TESTS = 3
"""Within the time between two messages, while somebody looks for what is wrong."""
_CRASHED = "The manager was killed while it was being sent; it may have arrived."


@dataclass(frozen=True)
class Parcel:
    """What one target is told at once.

    Attributes:
        letter: Its name, the same for each attempt to tell the first of it.
        email: Of the account that the target belongs to.
        ids: Of the notifications in it.
    """

    letter: str
    target_id: int
    kind: str
    sealed: str
    email: str
    ids: tuple[int, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True)
class Due:
    """Targets to send to now.

    Attributes:
        sound: Where nothing went wrong the last time.
        doubtful: Where something did.
    """

    sound: list[int]
    doubtful: list[int]


def due(connection: Connection) -> Due:
    """Targets to send to now, those that wait longest first."""
    now, target = database_now(connection), t.notify_targets.c
    query = _waiting().add_columns(target.tries).where(target.next_at <= now)
    rows = connection.execute(query.order_by(target.next_at, target.id)).all()
    return Due(
        sound=[row.id for row in rows if not row.tries],
        doubtful=[row.id for row in rows if row.tries],
    )


def due_in_s(connection: Connection) -> float | None:
    """How long until there is something to send; None when nothing waits."""
    query = _waiting().with_only_columns(func.min(t.notify_targets.c.next_at))
    next_at = connection.execute(query).scalar()
    return None if next_at is None else max(0.0, next_at - database_now(connection))


def take(connection: Connection, farm_id: str, target_id: int) -> Parcel | None:
    """Take what waits for a target, to send it; None when that is nothing any more."""
    n = t.notifications.c
    rows = connection.execute(
        select(t.notifications)
        .where(n.target_id == target_id, n.state == "waiting")
        .order_by(n.id)
        .limit(_MOST)
    ).all()
    return _parcel(connection, farm_id, target_id, rows) if rows else None


def take_test(connection: Connection, farm_id: str, target_id: int) -> Parcel | None:
    """Make a test message for a target and take it; None when that is too soon."""
    if too_soon(connection, target_id):
        return None
    now = database_now(connection)
    _change(connection, target_id, {"next_at": now + EVERY_S})
    row = connection.execute(
        insert(t.notifications)
        .values(
            target_id=target_id,
            occurrence=f"test:{secrets.token_hex(8)}",
            event=Event.TEST,
            subject="test",
            facts={},
            happened_at=now,
            made_at=now,
            state="waiting",
        )
        .returning(t.notifications)
    ).one()
    return _parcel(connection, farm_id, target_id, [row])


def too_soon(connection: Connection, target_id: int) -> bool:
    """Whether a target had a message a moment ago, or a few tests if something is wrong with it."""
    now, target, n = database_now(connection), t.notify_targets.c, t.notifications.c
    spaced = or_(target.next_at <= now, target.tries > 0, target.fault != "")
    known = select(target.id).where(target.id == target_id, spaced)
    tests = select(func.count()).where(
        n.target_id == target_id, n.subject == "test", n.made_at > now - EVERY_S
    )
    if connection.execute(known).first() is None:
        return True
    return bool(connection.execute(tests).scalar_one() >= _MOST_TESTS)


def note_outcome(
    connection: Connection, parcel: Parcel, outcome: Outcome, rng: random.Random
) -> None:
    """Note how an attempt ended, and when the next message may go to the target."""
    now = database_now(connection)
    if outcome.ok:
        _move(connection, parcel.ids, state="sent", sent_at=now, reason="")
        # While it had a fault nothing was noted for it, and what happened then is over.
        since_at = case((t.notify_targets.c.fault != "", now), else_=t.notify_targets.c.since_at)
        sound = {**SOUND, "next_at": now + EVERY_S, "since_at": since_at}
        _change(connection, parcel.target_id, sound)
    elif outcome.for_ever:
        _give_up(connection, parcel, outcome.reason)
    else:
        _retry(connection, parcel, outcome, now, rng)


def recover(connection: Connection, farm_id: str, noted: Mapping[str, Outcome | None]) -> None:
    """After a crash: settle what was being sent.

    Args:
        noted: What the process that sends noted, by letter; what it did not begin waits again.
    """
    n = t.notifications.c
    left = connection.execute(
        select(n.id, n.target_id, n.event).where(n.state == "sending").order_by(n.id)
    ).all()
    # A test may have been on its way beside what there was to tell.
    parcels: dict[tuple[int, bool], list[int]] = {}
    for row in left:
        parcels.setdefault((row.target_id, row.event == Event.TEST), []).append(row.id)
    for (target_id, _), ids in parcels.items():
        letter = _letter(farm_id, target_id, ids[0])
        if letter not in noted:
            _move(connection, ids, state="waiting")
        elif (outcome := noted[letter]) is None:
            _move(connection, ids, state="unclear", reason=_CRASHED)
        else:
            parcel = Parcel(letter, target_id, "", "", "", tuple(ids), ())
            note_outcome(connection, parcel, outcome, random.Random())  # noqa: S311  no secret


def _waiting() -> Any:
    n, target, u = t.notifications.c, t.notify_targets.c, t.users.c
    waits = exists().where(n.target_id == target.id, n.state == "waiting")
    return (
        select(target.id)
        .select_from(t.notify_targets.outerjoin(t.users, u.id == target.user_id))
        .where(target.fault == "", or_(target.user_id.is_(None), ~u.disabled), waits)
    )


def _parcel(
    connection: Connection, farm_id: str, target_id: int, rows: Sequence[Row[Any]]
) -> Parcel | None:
    target, u = t.notify_targets.c, t.users.c
    found = connection.execute(
        select(target.kind, target.sealed, u.email)
        .select_from(t.notify_targets.outerjoin(t.users, u.id == target.user_id))
        .where(target.id == target_id)
    ).one_or_none()
    if found is None:
        return None
    ids = tuple(row.id for row in rows)
    _move(connection, ids, state="sending")
    notices = tuple(Notice(Event(row.event), row.facts, row.happened_at) for row in rows)
    letter = _letter(farm_id, target_id, ids[0])
    return Parcel(letter, target_id, found.kind, found.sealed, found.email or "", ids, notices)


def _letter(farm_id: str, target_id: int, first: int) -> str:
    return f"{farm_id[:12]}.{target_id}.{first}"


def _give_up(connection: Connection, parcel: Parcel, reason: str) -> None:
    n = t.notifications.c
    _change(connection, parcel.target_id, {"fault": reason, "reason": "", "tries": 0})
    _move(connection, parcel.ids, state="given_up", reason=reason)
    # What came meanwhile would not get there either.
    connection.execute(
        update(t.notifications)
        .where(n.target_id == parcel.target_id, n.state == "waiting")
        .values(state="given_up", reason=reason)
    )


def _retry(
    connection: Connection, parcel: Parcel, outcome: Outcome, now: float, rng: random.Random
) -> None:
    target, n = t.notify_targets.c, t.notifications.c
    tries = connection.execute(select(target.tries).where(target.id == parcel.target_id)).scalar()
    tries = (tries or 0) + 1
    wait_s = retry_after_s(tries, rng, outcome.retry_after_s)
    next_try = {"tries": tries, "reason": outcome.reason, "next_at": now + wait_s}
    _change(connection, parcel.target_id, next_try)
    _move(connection, parcel.ids, state="waiting", reason=outcome.reason)
    # A test is answered at once, and nobody waits for it afterwards.
    over = or_(n.made_at <= now - GIVE_UP_S, n.event == Event.TEST)
    connection.execute(
        update(t.notifications).where(and_(n.id.in_(parcel.ids), over)).values(state="given_up")
    )


def _move(connection: Connection, ids: Sequence[int], **values: Any) -> None:
    connection.execute(
        update(t.notifications).where(t.notifications.c.id.in_(ids)).values(**values)
    )


def _change(connection: Connection, target_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(
        update(t.notify_targets).where(t.notify_targets.c.id == target_id).values(**values)
    )
