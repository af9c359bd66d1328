"""`framefarm workers enable`."""

from __future__ import annotations

from typing import Any

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.worker_choice import choice_options
from framefarm.cli.worker_telling import tell_workers


@declare("enable", short_help="Let workers work again.")
@choice_options
@json_option
@url_option
def command(**chosen: Any) -> int:
    """Let WORKERs work that were disabled, drained or quarantined."""
    return tell_workers("enable", chosen)
