"""`framefarm shot fetch`."""

from __future__ import annotations

from pathlib import Path

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.paths import PathType
from framefarm.cli.printing import json_text
from framefarm.cli.shot_choice import find_shot, shot_argument


@declare("fetch", short_help="Bring a shot's frames and movie here.")
@shot_argument
@click.argument("folder", metavar="DIR", type=PathType(file_okay=False))
@option(
    "--parallel",
    type=click.IntRange(1, 8),
    default=4,
    metavar="N",
    help="Downloads at the same time. Default: 4.",
)
@json_option
@url_option
def command(shot: str, folder: Path, parallel: int, url: str | None, *, as_json: bool) -> None:
    """Bring each frame of SHOT, of the newest finished version that has it, and its movie into DIR.

    Files that are there already are left alone, and those of older versions replaced.
    """
    from framefarm.cli.display import words  # noqa: PLC0415  not for --help

    with open_farm(url) as farm:
        found = find_shot(farm, shot)
        brought = list(farm.fetch_shot(found.id, folder, parallel=parallel))
    new = [one.file.size_bytes for one in brought if one.outcome == "fetched"]
    kept = len(brought) - len(new)
    if as_json:
        told = {"shot": found.id, "fetched": len(new), "fetched_bytes": sum(new), "kept": kept}
        click.echo(json_text(told))
        return
    click.echo(
        f"{words.plural(len(new), 'file')} ({words.size(sum(new))}) fetched into "
        f"{words.place(folder)}, {kept:,} were there"
    )
