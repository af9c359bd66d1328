"""What the commands of `framefarm notify` have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from framefarm.cli.failures import CliError, UsageFailure
from framefarm.cli.groups import option
from framefarm.cli.paths import PathType
from framefarm.client.farm import Farm
from framefarm.client.notify_views import TargetView

_F = TypeVar("_F", bound=Callable[..., Any])
_LONGEST = 4_096

EVENTS = (
    "job_done",
    "job_failed",
    "job_held",
    "worker_lost",
    "worker_quarantined",
    "disk_low",
    "quota_near",
    "quota_refused",
)


class NoSuchTargetError(CliError):
    """There is no target of that name or number."""

    code = "no_such_target"


def target_argument(function: _F) -> _F:
    """Add a target's name or number as an argument."""
    return click.argument("target", metavar="TARGET")(function)


def on_option(*, default: str) -> Callable[[_F], _F]:
    """Add `--on`.

    Args:
        default: What counts without it, in words.
    """
    return option(
        "--on",
        multiple=True,
        type=click.Choice(EVENTS),
        metavar="EVENT",
        help=f"{', '.join(EVENTS[:-1])} or {EVENTS[-1]}; as often as needed. Default: {default}.",
    )


def address_file_option(function: _F) -> _F:
    """Add `--address-file`."""
    return option(
        "--address-file",
        type=PathType(dir_okay=False),
        metavar="FILE",
        help="Read the address from a file.",
    )(function)


def read_address(file: Path | None) -> str:
    """Read an address, which holds secrets, from a file or from standard input.

    Raises:
        UsageFailure: There is none.
    """
    if file is not None:
        try:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(_LONGEST).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageFailure(f"{file} cannot be read: {error}") from error
    elif sys.stdin.isatty():
        text = str(click.prompt("address (it is not shown)", hide_input=True, err=True)).strip()
    else:
        text = sys.stdin.readline(_LONGEST).strip()
    if not text:
        raise UsageFailure("there is no address: give it on standard input, or --mail")
    return text


def find_target(farm: Farm, wanted: str) -> TargetView:
    """A target by its name, or by its number.

    Raises:
        NoSuchTargetError: There is none.
    """
    found = farm.notify_targets()
    named = [one for one in found if one.name == wanted]
    numbered = [one for one in found if str(one.id) == wanted]
    if not named and not numbered:
        raise NoSuchTargetError(f"You have no target {wanted!r}; see: framefarm notify")
    return (named or numbered)[0]
