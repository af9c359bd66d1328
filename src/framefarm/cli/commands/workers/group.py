"""`framefarm workers`: the list, and the list of its commands."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.commands.workers.list import list_workers
from framefarm.cli.farm_options import json_option, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup, goes_on
from framefarm.cli.worker_choice import filter_of, filter_options


def _place(name: str, text: str, section: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.workers.{name}", text, section)


_LOOK = "Looking"
_STEER = "Steering"
_ADMIT = "Letting in and shutting out"

PLACES = {
    "list": _place("list", "List workers, as `framefarm workers` alone does.", _LOOK),
    "show": _place("show", "Show all that is known of a worker.", _LOOK),
    "disable": _place("disable", "Give workers no more work.", _STEER),
    "enable": _place("enable", "Let workers work again.", _STEER),
    "drain": _place("drain", "Let workers end what they have, and no more.", _STEER),
    "restart": _place("restart", "Start workers' processes anew.", _STEER),
    "tag": _place("tag", "Give workers tags that jobs can ask for.", _STEER),
    "untag": _place("untag", "Take tags away from workers.", _STEER),
    "rename": _place("rename", "Give a worker another name.", _STEER),
    "invite": _place("invite", "Make a join token for new workers.", _ADMIT),
    "revoke": _place("revoke", "Shut a worker out: its key counts no more.", _ADMIT),
}


@click.group(
    "workers",
    cls=LazyGroup,
    places=PLACES,
    short_help="List, show and steer workers.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@filter_options
@json_option
@url_option
@click.pass_context
def command(context: click.Context, /, url: str | None, *, as_json: bool, **chosen: Any) -> None:
    """List the workers that ever joined, and what they are doing."""
    where = filter_of(chosen)
    if not goes_on(context, url, as_json, where.given):
        list_workers(where, url, as_json=as_json)
