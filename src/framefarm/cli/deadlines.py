"""Deadlines on the command line."""

from __future__ import annotations

from datetime import datetime

import click


def read_deadline(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Read a deadline; hand it on in ISO 8601 with this machine's zone."""
    if value is None or value.lower() == "none":
        return None
    from framefarm.core.deadlines import parse_deadline  # noqa: PLC0415  only when typed

    now = datetime.now().astimezone()
    at = parse_deadline(value, now).astimezone()
    if at <= now:
        click.echo(f"framefarm: warning: {at:%Y-%m-%d %H:%M} is past", err=True)
    return at.isoformat()
