"""`framefarm backup`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from framefarm.cli.farm_options import json_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.paths import PathType
from framefarm.cli.printing import json_text


@declare("backup", short_help="Copy a manager's data while it works.")
@click.argument("folder", type=PathType(file_okay=False))
@option(
    "--data",
    type=PathType(file_okay=False),
    metavar="DIR",
    help="The manager's folder. Default: ~/.local/share/framefarm/manager.",
)
@json_option
def command(folder: Path, data: Path | None, *, as_json: bool) -> None:
    """Copy all that a manager on this machine knows to a FOLDER, while it works.

    A later backup to the same FOLDER copies only what is new. To restore, stop the manager and
    start it with --data on a copy of FOLDER.
    """
    from framefarm.cli.display import words  # noqa: PLC0415  --help needs none of this
    from framefarm.cli.settings import load_settings  # noqa: PLC0415
    from framefarm.farm.backup import back_up  # noqa: PLC0415

    done = back_up(load_settings(data=data).manager_dir, folder)
    if as_json:
        click.echo(json_text(asdict(done)))
        return
    click.echo(
        f"backed up to {words.place(folder)}: the database and {words.plural(done.blobs, 'file')}, "
        f"{done.copied} of them new ({words.size(done.copied_bytes)})"
    )
