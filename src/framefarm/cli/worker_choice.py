"""Which workers a command is about: the options that choose them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.groups import option
from framefarm.client.worker_calls import WorkerFilter

_F = TypeVar("_F", bound=Callable[..., Any])
_WHICH = "Which workers"
STATES = ("idle", "busy", "offline", "lost", "draining", "disabled", "quarantined", "revoked")
POOLS = ("own", "friends", "public")

Chosen = tuple[str, ...] | WorkerFilter | None
"""Names, a filter, or all."""


def _tags(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        return ()
    from framefarm.core.tags import parse_tags  # noqa: PLC0415  only when typed

    return tuple(tag for typed in value for tag in parse_tags(typed))


def filter_options(function: _F) -> _F:
    """Add `--state`, `--tag`, `--pool` and `--host`."""
    for declare in (
        option("--host", metavar="PATTERN", help="Whose host is this; * and ?.", section=_WHICH),
        option(
            "--pool",
            type=click.Choice(POOLS),
            metavar="POOL",
            help="Of this pool: own, friends, public.",
            section=_WHICH,
        ),
        option(
            "--tag",
            "tags",
            multiple=True,
            callback=_tags,
            metavar="TAG",
            help="With this tag; of several, all.",
            section=_WHICH,
        ),
        option(
            "--state",
            "states",
            multiple=True,
            type=click.Choice(STATES),
            metavar="STATE",
            help="In this state: idle, busy, offline, lost, draining, disabled, quarantined, "
            "revoked; of several, any.",
            section=_WHICH,
        ),
    ):
        function = declare(function)
    return function


def choice_options(function: _F) -> _F:
    """Add names as arguments, the options of a filter, and `--all`."""
    function = option("--all", "every", is_flag=True, help="Every worker.", section=_WHICH)(
        function
    )
    function = filter_options(function)
    return click.argument("workers", metavar="[WORKER]...", nargs=-1)(function)


def filter_of(chosen: dict[str, Any]) -> WorkerFilter:
    """The filter that was typed."""
    return WorkerFilter(
        state=chosen["states"],
        tag=chosen["tags"],
        pool=chosen["pool"] or "",
        host=chosen["host"] or "",
    )


def chosen_workers(chosen: dict[str, Any]) -> Chosen:
    """Who is meant.

    Raises:
        UsageFailure: Nobody, or in two ways.
    """
    where = filter_of(chosen)
    ways = [bool(chosen["workers"]), bool(where.given), bool(chosen["every"])]
    if ways.count(True) != 1:
        raise UsageFailure(
            "say which workers: by name, or by --state, --tag, --pool and --host, or with --all"
        )
    if chosen["workers"]:
        return tuple(chosen["workers"])
    return where if where.given else None
