"""A manager that says what it is told to say, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self


@dataclass
class Reply:
    """One answer. `cut` hangs up after so many bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def as_json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


def problem(status: int, code: str, detail: str) -> Reply:
    return as_json(
        {"type": "about:blank", "status": status, "code": code, "detail": detail}, status
    )


class CannedManager:
    """Answers by method and path; the last reply of a list is repeated."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.asked: list[Asked] = []
        self._replies: dict[tuple[str, str], list[Reply]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def reply(self, method: str, path: str, *replies: Reply) -> None:
        self._replies[method, path] = list(replies)

    def hold(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.blobs[sha256] = content
        return sha256

    def paths(self, method: str) -> list[str]:
        return [asked.path for asked in self.asked if asked.method == method]

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        replies = self._replies.get((asked.method, asked.path))
        if replies:
            return replies.pop(0) if len(replies) > 1 else replies[0]
        if asked.path.startswith("/api/blobs/"):
            return self._blob(asked)
        return problem(404, "not_found", f"Nothing is at {asked.path}.")

    def _blob(self, asked: Asked) -> Reply:
        sha256 = asked.path.rpartition("/")[2]
        if asked.method == "PUT":
            self.blobs[sha256] = asked.body
            return Reply(201)
        if sha256 not in self.blobs:
            return problem(404, "no_blob", "This content is not here.")
        content = self.blobs[sha256]
        start = asked.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-")
        if start != "0":
            return Reply(206, content[int(start) :])
        return Reply(200, content)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"answer": staticmethod(self.answer)})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer: ClassVar[Callable[[Asked], Reply]]

    def _do(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(size))
        reply = type(self).answer(asked)
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
        if reply.cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _do  # noqa: N815  names that http.server calls

    def log_message(self, *_: object) -> None:
        """Tests have their own words."""
