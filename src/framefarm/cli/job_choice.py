"""Which jobs a command is about: the options that choose them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import JobNumber
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


def jobs_argument(function: _F) -> _F:
    """Add the numbers of jobs as arguments, and the options that choose some instead."""
    function = job_filter_options(function)
    return click.argument("jobs", metavar="[JOB]...", type=JobNumber(), nargs=-1)(function)


@dataclass(frozen=True)
class ChosenJobs:
    """Which jobs were typed: their numbers, or else a filter."""

    numbers: tuple[int, ...]
    where: JobFilter

    @property
    def only(self) -> int | None:
        """The one that was typed, if it was only one."""
        return self.numbers[0] if len(self.numbers) == 1 else None

    @property
    def wanted(self) -> tuple[int, ...] | JobFilter:
        """As `Farm.steer_jobs` takes them."""
        return self.numbers or self.where


def chosen_jobs(chosen: dict[str, Any]) -> ChosenJobs:
    """Which are meant; takes them out of `chosen`.

    Raises:
        UsageFailure: None, or in two ways.
    """
    found = ChosenJobs(tuple(dict.fromkeys(chosen.pop("jobs"))), job_filter(chosen))
    if bool(found.numbers) == bool(found.where.given):
        raise UsageFailure(
            "say which jobs: either by number, or by --state, --owner, --project, --sequence, "
            "--shot and --name"
        )
    return found


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
