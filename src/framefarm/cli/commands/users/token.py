"""`framefarm users token`."""

from __future__ import annotations

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.core.accounts import Scope

_MOST_DAYS = 3_660


@declare("token", short_help="Make a token for a person.")
@click.argument("user", metavar="NAME")
@option("--for", "purpose", default="command line", metavar="TEXT", help="What it is for.")
@option("--read-only", is_flag=True, help="Only for what changes nothing.")
@option("--submit-only", is_flag=True, help="Only for that, and for handing in jobs.")
@option(
    "--days",
    type=click.FloatRange(0, _MOST_DAYS, min_open=True),
    metavar="N",
    help="How long it counts. Default: until it is taken away.",
)
@json_option
@url_option
def command(
    user: str,
    purpose: str,
    days: float | None,
    url: str | None,
    *,
    read_only: bool,
    submit_only: bool,
    as_json: bool,
) -> None:
    """Make a token that lets NAME's programs in, from anywhere the manager can be reached.

    It is shown once, alone on standard output; the manager keeps only its hash.
    """
    if read_only and submit_only:
        raise UsageFailure("--read-only and --submit-only exclude each other")
    scope = Scope.READ if read_only else Scope.SUBMIT if submit_only else Scope.FULL
    with open_farm(url) as farm:
        made = farm.make_token(user, name=purpose, scope=scope, days=days)
    if as_json:
        click.echo(json_text(made))
        return
    click.echo(made.token)
    for line in (
        f"Token {made.view.id} of {user}, shown once. On their machine, set FRAMEFARM_TOKEN to it",
        "and FRAMEFARM_URL to the manager's address. To take it away:",
        f"  framefarm users untoken {user} {made.view.id}",
    ):
        click.echo(line, err=True)
