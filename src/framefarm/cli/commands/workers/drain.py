"""`framefarm workers drain`."""

from __future__ import annotations

from typing import Any

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.worker_choice import choice_options
from framefarm.cli.worker_telling import tell_workers


@declare("drain", short_help="Let workers end what they have, and no more.")
@choice_options
@option("--reason", default="", metavar="TEXT", help="Shown in the list of workers.")
@option("--wait", is_flag=True, help="Come back once they have ended everything.")
@json_option
@url_option
def command(*, reason: str, wait: bool, **chosen: Any) -> int:
    """Let WORKERs end what they have in work and take no more until they are enabled.

    The list of workers says `drained` of one that has ended everything.
    """
    return tell_workers("drain", chosen, wait=wait, reason=reason)
