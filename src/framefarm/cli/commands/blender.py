"""`framefarm blender list` and `framefarm blender install`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import json_option
from framefarm.cli.groups import CONTEXT
from framefarm.cli.groups import command as declare
from framefarm.cli.settings import load_settings


@click.group(
    "blender",
    short_help="List and install Blenders.",
    context_settings=CONTEXT,
    no_args_is_help=True,
)
def command() -> None:
    """The Blenders of this machine."""


@declare("list", short_help="List the Blenders found here.")
@json_option
def list_command(*, as_json: bool) -> None:
    """List the Blenders found here, in the order they are preferred.

    Looked at are: the setting `blenders`, PATH, the usual places, the bpy package of this Python,
    and what `framefarm blender install` made.
    """
    from framefarm.blender.installations import find_blenders  # noqa: PLC0415  not for --help
    from framefarm.cli.display import words  # noqa: PLC0415
    from framefarm.cli.tables import table  # noqa: PLC0415

    settings = load_settings()
    found = find_blenders(settings.blenders, managed_dir=settings.managed_blenders)
    if as_json:
        import json  # noqa: PLC0415

        rows = [
            {"version": str(i.version), "full": i.full_version, "kind": i.kind, "path": str(i.path)}
            for i in found
        ]
        click.echo(json.dumps(rows, indent=2))
    elif found:
        cells = [(i.full_version, i.kind, words.place(i.path)) for i in found]
        click.echo(table(("VERSION", "KIND", "PATH"), cells, flexible=2))
    else:
        click.echo(
            "No Blender was found; install one with: framefarm blender install 5.0", err=True
        )


@declare("install", short_help="Install a Blender, for example 4.5.")
@click.argument("version", metavar="VERSION")
def install_command(version: str) -> None:
    """Install the newest Blender VERSION, such as 4.5, for FrameFarm alone.

    It comes as the bpy package from the Python package index, about 400 MB, and touches neither
    the system nor any other Blender.
    """
    from framefarm.blender.wheels import install_wheel  # noqa: PLC0415  not for --help
    from framefarm.cli.display import words  # noqa: PLC0415

    folder = load_settings().managed_blenders
    installed = install_wheel(
        version, folder, on_step=lambda step: click.echo(f"{step} ...", err=True)
    )
    click.echo(f"Blender {installed.full_version} is ready ({words.place(installed.path)})")
    click.echo("A worker that runs here offers it after: framefarm workers restart NAME", err=True)


command.add_command(list_command)
command.add_command(install_command)
