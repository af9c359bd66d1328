"""Bounding the bodies that are read whole, before they are read (L14)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from framefarm.api.pages.refusals import told
from framefarm.api.problems import problem
from framefarm.core.errors import FrameFarmError

MAX_BODY_BYTES = 8 << 20
"""The largest job there is, with ten thousand missing files, takes less than half of it."""

_TOO_LARGE = f"The body of this request may have at most {MAX_BODY_BYTES:,} bytes."


class LengthNeededError(FrameFarmError):
    """An upload does not say how many bytes come (RFC 9110, 15.5.12)."""

    code = "length_required"

    def __init__(self) -> None:
        super().__init__(
            "Say with Content-Length how many bytes come: that is looked at before they are taken. "
            "Write what comes through a pipe into a file first, and send that: curl -T FILE URL."
        )


class BodyLimit:
    """Refuses larger bodies than a job's.

    Uploads, which are PUT, have limits of their own and are written to disk as they come.

    Args:
        app: What is behind.
        uploads: Paths where a POST is one as well.
    """

    def __init__(self, app: ASGIApp, uploads: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its body bounded."""
        if scope["type"] != "http" or self._has_none_or_its_own(scope):
            await self._app(scope, receive, send)
        elif announced_bytes(Headers(scope=scope)) > MAX_BODY_BYTES:
            await told(scope, problem(413, "too_large", _TOO_LARGE))(scope, receive, send)
        else:
            await self._app(scope, _bounded(receive), send)

    def _has_none_or_its_own(self, scope: Scope) -> bool:
        return scope["method"] in {"GET", "HEAD", "PUT"} or scope["path"] in self._uploads


def announced_bytes(headers: Headers) -> int:
    """What Content-Length says; -1 when it says nothing that can be understood."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else -1


def _bounded(receive: Receive) -> Receive:
    came = 0

    async def bounded() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > MAX_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return bounded
