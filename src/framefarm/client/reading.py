"""Reading what a manager answers, so that all text in it is safe to show; see `core.plain_text`."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from framefarm.core.plain_text import plain

_T = TypeVar("_T")

_PERHAPS = re.compile(rb"\\[bfru]|[\x7f\xc2\xe2]")
"""Whatever JSON writes for a character that `plain` would replace holds one of these."""


def read_json(content: bytes, kind: type[_T]) -> _T:
    """Read an answer.

    Raises:
        msgspec.DecodeError: It is no JSON, or not what was expected.
        RecursionError: It is nested without end.
    """
    if not _PERHAPS.search(content):
        return msgspec.json.decode(content, type=kind)
    return msgspec.convert(_plain(msgspec.json.decode(content)), kind, str_keys=True)


def _plain(value: Any) -> Any:
    match value:
        case str():
            return plain(value)
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {plain(name): _plain(one) for name, one in value.items()}
        case _:
            return value
