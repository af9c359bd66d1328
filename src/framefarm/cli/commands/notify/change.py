"""`framefarm notify change`."""

from __future__ import annotations

from pathlib import Path

import click

from framefarm.cli.display.notify_list import below, told_of
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.notify_options import (
    address_file_option,
    find_target,
    on_option,
    read_address,
    target_argument,
)


@declare("change", short_help="Change what you are told there.")
@target_argument
@on_option(default="as before")
@option("--all-jobs/--own-jobs", default=None, help="Of everybody's jobs, or of your own.")
@option("--name", metavar="NAME", help="What to call it.")
@option("--address", "ask", is_flag=True, help="Ask for another address.")
@address_file_option
@url_option
def command(
    target: str,
    on: tuple[str, ...],
    name: str | None,
    address_file: Path | None,
    url: str | None,
    *,
    ask: bool,
    all_jobs: bool | None,
) -> None:
    """Change what you are told at TARGET, or where that is. It counts from now on."""
    address = read_address(address_file) if ask or address_file is not None else None
    if not on and name is None and all_jobs is None and address is None:
        raise UsageFailure(
            "say what is to be different: --on, --all-jobs, --own-jobs, --name, --address"
        )
    with open_farm(url) as farm:
        found = find_target(farm, target)
        now = farm.change_notify_target(
            found.id, name=name, address=address, tells=on or None, all_jobs=all_jobs
        )
    for line in (f"{now.name}:", *below(f"told of {told_of(now)}")):
        click.echo(line)
