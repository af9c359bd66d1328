"""Which leases a command is about: the options that choose them, and how they are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import JobNumber
from framefarm.cli.groups import option
from framefarm.cli.worker_choice import POOLS
from framefarm.client.worker_views import LeaseView

_F = TypeVar("_F", bound=Callable[..., Any])
SHOWN = 8
"""An id begins with the time at which the lease was given; its end tells it from all others."""


def lease_options(function: _F) -> _F:
    """Add `--job`, `--worker`, `--owner` and `--pool`."""
    for declare in (
        option(
            "--pool",
            type=click.Choice(POOLS),
            metavar="POOL",
            help="Only of workers in own, friends or public.",
        ),
        option("--owner", metavar="NAME", help="Only of the jobs of this person."),
        option("--worker", metavar="WORKER", help="Only of this worker."),
        option("--job", type=JobNumber(), metavar="JOB", help="Only of this job."),
    ):
        function = declare(function)
    return function


def named_leases(leases: Iterable[LeaseView], names: Sequence[str]) -> list[LeaseView]:
    """Those of some leases whose ids end with what was typed.

    Raises:
        UsageFailure: None does, or several do.
    """
    there = list(leases)
    return [_named(there, name.lower()) for name in dict.fromkeys(names)]


def _named(leases: Sequence[LeaseView], name: str) -> LeaseView:
    found = [one for one in leases if one.id.endswith(name)]
    if len(found) != 1:
        several = "several leases end" if found else "no lease ends"
        raise UsageFailure(f"{several} with {name!r}; see: framefarm leases")
    return found[0]
