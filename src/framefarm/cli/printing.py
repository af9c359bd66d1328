"""How commands print what they found: in words for people, with `--json` as one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec

_T = TypeVar("_T")


def json_text(value: Any) -> str:
    """A view, or several, as one JSON document."""
    return msgspec.json.encode(value).decode()


def print_list(
    found: Sequence[_T], words: Callable[[Sequence[_T]], str], *, none: str, as_json: bool
) -> None:
    """Print a list.

    Args:
        words: Shows it to people.
        none: What people are told, beside the output, where it is empty.
    """
    if as_json:
        click.echo(json_text(found))
    elif found:
        click.echo(words(found))
    else:
        click.echo(none, err=True)
