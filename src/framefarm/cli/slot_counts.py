"""Numbers of slots as people type them."""

from __future__ import annotations

import click

_MOST = 100_000


def slots_or_none(_: click.Context, __: click.Parameter, value: str | None) -> int | str | None:
    """Read `8` or `none`; None where nothing was typed.

    Raises:
        click.BadParameter: It is neither.
    """
    if value is None or value.lower() == "none":
        return value and "none"
    if not value.isdecimal() or not 1 <= int(value[:9]) <= _MOST:
        raise click.BadParameter(f"{value!r} is neither a number from 1 to {_MOST:,} nor none.")
    return int(value)
