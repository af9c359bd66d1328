"""`framefarm uploads remove`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.core.listing import plural


@declare("remove", short_help="Give up uploads that no job needs.")
@click.argument("hashes", metavar="SHA256...", nargs=-1)
@option("--unneeded", is_flag=True, help="All that no job needs.")
@option("--user", metavar="NAME", help="Those of this person, for admins.")
@url_option
def command(hashes: tuple[str, ...], user: str | None, url: str | None, *, unneeded: bool) -> None:
    """Give up uploads, by their hashes in `framefarm uploads`: they count no more at once."""
    if bool(hashes) == unneeded:
        raise click.UsageError("name uploads by their hashes, or use --unneeded")
    with open_farm(url) as farm:
        chosen = (
            [one.sha256 for one in farm.uploads(user) if not one.needed] if unneeded else hashes
        )
        for sha256 in chosen:
            farm.remove_upload(sha256, user=user)
    click.echo(f"{plural(len(chosen), 'upload')} given up")
