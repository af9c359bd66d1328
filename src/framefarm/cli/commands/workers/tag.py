"""`framefarm workers tag`."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.worker_choice import choice_options
from framefarm.cli.worker_telling import tell_workers
from framefarm.core.tags import parse_tags


@declare("tag", short_help="Give workers tags that jobs can ask for.")
@click.argument("names", metavar="TAG[,TAG]...")
@choice_options
@json_option
@url_option
def command(names: str, **chosen: Any) -> int:
    """Give WORKERs tags, such as `fast,studio-2`. A job may ask for a worker that has them."""
    return tell_workers("tag", chosen, tags=parse_tags(names))
