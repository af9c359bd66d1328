"""`framefarm shot versions`."""

from __future__ import annotations

from framefarm.cli.display.shot_list import version_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import print_list
from framefarm.cli.shot_choice import find_shot, shot_argument


@declare("versions", short_help="List a shot's versions.")
@shot_argument
@json_option
@url_option
def command(shot: str, url: str | None, *, as_json: bool) -> None:
    """List the jobs of SHOT, the newest first, and which frames of each are the shot's."""
    with open_farm(url) as farm:
        found = tuple(farm.shot_versions(find_shot(farm, shot).id))
    print_list(
        found,
        version_lines,
        none=f"{shot} has no version yet; framefarm submit makes one.",
        as_json=as_json,
    )
