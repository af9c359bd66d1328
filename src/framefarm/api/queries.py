"""What stands behind the `?` of a request is known, and said once: a typing error is told.

A filter that is spelt wrong would otherwise be no filter, and `DELETE ...?output=true` would leave
the outputs there that it was to remove.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from framefarm.core.errors import FrameFarmError

_OTHERS_ADD = frozenset(
    {"/", "/login", "/logout", "/first-admin", "/api/docs", "/api/login/openid/callback"}
)
"""Where browsers are sent to by others, with whatever they like behind the `?`."""

_KNOWN: dict[str, dict[str, bool]] = {}
"""What was found of each route; all managers of a process have the same."""


class QueryError(FrameFarmError):
    """A query names something that there is not, or something twice."""

    code = "bad_query"


async def check_query(request: Request) -> None:
    """Make sure that a route has all that a query names.

    Raises:
        QueryError: It has not, or has it only once.
    """
    route = request.scope["route"]
    if not request.scope["query_string"] or route.path in _OTHERS_ADD:
        return
    known = _parameters(route)
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            raise QueryError(_unknown(name, sorted(known)))
        if times > 1 and not known[name]:
            raise QueryError(f"The query has {name!r} {times:,} times; say it once.")


def _unknown(name: str, known: list[str]) -> str:
    said = f"There is nothing called {name[:100]!r} to ask for here"
    if not known:
        return f"{said}; leave out the query."
    close = get_close_matches(name[:100], known, n=1)
    if close:
        return f"{said}; did you mean {close[0]}?"
    return f"{said}; there are: {', '.join(known)}."


def _parameters(route: APIRoute) -> dict[str, bool]:
    """The names of a route's query, and which of them may come several times."""
    known = _KNOWN.get(route.unique_id)
    if known is None:
        known = _KNOWN[route.unique_id] = dict(_fields(route.dependant))
    return known


def _fields(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from ((name, _is_list(one.annotation)) for name, one in kind.model_fields.items())
        else:
            yield field.alias, _is_list(kind)
    for within in dependant.dependencies:
        yield from _fields(within)


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is list or any(get_origin(one) is list for one in get_args(kind))
