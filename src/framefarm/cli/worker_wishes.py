"""The options by which a job says which workers may do it, and whose it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from framefarm.cli.deadlines import read_deadline
from framefarm.cli.farm_options import token_for
from framefarm.cli.groups import option
from framefarm.client.views import Requires

_F = TypeVar("_F", bound=Callable[..., Any])
_WHERE = "Which workers"
_POOLS = ("own", "friends", "public")


def _size(_: click.Context, __: click.Parameter, value: str | None) -> int:
    if value is None:
        return 0
    from framefarm.core.sizes import parse_size  # noqa: PLC0415  only when typed

    return parse_size(value)


def _tags(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        return ()
    from framefarm.core.tags import parse_tags  # noqa: PLC0415  only when typed

    return tuple(sorted({tag for typed in value for tag in parse_tags(typed)}))


_OPTIONS = (
    option(
        "--pool",
        type=click.Choice(_POOLS, case_sensitive=False),
        default="own",
        metavar="POOL",
        section=_WHERE,
        help="own, friends or public: how far out it may go. Default: own.",
    ),
    option(
        "--tag",
        "tags",
        multiple=True,
        callback=_tags,
        metavar="TAG",
        section=_WHERE,
        help="Only workers with this tag; may be given more than once.",
    ),
    option(
        "--min-memory",
        callback=_size,
        metavar="SIZE",
        section=_WHERE,
        help="Only slots with that much memory, such as 16G.",
    ),
    option("--gpu", is_flag=True, section=_WHERE, help="Render on GPUs only."),
    option(
        "--max-workers",
        type=click.IntRange(1, 100_000),
        metavar="N",
        section=_WHERE,
        help="At most so many slots at a time. Default: any number.",
    ),
    option(
        "--deadline",
        callback=read_deadline,
        metavar="WHEN",
        section=_WHERE,
        help="When it is to be done: 2026-12-01T18:00, +4h, +2d.",
    ),
    option(
        "--owner",
        metavar="NAME",
        section=_WHERE,
        help="Whose job it is; owners share the farm. Default: your login name.",
    ),
)


def worker_wishes(function: _F) -> _F:
    """Add all of them to a command."""
    for declare in reversed(_OPTIONS):
        function = declare(function)
    return function


def take_wishes(values: dict[str, Any]) -> tuple[Requires, str]:
    """Move them out of a command's arguments; returns what is required, and the owner."""
    requires = Requires(
        pool=values.pop("pool").lower(),
        tags=values.pop("tags"),
        min_memory_bytes=values.pop("min_memory"),
        gpu=values.pop("gpu"),
    )
    # Whose token it is, the manager knows.
    own = "" if token_for(values["url"]) else login_name()
    return requires, values.pop("owner") or own


def login_name() -> str:
    """Who is typing, as far as the system says; empty when it does not."""
    import getpass  # noqa: PLC0415  not for --help

    try:
        return getpass.getuser()[:200]
    except (KeyError, OSError):  # no such user, or nothing to ask
        return ""
