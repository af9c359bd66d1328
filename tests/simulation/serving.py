"""The manager's API as the network reaches it: the real application, called by ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import Any, cast

from sqlalchemy.exc import DBAPIError

from framefarm.api.app import Application, create_app
from framefarm.api.reach import Reach
from framefarm.farm.service import Farm

from .network import ManagerEnd, Response


class _Present:
    """The farm of the manager that runs now, as the application sees it."""

    farm: Farm

    def __getattr__(self, name: str) -> Any:
        return getattr(self.farm, name)


_present = _Present()


@functools.cache
def _app() -> Application:
    """The real application. Made once: making its routes takes longer than most simulations.

    What it remembers by itself are the workers' keys, which never change.
    """
    return create_app(cast("Any", _present), Reach("127.0.0.1", 7070))


def present(farm: Farm) -> None:
    """Let the application serve this farm from now on."""
    _present.farm = farm


async def talk(end: ManagerEnd) -> None:
    """Talk to a worker over its connection until that ends."""
    scope = {"type": "websocket", "path": "/api/workers/connect", **_scope({}, end)}
    await _app()(scope, end.receive, end.send)


async def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> Response:
    """Answer a request."""
    exchange = _Exchange(body)
    scope = {"type": "http", "method": method, "path": path, **_scope(headers, exchange)}
    # Whatever was raised has been answered with 500 before.
    with contextlib.suppress(DBAPIError):
        await _app()(scope, exchange.receive, exchange.send)
    return exchange.response


class _Exchange:
    """A request and its answer, as ASGI hands them over."""

    def __init__(self, body: bytes) -> None:
        self._messages = [{"type": "http.request", "body": body, "more_body": False}]
        self._start: dict[str, Any] = {}
        self._body = b""

    def recognise(self, _still_counts: object) -> None:
        """Strangers are not simulated."""

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop()
        await asyncio.sleep(_NOBODY_WAITS_LONGER_S)
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")

    @property
    def response(self) -> Response:
        headers = {k.decode(): v.decode() for k, v in self._start["headers"]}
        return Response(self._start["status"], headers, self._body)


_NOBODY_WAITS_LONGER_S = 60.0


def _scope(headers: dict[str, str], connection: ManagerEnd | _Exchange) -> dict[str, Any]:
    """What a request of the manager's own machine looks like."""
    shown = {"host": "127.0.0.1:7070", **headers}
    return {
        "asgi": {"version": "3.0"},
        "scheme": "http",
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in shown.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 7070),
        "subprotocols": [],
        "state": {"connection": connection},
    }
