"""Telling workers something, and saying what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from framefarm.cli import failures
from framefarm.cli.farm_options import open_farm
from framefarm.cli.worker_choice import chosen_workers
from framefarm.client.worker_views import Steered

_NAME_WIDTH = 30


def tell_workers(action: str, chosen: dict[str, Any], **how: Any) -> int:
    """Tell the workers that were chosen something, and print what became of each.

    Args:
        action: See `Farm.steer_workers`.
        chosen: What was typed: the choice of workers, `url`, `as_json`.
        how: `now`, `reason` or `tags`.

    Returns:
        The exit status: not 0 when a worker refused.
    """
    workers = chosen_workers(chosen)
    with open_farm(chosen["url"]) as farm:
        steered = farm.steer_workers(action, workers, **how)
    if chosen["as_json"]:
        import msgspec  # noqa: PLC0415  loaded by the client already

        click.echo(msgspec.json.encode(steered).decode())
    else:
        click.echo("\n".join(steered_lines(steered)))
    refused = any(one.outcome == "refused" for one in steered)
    return failures.UNITS_FAILED if refused else failures.DONE


def steered_lines(steered: Sequence[Steered]) -> list[str]:
    """What became of each worker, and of how many when they are not few."""
    names = [_name(one) for one in steered]
    width = max(map(len, names))
    lines = [f"{name:<{width}}  {one.message}" for name, one in zip(names, steered, strict=True)]
    few = 10
    return [*lines, "", _counted(steered)] if len(steered) > few else lines


def _name(one: Steered) -> str:
    return one.name if len(one.name) <= _NAME_WIDTH else f"{one.name[: _NAME_WIDTH - 1]}…"


def _counted(steered: Sequence[Steered]) -> str:
    counts = [
        (sum(one.outcome == outcome for one in steered), words)
        for outcome, words in (
            ("done", "changed"),
            ("unchanged", "were so"),
            ("refused", "refused"),
        )
    ]
    told = ", ".join(f"{count} {words}" for count, words in counts if count)
    return f"{len(steered):,} workers: {told}"
