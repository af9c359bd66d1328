"""`framefarm users quota`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.client.user_views import QuotaView, UserView
from framefarm.core.sizes import SizeError, parse_size, told_size

_MOST = 2_000_000_000
_MOST_BYTES = 1 << 60


def _number(_: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value.lower() == "none":
        return value and "none"
    least = 1 if param.name == "slots" else 0
    number = value.replace(",", "")
    if not number.isdecimal() or not least <= int(number[:11]) <= _MOST:
        raise click.BadParameter(f"{value!r} is neither a number from {least} on nor none.")
    return int(number)


def _size(_: click.Context, __: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value.lower() == "none":
        return value and "none"
    try:
        size_bytes = 0 if value == "0" else parse_size(value)
    except SizeError as error:
        raise click.BadParameter(f"{error} Or write none, for no quota.") from error
    if size_bytes > _MOST_BYTES:
        raise click.BadParameter(f"{value!r} is more than any farm has; write none for no quota.")
    return size_bytes


@declare("quota", short_help="Show or change what a person may take.")
@click.argument("name", metavar="NAME")
@option("--jobs", callback=_number, metavar="N|none", help="Jobs that have not ended.")
@option("--frames", callback=_number, metavar="N|none", help="Frames of them still to do.")
@option("--slots", callback=_number, metavar="N|none", help="Slots that work on them at a time.")
@option("--bytes", callback=_size, metavar="SIZE|none", help="Uploads and results, such as 50G.")
@json_option
@url_option
def command(name: str, url: str | None, *, as_json: bool, **quota: int | str | None) -> None:
    """Show what NAME's jobs and files may take at a time, or change it; none is no limit.

    A lower quota takes nothing away that is there already.
    """
    asked = {
        what: None if isinstance(most, str) else most
        for what, most in quota.items()
        if most is not None
    }
    with open_farm(url) as farm:
        now = farm.change_user(name, quota=asked) if asked else farm.user(name)
    click.echo(json_text(now) if as_json else f"{name}: {told(now)}")


def told(user: UserView) -> str:
    """A quota as people read it, and what the person's files take."""
    limits = ", ".join(_limits(user.quota))
    used = told_size(user.upload_bytes + user.result_bytes)
    return f"{f'at most {limits}' if limits else 'no quota'}; files take {used}"


def _limits(quota: QuotaView) -> Iterator[str]:
    counts = (("jobs", quota.jobs), ("frames", quota.frames), ("slots", quota.slots))
    yield from (f"{most:,} {what}" for what, most in counts if most is not None)
    if quota.bytes is not None:
        yield f"{told_size(quota.bytes)} of files"
