"""Where people are told, as real servers: one for mail and one for web hooks."""

from __future__ import annotations

import email
import http.server
import queue
import threading
from collections.abc import Callable
from email.message import Message
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

SOON_S = 60.0


class _Controller(Controller):
    """One that may take any free port: the original knocks at the port that it asked for."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class MailServer:
    """An SMTP server on a free port that keeps what it is sent."""

    def __init__(self, answer: Callable[[str], str] = lambda _: "250 OK") -> None:
        self.mails: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._answer = answer
        self._controller = _Controller(self, hostname="127.0.0.1", port=0)
        self._controller.start()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    @property
    def url(self) -> str:
        return f"smtp+plain://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        answer = self._answer(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.put(email.message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def next(self) -> Message:
        """The next mail that comes."""
        return self.mails.get(timeout=SOON_S)

    def close(self) -> None:
        self._controller.stop()


class Hook:
    """An HTTP server that answers as it is told, and keeps what it is sent.

    Attributes:
        answers: Statuses, with headers where given, of the next posts; then 200.
        on_post: Called when one came, before it is answered.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.posts: queue.SimpleQueue[tuple[dict[str, str], bytes]] = queue.SimpleQueue()
        self.answers: list[int | tuple[int, dict[str, str]]] = []
        self.on_post: Callable[[], object] = lambda: None
        posts, hook = self.posts, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.on_post()
                answer = hook.answers.pop(0) if hook.answers else 200
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                posts.put(({k.lower(): v for k, v in self.headers.items()}, body))

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self._server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told"

    def next(self) -> tuple[dict[str, str], bytes]:
        """The next post that comes: its headers and its body."""
        return self.posts.get(timeout=SOON_S)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
