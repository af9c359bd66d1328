"""`framefarm uploads`: the list, and the list of its commands."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup, goes_on
from framefarm.cli.printing import json_text
from framefarm.core.listing import plural
from framefarm.core.sizes import told_size

PLACES = {
    "remove": CommandPlace(
        "framefarm.cli.commands.uploads.remove", "Give up uploads that no job needs.", "Uploads"
    ),
}


@click.group(
    "uploads",
    cls=LazyGroup,
    places=PLACES,
    short_help="List your uploads, and give them up.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@click.option("--user", metavar="NAME", help="Those of this person, for admins.")
@json_option
@url_option
@click.pass_context
def command(context: click.Context, /, user: str | None, url: str | None, *, as_json: bool) -> None:
    """List the files that you uploaded, what they take, and whether a job of yours needs them."""
    if goes_on(context, url, as_json, user):
        return
    with open_farm(url) as farm:
        found = list(farm.uploads(user))
    if as_json:
        click.echo(json_text(found))
        return
    for one in found:
        needed = "" if one.needed else "  no job needs it"
        click.echo(f"{one.sha256}  {told_size(one.size_bytes):>9}{needed}")
    total = told_size(sum(one.size_bytes for one in found))
    click.echo(f"{plural(len(found), 'upload')}, {total}")
