"""Which jobs a command is about: the options that choose them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from framefarm.cli.groups import option
from framefarm.client.job_calls import JobFilter

_F = TypeVar("_F", bound=Callable[..., Any])
_WHICH = "Which jobs"
STATES = ("queued", "running", "paused", "done", "failed", "cancelled")


def job_filter_options(function: _F) -> _F:
    """Add `--state`, `--owner`, `--project`, `--sequence`, `--shot` and `--name`."""
    for declare in (
        option("--name", metavar="TEXT", help="With this in their names.", section=_WHICH),
        option("--shot", metavar="NAME", help="Of the shot of this name.", section=_WHICH),
        option("--sequence", metavar="NAME", help="Of this sequence.", section=_WHICH),
        option("--project", metavar="NAME", help="Of this project.", section=_WHICH),
        option("--owner", metavar="NAME", help="Of this person.", section=_WHICH),
        option(
            "--state",
            "states",
            multiple=True,
            type=click.Choice(STATES),
            metavar="STATE",
            help=f"In this state: {', '.join(STATES)}; of several, any.",
            section=_WHICH,
        ),
    ):
        function = declare(function)
    return function


def job_filter(chosen: dict[str, Any]) -> JobFilter:
    """The filter that was typed; takes it out of `chosen`."""
    return JobFilter(
        state=chosen.pop("states"),
        owner=chosen.pop("owner") or "",
        project=chosen.pop("project") or "",
        sequence=chosen.pop("sequence") or "",
        shot=chosen.pop("shot") or "",
        name=chosen.pop("name") or "",
    )
