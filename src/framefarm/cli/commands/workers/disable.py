"""`framefarm workers disable`."""

from __future__ import annotations

from typing import Any

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.worker_choice import choice_options
from framefarm.cli.worker_telling import tell_workers


@declare("disable", short_help="Give workers no more work.")
@choice_options
@option("--now", is_flag=True, help="Stop what they have in work; others do it.")
@option("--reason", default="", metavar="TEXT", help="Shown in the list of workers.")
@json_option
@url_option
def command(*, now: bool, reason: str, **chosen: Any) -> int:
    """Give WORKERs no more work until they are enabled.

    They end what they have in work, unless --now is given.
    """
    return tell_workers("disable", chosen, now=now, reason=reason)
