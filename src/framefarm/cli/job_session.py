"""The session of a job, as commands name it: by the job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from framefarm.cli.display.session_list import session_sheet
from framefarm.cli.failures import UsageFailure
from framefarm.cli.printing import json_text
from framefarm.client.farm import Farm
from framefarm.client.session_views import SessionView

_F = TypeVar("_F", bound=Callable[..., Any])
_MOST = 100_000


def number_argument(function: _F) -> _F:
    """Add a number of workers as an argument."""
    return click.argument("workers", metavar="N", type=click.IntRange(1, _MOST))(function)


def session_of(farm: Farm, job: int) -> SessionView:
    """The session of a job.

    Raises:
        FarmAnswerError: There is no such job.
        UsageFailure: It has asked for no workers.
    """
    farm.job(job)
    for session in farm.sessions(job=job, limit=1):
        return session
    raise UsageFailure(f"job {job} has asked for no workers; see: framefarm session ask --help")


def named_or_all(workers: tuple[str, ...], *, every: bool) -> tuple[str, ...] | None:
    """Which workers of a session are meant; None for all.

    Raises:
        UsageFailure: Nobody, or in two ways.
    """
    if bool(workers) is every:
        raise UsageFailure("say which workers: by name, or with --all")
    return None if every else workers


def tell(session: SessionView, *, as_json: bool) -> None:
    """Print a session: in words, or all of it for a program."""
    click.echo(json_text(session) if as_json else session_sheet(session))
