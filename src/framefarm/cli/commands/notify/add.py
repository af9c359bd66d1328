"""`framefarm notify add`."""

from __future__ import annotations

from pathlib import Path

import click

from framefarm.cli.display.notify_list import below, told_of
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.notify_options import (
    EVENTS,
    address_file_option,
    on_option,
    read_address,
)
from framefarm.cli.printing import json_text


@declare("add", short_help="Be told somewhere from now on.")
@click.argument("name", metavar="NAME")
@option("--mail", is_flag=True, help="By mail, to the address of your account.")
@option("--to", "email", default="", metavar="ADDRESS", help="By mail, to this one.")
@address_file_option
@on_option(default="the first three")
@option("--all-jobs", is_flag=True, help="Of everybody's jobs, where you may see them.")
@json_option
@url_option
def command(
    name: str,
    email: str,
    address_file: Path | None,
    on: tuple[str, ...],
    url: str | None,
    *,
    mail: bool,
    all_jobs: bool,
    as_json: bool,
) -> None:
    """Be told of what happens from now on, at a place that you call NAME.

    Without --mail it asks for the address of a service, such as slack://..., discord://...,
    tgram://..., or of a web hook, https://... It is read from standard input, or from a file: what
    is typed as an option can be read by others on this machine.
    """
    by_mail = mail or bool(email)
    if by_mail and address_file is not None:
        raise UsageFailure("--mail and --to need no --address-file")
    address = None if by_mail else read_address(address_file)
    tells = on or EVENTS[:3]
    with open_farm(url) as farm:
        made = farm.add_notify_target(
            name, address=address, email=email, tells=tells, all_jobs=all_jobs
        )
    if as_json:
        click.echo(json_text(made))
        return
    if made.secret is not None:
        click.echo(made.secret)
        click.echo(
            f"The secret that signs what {name} is sent, shown once. How to check a", err=True
        )
        click.echo("message with it: docs/how-to/be-told.md", err=True)
    for line in (f"{name}:", *below(f"told of {told_of(made.target)}")):
        click.echo(line, err=made.secret is not None)
    click.echo(f"Try it: framefarm notify test {name}", err=made.secret is not None)
