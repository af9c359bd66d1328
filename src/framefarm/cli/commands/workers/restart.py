"""`framefarm workers restart`."""

from __future__ import annotations

from typing import Any

from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.worker_choice import choice_options
from framefarm.cli.worker_telling import tell_workers


@declare("restart", short_help="Start workers' processes anew.")
@choice_options
@option("--now", is_flag=True, help="Stop what they have in work; others do it.")
@json_option
@url_option
def command(*, now: bool, **chosen: Any) -> int:
    """Start the processes of WORKERs anew, with the same arguments.

    They end what they have in work first, unless --now is given. It helps after an update, or when
    a driver has to be looked for again. The machine itself is not restarted.
    """
    return tell_workers("restart", chosen, now=now)
