"""Telling workers something, and saying what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import click

from framefarm.cli.farm_options import open_farm
from framefarm.cli.outcomes import exit_status, outcome_lines
from framefarm.cli.printing import json_text
from framefarm.cli.worker_choice import chosen_workers
from framefarm.client.farm import Farm
from framefarm.client.worker_views import Steered

_NAME_WIDTH = 30
_LOOK_EVERY_S = 0.5


def tell_workers(action: str, chosen: dict[str, Any], *, wait: bool = False, **how: Any) -> int:
    """Tell the workers that were chosen something, and print what became of each.

    Args:
        action: See `Farm.steer_workers`.
        chosen: What was typed: the choice of workers, `url`, `as_json`.
        wait: Come back only once none of them has anything in work.
        how: `now`, `reason` or `tags`.

    Returns:
        The exit status: not 0 when a worker refused.
    """
    workers = chosen_workers(chosen)
    with open_farm(chosen["url"]) as farm:
        steered = farm.steer_workers(action, workers, **how)
        if wait:
            wait_until_idle(farm, {one.id for one in steered})
    if chosen["as_json"]:
        click.echo(json_text(steered))
    else:
        click.echo("\n".join(steered_lines(steered)))
    return exit_status(steered)


def wait_until_idle(
    farm: Farm, ids: Collection[str], *, pause: Callable[[float], None] = time.sleep
) -> None:
    """Wait until none of some workers has a lease; one that is lost has none after a while."""
    while any(worker.work for worker in farm.workers() if worker.id in ids):
        pause(_LOOK_EVERY_S)


def steered_lines(steered: Sequence[Steered]) -> list[str]:
    """What became of each worker, and of how many when they are not few."""
    return outcome_lines([(_name(one), one) for one in steered], "workers")


def _name(one: Steered) -> str:
    return one.name if len(one.name) <= _NAME_WIDTH else f"{one.name[: _NAME_WIDTH - 1]}…"
