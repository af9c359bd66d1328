"""`framefarm pools limit`."""

from __future__ import annotations

import click

from framefarm.cli.display.pool_list import pool_lines
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.cli.slot_counts import slots_or_none


@declare("limit", short_help="Change how many slots of a pool may work.")
@click.argument("name", metavar="POOL")
@click.argument("max_slots", metavar="[N|none]", required=False, callback=slots_or_none)
@option("--per-user", callback=slots_or_none, metavar="N|none", help="For one owner's jobs.")
@option("--per-job", callback=slots_or_none, metavar="N|none", help="For one job.")
@json_option
@url_option
def command(
    name: str,
    max_slots: int | str | None,
    per_user: int | str | None,
    per_job: int | str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Let at most N slots of POOL (own, friends or public) work at a time; none is no limit.

    It holds from the next frames handed out; frames being rendered are finished.
    """
    given = {
        "max_slots": max_slots,
        "max_slots_per_user": per_user,
        "max_slots_per_job": per_job,
    }
    limits = {
        key: None if isinstance(most, str) else most
        for key, most in given.items()
        if most is not None
    }
    if not limits:
        raise UsageFailure("say what is to be different: N, --per-user or --per-job")
    with open_farm(url) as farm:
        now = farm.limit_pool(name, limits)
    click.echo(json_text(now) if as_json else pool_lines([now]))
