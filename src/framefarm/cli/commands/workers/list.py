"""`framefarm workers list`, and the list that `framefarm workers` alone prints."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

from framefarm.cli.display.worker_list import worker_lines
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.printing import print_list
from framefarm.cli.worker_choice import filter_of, filter_options
from framefarm.client.worker_calls import WorkerFilter

_NOBODY_SUCH = "No worker is like that; framefarm workers lists all."
_NOBODY = (
    "There is no worker; start one with: framefarm worker\n"
    "Those that were revoked: framefarm workers --state revoked"
)


@declare("list", short_help="List workers, as `framefarm workers` alone does.")
@filter_options
@json_option
@url_option
def command(url: str | None, *, as_json: bool, **chosen: Any) -> None:
    """List the workers that ever joined, and what they are doing."""
    list_workers(filter_of(chosen), url, as_json=as_json)


def list_workers(where: WorkerFilter, url: str | None, *, as_json: bool) -> None:
    """Print the workers that match, or say that there is none."""
    with open_farm(url) as farm:
        workers = tuple(farm.workers(where))
    print_list(
        workers,
        partial(worker_lines, colours=_colours()),
        none=_NOBODY_SUCH if where.given else _NOBODY,
        as_json=as_json,
    )


def _colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
