"""`framefarm users quota`."""

from __future__ import annotations

import click
import msgspec

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.client.user_views import QuotaView

_MOST = 2_000_000_000


def _number(_: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value.lower() == "none":
        return value and "none"
    least = 1 if param.name == "slots" else 0
    number = value.replace(",", "")
    if not number.isdecimal() or not least <= int(number[:11]) <= _MOST:
        raise click.BadParameter(f"{value!r} is neither a number from {least} on nor none.")
    return int(number)


@declare("quota", short_help="Show or change what a person's jobs may take.")
@click.argument("name", metavar="NAME")
@option("--jobs", callback=_number, metavar="N|none", help="Jobs that have not ended.")
@option("--frames", callback=_number, metavar="N|none", help="Frames of them still to do.")
@option("--slots", callback=_number, metavar="N|none", help="Slots that work on them at a time.")
@json_option
@url_option
def command(name: str, url: str | None, *, as_json: bool, **quota: int | str | None) -> None:
    """Show what NAME's jobs may take at a time, or change it; none is no limit.

    A lower quota takes nothing away that is there already.
    """
    asked = {
        what: None if isinstance(most, str) else most
        for what, most in quota.items()
        if most is not None
    }
    with open_farm(url) as farm:
        now = farm.change_user(name, quota=asked) if asked else farm.user(name)
    click.echo(msgspec.json.encode(now).decode() if as_json else f"{name}: {told(now.quota)}")


def told(quota: QuotaView) -> str:
    """A quota as people read it."""
    limits = [
        f"{most:,} {what}"
        for what, most in (
            ("jobs", quota.jobs),
            ("frames", quota.frames),
            ("slots", quota.slots),
        )
        if most is not None
    ]
    return f"at most {', '.join(limits)}" if limits else "no quota"
