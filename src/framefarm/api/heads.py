"""Routes that answer HEAD as they answer GET, without the body (RFC 9110, 9.3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def get_and_head(router: APIRouter, path: str, **about: Any) -> Callable[[_Endpoint], _Endpoint]:
    """Route GET and HEAD to a function.

    The server sends no body for HEAD, whatever the function answers. What would take long to make
    only to be thrown away looks at the method (see `file_answers`).

    Args:
        router: Where.
        path: Of both.
        about: What FastAPI is to know of GET. Descriptions do not list HEAD.
    """

    def route(endpoint: _Endpoint) -> _Endpoint:
        router.head(path, include_in_schema=False)(endpoint)
        return router.get(path, **about)(endpoint)

    return route


def read_as(method: str) -> str:
    """The method by which is judged who may make a request: what may be got may be asked about."""
    return "GET" if method == "HEAD" else method
