"""Where one is told, and what one was told, as lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from framefarm.cli.tables import table
from framefarm.client.notify_views import NotificationView, TargetView

_NOWHERE = "Nowhere yet. By mail, chat or web hook: framefarm notify add NAME"
_NOTHING = "Nothing yet; `framefarm notify test TARGET` sends a test message."
_STATES = {"given_up": "given up"}


def target_lines(targets: Sequence[TargetView]) -> Iterator[str]:
    """A line or two for each target."""
    if not targets:
        yield _NOWHERE
    for target in targets:
        address = f" {target.address}" if target.address else ""
        yield f"{target.id}: {target.name}  {target.kind}{address}"
        waiting = f"; {target.waiting} waiting" if target.waiting else ""
        yield f"  told of {told_of(target)}{waiting}"
        if target.state != "ok":
            until = f", again at {_time(target.next_try_at)}" if target.next_try_at else ""
            yield f"  {target.state}: {target.reason}{until}"


def told_of(target: TargetView) -> str:
    """What a target is told of, in words."""
    names = ", ".join(event.replace("_", " ") for event in target.tells)
    return f"{names} (all jobs)" if target.all_jobs else names


def history_lines(notifications: Sequence[NotificationView]) -> Iterator[str]:
    """A table of what was told, and below a line why it was not."""
    if not notifications:
        yield _NOTHING
        return
    rows = [
        (_time(one.at), one.target_name, _STATES.get(one.state, one.state), _what(one))
        for one in notifications
    ]
    yield table(("WHEN", "WHERE", "STATE", "WHAT"), rows, flexible=3)


def _what(one: NotificationView) -> str:
    return f"{one.title} ({one.reason})" if one.reason else one.title


def _time(at: str | None) -> str:
    if not at:
        return ""
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")
