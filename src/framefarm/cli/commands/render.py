"""`framefarm render`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_options import blend_argument, job_options, take_job_options
from framefarm.cli.paths import PathType
from framefarm.cli.systems import need_posix


@declare("render", short_help="Render a .blend here: frames and a movie.")
@blend_argument
@option(
    "--output",
    type=PathType(),
    metavar="DIR",
    section="What to render",
    help="Where frames and movie go. Default: ./NAME_frames.",
)
@job_options
@option("--json", "json_lines", is_flag=True, help="Print one JSON object per event.")
def command(**values: Any) -> int:
    """Render the frames of FILE.blend on this machine and join them to a movie.

    Nothing else needs to be set up. Ctrl-C stops; the same command again goes on where it stopped
    and renders no finished frame twice. With other frames, options or a changed file it renders all
    of them.
    """
    need_posix("a render")
    # --help needs none of this
    from framefarm.cli.display.displays import Heading, choose_display  # noqa: PLC0415
    from framefarm.cli.embedded.place import OutputPlace  # noqa: PLC0415
    from framefarm.cli.embedded.reading import check_is_file  # noqa: PLC0415
    from framefarm.cli.embedded.session import RenderSession  # noqa: PLC0415
    from framefarm.cli.failures import INTERRUPTED  # noqa: PLC0415
    from framefarm.cli.settings import load_settings  # noqa: PLC0415

    options = take_job_options(values)
    path: Path = values["file"]
    settings = load_settings()
    check_is_file(path)
    output: Path = values["output"] or Path(f"{path.stem}_frames")
    with OutputPlace(output) as place:
        heading = Heading(path.name, str(place.folder))
        display = choose_display(heading, json_lines=values["json_lines"])
        session = RenderSession(path, options, settings, place=place, display=display)
        code = session.run()
    if code == INTERRUPTED:
        click.echo(f"framefarm: {session.told_interruption()}", err=True)
    return code
