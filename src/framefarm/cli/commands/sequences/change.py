"""`framefarm sequences change`."""

from __future__ import annotations

import click
import msgspec

from framefarm.cli.display.shot_list import sequence_lines
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.shot_choice import STATUSES, find_sequence, read_priority


@declare("change", short_help="Change a status, priority or description.")
@click.argument("sequence", metavar="PROJECT/SEQUENCE")
@option(
    "--status",
    type=click.Choice(STATUSES),
    metavar="STATUS",
    help=f"{', '.join(STATUSES[:-1])} or omitted.",
)
@option(
    "--priority", callback=read_priority, metavar="0-100|none", help="Of its jobs that say none."
)
@option("--description", metavar="TEXT", help="For people.")
@json_option
@url_option
def command(
    sequence: str,
    status: str | None,
    priority: int | str | None,
    description: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Change what is said of a sequence. Its name stays, since folders are called so."""
    if status is None and priority is None and description is None:
        raise UsageFailure("say what is to be different: --status, --priority or --description")
    with open_farm(url) as farm:
        now = farm.change_sequence(
            find_sequence(farm, sequence).id,
            status=status,
            priority=priority,
            description=description,
        )
    click.echo(msgspec.json.encode(now).decode() if as_json else sequence_lines([now]))
