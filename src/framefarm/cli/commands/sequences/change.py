"""`framefarm sequences change`."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.display.shot_list import sequence_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import json_text
from framefarm.cli.shot_choice import STATUSES, check_said, find_sequence, said_options


@declare("change", short_help="Change a status, priority or description.")
@click.argument("sequence", metavar="PROJECT/SEQUENCE")
@said_options(STATUSES, f"{', '.join(STATUSES[:-1])} or omitted.")
@json_option
@url_option
def command(sequence: str, url: str | None, *, as_json: bool, **said: Any) -> None:
    """Change what is said of a sequence. Its name stays, since folders are called so."""
    check_said(said)
    with open_farm(url) as farm:
        now = farm.change_sequence(find_sequence(farm, sequence).id, **said)
    click.echo(json_text(now) if as_json else sequence_lines([now]))
