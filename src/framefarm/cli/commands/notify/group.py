"""`framefarm notify`: the list, and the list of its commands."""

from __future__ import annotations

import click

from framefarm.cli.display.notify_list import target_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup, goes_on
from framefarm.cli.printing import json_text


def _place(name: str, text: str, section: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.notify.{name}", text, section)


_WHERE = "Where"
_WHAT = "What"

PLACES = {
    "add": _place("add", "Be told somewhere from now on.", _WHERE),
    "change": _place("change", "Change what you are told there.", _WHERE),
    "test": _place("test", "Send a test message.", _WHERE),
    "remove": _place("remove", "Be told there no more.", _WHERE),
    "history": _place("history", "List what you were told, and what not yet.", _WHAT),
}


@click.group(
    "notify",
    cls=LazyGroup,
    places=PLACES,
    short_help="Be told elsewhere when jobs end.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@json_option
@url_option
@click.pass_context
def command(context: click.Context, /, url: str | None, *, as_json: bool) -> None:
    """List where you are told when jobs end: by mail, in a chat, or by a web hook."""
    if goes_on(context, url, as_json):
        return
    with open_farm(url) as farm:
        found = farm.notify_targets()
    if as_json:
        click.echo(json_text(found))
        return
    for line in target_lines(found):
        click.echo(line)
