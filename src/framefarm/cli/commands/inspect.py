"""`framefarm inspect`."""

from __future__ import annotations

from pathlib import Path

import click

from framefarm.cli.farm_options import json_option
from framefarm.cli.groups import command as declare
from framefarm.cli.job_options import blend_argument


@declare("inspect", short_help="Show what a .blend contains and links.")
@blend_argument
@json_option
def command(file: Path, *, as_json: bool) -> None:
    """Show what FILE.blend contains: scenes, cameras, output, and the files it links."""
    from framefarm.blender.blendfile import read_blend  # noqa: PLC0415  --help needs none of this
    from framefarm.cli.embedded.reading import check_is_file  # noqa: PLC0415
    from framefarm.cli.inspection import as_plain_values, as_text  # noqa: PLC0415
    from framefarm.core.plain_text import plain  # noqa: PLC0415

    check_is_file(file)
    blend = read_blend(file)
    if as_json:
        import json  # noqa: PLC0415  --help needs it not

        click.echo(json.dumps(as_plain_values(blend), indent=2))
    else:
        click.echo(plain(as_text(blend)))
