"""`framefarm workers untag`."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.worker_choice import choice_options
from framefarm.cli.worker_telling import tell_workers
from framefarm.core.tags import parse_tags


@declare("untag", short_help="Take tags away from workers.")
@click.argument("names", metavar="TAG[,TAG]...")
@choice_options
@json_option
@url_option
def command(names: str, **chosen: Any) -> int:
    """Take tags away from WORKERs. What they have in work goes on."""
    return tell_workers("untag", chosen, tags=parse_tags(names))
