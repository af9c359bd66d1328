"""`framefarm workers invite`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from framefarm.cli.display.invitation import invitation
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.core.requirements import Pool


@declare("invite", short_help="Make a join token for new workers.")
@option(
    "--pool",
    type=click.Choice([pool.value for pool in Pool]),
    default=Pool.OWN.value,
    metavar="POOL",
    help="How far they are trusted: own, friends or public. Default: own.",
)
@option(
    "--uses",
    type=click.IntRange(1, 10_000),
    metavar="N",
    default=1,
    help="How many may join. Default: 1.",
)
@option(
    "--hours",
    type=click.FloatRange(0, 24 * 366, min_open=True),
    metavar="N",
    default=1.0,
    help="For how long. Default: 1.",
)
@json_option
@url_option
def command(pool: str, uses: int, hours: float, url: str | None, *, as_json: bool) -> None:
    """Make a join token, and print the line to type on the other machine.

    The token is shown once; the manager keeps only its hash.
    """
    with open_farm(url) as farm:
        made = farm.invite(pool=pool, uses=uses, hours=hours)
    if as_json:
        click.echo(json_text(made))
        return
    click.echo(
        invitation(
            made.token,
            urls=made.urls,
            pool=made.pool,
            uses=made.uses,
            expires_at=made.expires_at,
            now=datetime.now(UTC).astimezone(),
        )
    )
