"""`framefarm limit`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.steered import tell
from framefarm.core.listing import plural

_MOST = 100_000


def _number(_: click.Context, __: click.Parameter, value: str) -> int | None:
    if value.lower() == "none":
        return None
    if not value.isdecimal() or not 1 <= int(value[:9]) <= _MOST:
        raise click.BadParameter(f"{value!r} is neither a number from 1 to {_MOST:,} nor none.")
    return int(value)


@declare("limit", short_help="Change how many workers a job may have.")
@job_argument
@click.argument("max_workers", metavar="N|none", callback=_number)
@json_option
@url_option
def command(job: int, max_workers: int | None, url: str | None, *, as_json: bool) -> None:
    """Let at most N slots work on JOB at a time, or any number of them.

    It holds from the next frames handed out; frames being rendered are finished.
    """
    with open_farm(url) as farm:
        view = farm.limit(job, max_workers)
    if as_json:
        tell(view, as_json=True)
        return
    many = (
        "any number of slots" if max_workers is None else f"at most {plural(max_workers, 'slot')}"
    )
    click.echo(f"job {view.id} may have {many} at a time")
