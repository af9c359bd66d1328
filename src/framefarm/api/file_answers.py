"""Files as answers, whole or in ranges, whose errors are problems like all others."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from urllib.parse import quote

from anyio import to_thread
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from framefarm.api.problems import problem

_BAD_RANGE, _NO_SUCH_RANGE = 400, 416
_RANGE = b"range"
_ANY_KIND = "application/octet-stream"
_KINDS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "jp2": "image/jp2",
    "exr": "image/x-exr",
    "hdr": "image/vnd.radiance",
    "tga": "image/x-tga",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
}
"""What a file is, by the ending that this farm gave it."""

_NOT_PLAIN = re.compile(r"[^ !#-$&-\[\]-~]")
"""What no quoted name has that every program reads alike: other than ASCII, `"`, `\\` and `%`."""


def attachment(name: str) -> str:
    """What `Content-Disposition` says of a file that is to be kept under a name (RFC 6266).

    A name in plain ASCII always comes with it, for what reads no other, such as curl.
    """
    plain = _NOT_PLAIN.sub("_", name)
    said = f'attachment; filename="{plain}"'
    if plain == name:
        return said
    return f"{said}; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


_SMALL_BYTES = 256 << 10


class FileAnswer(FileResponse):
    """A file; see `FileResponse`, which tells of a bad `Range` in plain text.

    A small one is opened, read and closed in one go: by a thread for each step that took four times
    as long, and lists of thumbnails ask for hundreds.

    Args:
        path: Where it is.
        name: What to keep it as; empty for what has none.
        media_type: Of what kind; empty for what its name says.
    """

    def __init__(self, path: Path, *, name: str = "", media_type: str = "") -> None:
        headers = {"Content-Disposition": attachment(name)} if name else None
        media_type = media_type or _KINDS.get(Path(name).suffix[1:].lower(), _ANY_KIND)
        super().__init__(path, media_type=media_type, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or what is wrong with the range that is asked for."""
        head = scope["method"] == "HEAD"
        if head or not _has_known_range(scope):
            # What counts in anything else than bytes is to be ignored, and all but GET's (RFC 9110,
            # 14.2).
            rest = [field for field in scope["headers"] if field[0] != _RANGE]
            scope = {**scope, "headers": rest}
        whole = not head and not any(name == _RANGE for name, _ in scope["headers"])
        try:
            stat, content = await to_thread.run_sync(
                partial(_start_of, Path(self.path), whole=whole)
            )
        except FileNotFoundError:
            # Looked up a moment ago, and removed since.
            await problem(404, "no_such_file", "This file was removed just now.")(
                scope, receive, send
            )
            return
        self.stat_result = stat
        self.set_stat_headers(stat)
        if content is not None:
            await _send_all(send, self.raw_headers, content)
            return
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


class StreamedAnswer(StreamingResponse):
    """An answer that is made while it is sent; for HEAD nothing of it is made."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or what it would begin with."""
        if scope["method"] == "HEAD":
            await _send_all(send, self.raw_headers, b"")
        else:
            await super().__call__(scope, receive, send)


def _start_of(path: Path, *, whole: bool) -> tuple[os.stat_result, bytes | None]:
    """What is known of a file, and all that is in it where that is wanted, and little."""
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        return stat, file.read() if whole and stat.st_size <= _SMALL_BYTES else None


async def _send_all(send: Send, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _has_known_range(scope: Scope) -> bool:
    asked = [value for name, value in scope["headers"] if name == _RANGE]
    return all(value.partition(b"=")[0].strip().lower() == b"bytes" for value in asked)


def _refusal(message: Message) -> Response:
    if message["status"] == _BAD_RANGE:
        return problem(_BAD_RANGE, "bad_range", "The Range header cannot be understood.")
    answer = problem(_NO_SUCH_RANGE, "no_such_range", "The file has no bytes in that range.")
    for name, value in message["headers"]:
        if name.lower() == b"content-range":
            answer.headers["Content-Range"] = value.decode("latin-1")
    return answer
