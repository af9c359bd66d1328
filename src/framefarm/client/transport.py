"""HTTP to one manager over the standard library.

httpx was measured and left out here: importing it takes 0.25 s on a laptop core, which is all the
time that `framefarm jobs` has. A connection is kept per thread, so that a thousand small requests
do not open a thousand connections.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import SplitResult, urlsplit

from framefarm.client.errors import (
    BadFarmUrlError,
    FarmUnreachableError,
    UnreadableAnswerError,
)
from framefarm.client.pinning import pinned_context

Body = bytes | BinaryIO | Iterable[bytes] | Callable[[], Iterable[bytes]] | None
"""What is sent; a function where it may have to be sent again from its beginning."""

_BROKEN = (OSError, http.client.HTTPException)
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT"})
ONCE = "Idempotency-Key"
"""With it the manager makes a thing once, however often it is asked."""

BUSY = frozenset({429, 503})
BUSY_TRIES = 4
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})
"""What OpenSSL calls an answer in plain HTTP, by its age."""
_LONGEST_PAUSE_S = 10.0
MAX_ANSWER_BYTES = 64 << 20
"""Of an answer kept in memory; a page of units or a unit's whole log is far smaller."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Transport:
    """Connections to one manager, one per thread that asks.

    Args:
        url: The manager's address, `http://host:port` or https, with a path before `/api` if any.
        timeout_s: How long one step (connecting, one read) may take.
        pause: Waits before a busy manager is asked again.
        certificate: See `Farm`.
        token: See `Farm`.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 30.0,
        pause: Callable[[float], None] = time.sleep,
        certificate: str = "",
        token: str = "",
    ) -> None:
        self.url = url.rstrip("/")
        self._own = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout_s = timeout_s
        self._pause = pause
        self._kept = threading.local()
        self._make, self._prefix = _read_url(self.url, certificate)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask once, and again while the manager says that it is busy.

        Raises:
            FarmUnreachableError: Nothing answers.
            UnreadableAnswerError: The answer is too large.
        """
        for _ in range(BUSY_TRIES - 1):
            answer = self._ask(method, path, body, self._all(headers))
            if answer.status not in BUSY:
                return answer
            self._pause(retry_after_s(answer.headers))
        return self._ask(method, path, body, self._all(headers))

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """Ask over a connection of its own, for a body too large or too slow to keep whole.

        The caller reads the response inside the block; what breaks there is translated as well.
        What can be sent again is, while the manager says that it is busy.

        Raises:
            FarmUnreachableError: Nothing answers, or the connection broke.
        """
        repeatable = body is None or isinstance(body, bytes) or callable(body)
        for left in reversed(range(BUSY_TRIES if repeatable else 1)):
            connection = self._make(timeout_s or self._timeout_s)
            try:
                sent = body() if callable(body) else body
                _send(connection, method, self._prefix + path, sent, self._all(headers))
                response = connection.getresponse()
                if not left or response.status not in BUSY:
                    yield response
                    return
                asked = {"retry-after": response.headers.get("Retry-After", "1")}
            except _BROKEN as error:
                raise _unreachable(self.url, error) from error
            finally:
                connection.close()
            self._pause(retry_after_s(asked))

    def _all(self, headers: Mapping[str, str] | None) -> Mapping[str, str]:
        return {**(headers or {}), **self._own}

    def close(self) -> None:
        """Close the calling thread's connection; another request opens it anew."""
        connection = getattr(self._kept, "connection", None)
        if connection is not None:
            connection.close()
            self._kept.connection = None

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        # The manager may have closed a kept connection meanwhile. Asking again is safe only where
        # asking twice is the same as once, so anything else starts on a fresh connection.
        if method not in _IDEMPOTENT:
            self.close()
        again = getattr(self._kept, "connection", None) is not None
        try:
            return self._ask_once(method, path, body, headers)
        except _BROKEN as error:
            self.close()
            # Whether it was done nobody can know, and with a key nobody needs to.
            if not again and not (ONCE in headers and _broke_off(error)):
                raise _unreachable(self.url, error) from error
        try:
            return self._ask_once(method, path, body, headers)
        except _BROKEN as error:
            self.close()
            raise _unreachable(self.url, error) from error

    def _ask_once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        connection = getattr(self._kept, "connection", None)
        if connection is None:
            connection = self._kept.connection = self._make(self._timeout_s)
        connection.request(method, self._prefix + path, body=body, headers=dict(headers))
        response = connection.getresponse()
        content = read_piece(response, MAX_ANSWER_BYTES + 1)
        if len(content) > MAX_ANSWER_BYTES:
            self.close()
            raise UnreadableAnswerError(self.url, f"more than {MAX_ANSWER_BYTES:,} bytes came")
        headers_read = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers_read, content)


def read_piece(response: http.client.HTTPResponse, size: int) -> bytes:
    """Read up to `size` bytes of a body, none at its end.

    Raises:
        http.client.IncompleteRead: The connection broke before the end. `HTTPResponse.read` tells
            that only when it is called without a size.
    """
    piece = response.read(size)
    if len(piece) < size and response.length:
        raise http.client.IncompleteRead(piece, response.length)
    return piece


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | BinaryIO | Iterable[bytes] | None,
    headers: Mapping[str, str],
) -> None:
    """Send a request whose body the manager may refuse before it has all of it.

    A server that refuses (disk full, too large) answers and hangs up. Its answer can still be read
    then, and says more than the broken pipe.
    """
    try:
        connection.request(method, path, body=body, headers=dict(headers))
    except (BrokenPipeError, ConnectionResetError):
        if body is None:
            raise


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str) -> SplitResult:
    """Read a manager's address.

    Raises:
        BadFarmUrlError: It is none.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadFarmUrlError(url) from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise BadFarmUrlError(url)
    return parts


def _read_url(
    url: str, certificate: str
) -> tuple[Callable[[float], http.client.HTTPConnection], str]:
    """What opens a connection, and the path that comes before every other."""
    parts = check_url(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return lambda timeout_s: http.client.HTTPConnection(
            host, port, timeout=timeout_s
        ), parts.path
    context = pinned_context(certificate) if certificate else ssl.create_default_context()
    return lambda timeout_s: http.client.HTTPSConnection(
        host, port, timeout=timeout_s, context=context
    ), parts.path


def retry_after_s(headers: Mapping[str, str]) -> float:
    """What a busy manager asks for, within reason."""
    try:
        asked = float(headers.get("retry-after", "1"))
    except ValueError:
        asked = 1.0
    return min(max(asked, 0.1), _LONGEST_PAUSE_S)


def _broke_off(error: BaseException) -> bool:
    """Whether a connection was there, and broke."""
    return isinstance(error, ConnectionResetError | BrokenPipeError | http.client.HTTPException)


def _unreachable(url: str, error: BaseException) -> FarmUnreachableError:
    refused = isinstance(error, ConnectionRefusedError)
    return FarmUnreachableError(url, _reason(url, error), refused=refused)


def _reason(url: str, error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it takes too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted here: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "it does not encrypt; its address begins with http://"
    if isinstance(error, http.client.RemoteDisconnected) and url.startswith("http://"):
        return "it hung up without a word; if it encrypts, its address begins with https://"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
