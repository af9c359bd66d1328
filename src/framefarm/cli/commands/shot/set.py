"""`framefarm shot set`."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.display.shot_list import shot_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import json_text
from framefarm.cli.shot_choice import STATUSES, check_said, find_shots, read_frames, said_options
from framefarm.client.farm import Farm
from framefarm.client.shot_views import ShotView

_AT_A_TIME = 1_000
_STATUS = f"{', '.join(STATUSES[:-1])}, or omitted: then no job is taken for it."


@declare("set", short_help="Change a status, range or priority.")
@click.argument("shots", metavar="SHOT...", nargs=-1, required=True)
@said_options(STATUSES, _STATUS)
@option(
    "--frames",
    callback=read_frames,
    metavar="LIST|none",
    help="Its range, which its jobs render that name no frames.",
)
@json_option
@url_option
def command(shots: tuple[str, ...], url: str | None, *, as_json: bool, **said: Any) -> None:
    """Change what is said of shots.

    Sequence and shot may be patterns: Film/sq01/0* or 'Film/*/*'.
    """
    check_said(said)
    with open_farm(url) as farm:
        found = [shot.id for shot in find_shots(farm, shots)]
        if said["frames"] is None and said["description"] is None:
            now = _change_many(farm, found, said["status"], said["priority"])
        else:
            now = [farm.change_shot(shot, **said) for shot in found]
    click.echo(json_text(now) if as_json else shot_lines(now))


def _change_many(
    farm: Farm, shots: list[int], status: str | None, priority: int | str | None
) -> list[ShotView]:
    now: list[ShotView] = []
    for start in range(0, len(shots), _AT_A_TIME):
        some = shots[start : start + _AT_A_TIME]
        now += farm.change_shots(some, status=status, priority=priority)
    return now
