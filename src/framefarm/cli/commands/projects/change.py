"""`framefarm projects change`."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.display.shot_list import project_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text
from framefarm.cli.shot_choice import PROJECT_STATUSES, check_said, find_project, said_options

_STATUS = "active, on_hold, or closed: then no job is taken for it."


@declare("change", short_help="Change a status, priority or description.")
@click.argument("name", metavar="NAME")
@said_options(PROJECT_STATUSES, _STATUS)
@json_option
@url_option
def command(name: str, url: str | None, *, as_json: bool, **said: Any) -> None:
    """Change what is said of the project NAME. Its name stays, since folders are called so."""
    check_said(said)
    with open_farm(url) as farm:
        now = farm.change_project(find_project(farm, name).id, **said)
    click.echo(json_text(now) if as_json else project_lines([now]))
