"""`framefarm sessions`."""

from __future__ import annotations

from framefarm.cli.display.session_list import session_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import print_list

_NONE = "No job has workers of its own; `framefarm session ask JOB N` asks for some."


@declare("sessions", short_help="List the jobs that have workers of their own.")
@option("--ended", is_flag=True, help="Those that have ended, too.")
@json_option
@url_option
def command(url: str | None, *, ended: bool, as_json: bool) -> None:
    """List the jobs that asked for workers of their own, and those that they have."""
    with open_farm(url) as farm:
        found = tuple(farm.sessions(ended=None if ended else False))
    print_list(found, session_lines, none=_NONE, as_json=as_json)
