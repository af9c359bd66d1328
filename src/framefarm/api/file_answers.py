"""Files as answers, whole or in ranges, whose errors are problems like all others."""

from __future__ import annotations

from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from framefarm.api.problems import problem

_BAD_RANGE, _NO_SUCH_RANGE = 400, 416


class FileAnswer(FileResponse):
    """A file; see `FileResponse`, which tells of a bad `Range` in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or what is wrong with the range that is asked for."""
        refused = False

        async def told(message: Message) -> None:
            nonlocal refused
            begins = message["type"] == "http.response.start"
            if begins and message["status"] in {_BAD_RANGE, _NO_SUCH_RANGE}:
                refused = True
                await _refusal(message)(scope, receive, send)
            elif not refused:
                await send(message)

        await super().__call__(scope, receive, told)


def _refusal(message: Message) -> Response:
    if message["status"] == _BAD_RANGE:
        return problem(_BAD_RANGE, "bad_range", "The Range header cannot be understood.")
    answer = problem(_NO_SUCH_RANGE, "no_such_range", "The file has no bytes in that range.")
    for name, value in message["headers"]:
        if name.lower() == b"content-range":
            answer.headers["Content-Range"] = value.decode("latin-1")
    return answer
