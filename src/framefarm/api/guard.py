"""Keeping web pages of strangers away from a manager that trusts its own machine.

A manager on 127.0.0.1 asks for no password. So a browser on the same machine must not be talked
into reaching it by a foreign page: neither under a foreign name that resolves to 127.0.0.1 (DNS
rebinding, refused by the Host header) nor by a form or script of that page (cross-site request
forgery, refused by the Origin header).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from framefarm.api.problems import problem

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class LocalGuard:
    """Lets in only requests made under a local name and, if by a page, by a local one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or turn it away."""
        if scope["type"] not in {"http", "websocket"} or self._is_local(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "foreign origin"})
        else:
            detail = "This manager only answers requests from its own machine."
            await problem(403, "foreign_origin", detail)(scope, receive, send)

    @staticmethod
    def _is_local(headers: Headers) -> bool:
        origin = headers.get("origin")
        try:
            if urlsplit(f"//{headers.get('host', '')}").hostname not in _LOCAL:
                return False
            return origin is None or urlsplit(origin).hostname in _LOCAL
        except ValueError:
            # "[" is no address.
            return False
