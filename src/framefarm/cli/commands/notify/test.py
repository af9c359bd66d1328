"""`framefarm notify test`."""

from __future__ import annotations

import click

from framefarm.cli.failures import CliError
from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.notify_options import find_target, target_argument

_PATIENCE_S = 120.0


class NotToldError(CliError):
    """A test message did not get there."""

    code = "not_told"
    exit_code = 1


@declare("test", short_help="Send a test message.")
@target_argument
@url_option
def command(target: str, url: str | None) -> None:
    """Send a test message to TARGET now, and say whether it was taken there."""
    with open_farm(url, timeout_s=_PATIENCE_S) as farm:
        found = find_target(farm, target)
        tested = farm.test_notify_target(found.id)
    if not tested.sent:
        raise NotToldError(f"{found.name} was not told: {tested.reason}")
    click.echo(f"{found.name} has taken it")
