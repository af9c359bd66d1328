"""`framefarm shots`."""

from __future__ import annotations

import click

from framefarm.cli.display.shot_list import shot_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import print_list
from framefarm.cli.shot_choice import STATUSES

_NONE_SUCH = "No shot is like that; framefarm shots lists all."
_NONE = "There are no shots; make one with: framefarm submit FILE --project NAME --shot NAME"


@declare("shots", short_help="List shots, and how far they are.")
@click.argument("project", metavar="[PROJECT]", required=False)
@option("--sequence", metavar="NAME", help="Only those of this sequence.")
@option(
    "--status",
    type=click.Choice(STATUSES),
    metavar="STATUS",
    help=f"Only those with this status: {', '.join(STATUSES)}.",
)
@json_option
@url_option
def command(
    project: str | None,
    sequence: str | None,
    status: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """List shots, of PROJECT only where given, and how far the newest version of each is."""
    with open_farm(url) as farm:
        found = tuple(farm.shots(project=project, sequence=sequence, status=status))
    none = _NONE_SUCH if project or sequence or status else _NONE
    print_list(found, shot_lines, none=none, as_json=as_json)
