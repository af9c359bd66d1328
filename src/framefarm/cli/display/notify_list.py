"""Where one is told, and what one was told, as lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from framefarm.cli.display.sheets import local
from framefarm.cli.tables import table, text_width
from framefarm.client.notify_views import NotificationView, TargetView

_NOWHERE = "Nowhere yet. By mail, chat or web hook: framefarm notify add NAME"
_NOTHING = "Nothing yet; `framefarm notify test TARGET` sends a test message."
_STATES = {"given_up": "given up"}


def target_lines(targets: Sequence[TargetView]) -> Iterator[str]:
    """A few lines for each target."""
    if not targets:
        yield _NOWHERE
    for target in targets:
        address = f" {target.address}" if target.address else ""
        yield f"{target.id}: {target.name}  {target.kind}{address}"
        waiting = f"; {target.waiting} waiting" if target.waiting else ""
        yield from below(f"told of {told_of(target)}{waiting}")
        if target.state != "ok":
            until = f", again at {local(target.next_try_at)}" if target.next_try_at else ""
            yield from below(f"{target.state}: {target.reason}{until}")


def below(text: str) -> list[str]:
    """A text as lines that belong to the one above."""
    return wrap(text, text_width(), initial_indent="  ", subsequent_indent="    ")


def told_of(target: TargetView) -> str:
    """What a target is told of, in words."""
    names = ", ".join(event.replace("_", " ") for event in target.tells)
    return f"{names} (all jobs)" if target.all_jobs else names


def history_lines(notifications: Sequence[NotificationView]) -> Iterator[str]:
    """A table of what was told, and below each why it was not."""
    if not notifications:
        yield _NOTHING
        return
    rows = [
        (local(one.at), one.target_name, _STATES.get(one.state, one.state), one.title)
        for one in notifications
    ]
    head, *lines = table(("WHEN", "WHERE", "STATE", "WHAT"), rows, flexible=3).splitlines()
    yield head
    for one, line in zip(notifications, lines, strict=True):
        yield line
        if one.reason:
            yield from below(one.reason)
