"""HTTP to one manager for programs that await: over httpx, see `transport` for the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from framefarm.client.errors import BadFarmUrlError, FarmUnreachableError, UnreadableAnswerError
from framefarm.client.events import MAX_LINE_BYTES
from framefarm.client.pinning import pinned_context
from framefarm.client.refusals import refusal
from framefarm.client.transport import (
    BUSY,
    BUSY_TRIES,
    MAX_ANSWER_BYTES,
    ONCE,
    Answer,
    check_url,
    retry_after_s,
)

_LONGEST_REFUSAL = 1 << 20
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT"})


class AsyncTransport:
    """Connections to one manager.

    Args:
        url: The manager's address.
        timeout_s: How long one step (connecting, one read) may take.
        certificate: See `AsyncFarm`.
        token: See `AsyncFarm`.

    Raises:
        BadFarmUrlError: It is no address.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 30.0, certificate: str = "", token: str = ""
    ) -> None:
        self.url = url.rstrip("/")
        check_url(self.url)
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout_s,
            verify=pinned_context(certificate) if certificate else True,
            # A manager is on one's own network; a proxy for the world's pages is not asked.
            trust_env=False,
        )

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str]
    ) -> Answer:
        """Ask once, and again while the manager says that it is busy.

        Raises:
            FarmUnreachableError: Nothing answers.
            UnreadableAnswerError: The answer is too large.
        """
        for _ in range(BUSY_TRIES - 1):
            answer = await self._ask(method, path, body, headers)
            if answer.status not in BUSY:
                return answer
            await asyncio.sleep(retry_after_s(answer.headers))
        return await self._ask(method, path, body, headers)

    @asynccontextmanager
    async def lines(
        self, path: str, headers: Mapping[str, str], *, silence_s: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a body that has no end.

        Raises:
            FarmAnswerError: It was refused.
            FarmUnreachableError: Nothing answers, or nothing came for so long.
        """
        timeout = httpx.Timeout(self._client.timeout.connect, read=silence_s)
        try:
            async with self._client.stream(
                "GET", self.url + path, headers=dict(headers), timeout=timeout
            ) as response:
                if not response.is_success:
                    content = (await response.aread())[:_LONGEST_REFUSAL]
                    raise refusal(response.status_code, content)
                yield _lines(response.aiter_bytes())
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        tries = 2 if method in _IDEMPOTENT or ONCE in headers else 1
        for left in reversed(range(tries)):
            try:
                return await self._ask_once(method, path, body, headers)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                # The manager may have closed a kept connection meanwhile.
                if not left:
                    raise _unreachable(self.url, error) from error
            except httpx.HTTPError as error:
                raise _unreachable(self.url, error) from error
        raise AssertionError

    async def _ask_once(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        async with self._client.stream(
            method, self.url + path, content=body or None, headers=dict(headers)
        ) as response:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > MAX_ANSWER_BYTES:
                    raise UnreadableAnswerError(
                        self.url, f"more than {MAX_ANSWER_BYTES:,} bytes came"
                    )
        told = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, told, bytes(content))


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    left = b""
    async for piece in pieces:
        *whole, left = (left + piece).split(b"\n")
        for line in whole:
            yield line
        if len(left) > MAX_LINE_BYTES:
            # It would be read as it comes, for ever; what is left of it is no event either.
            left = b""


def _unreachable(url: str, error: httpx.HTTPError) -> FarmUnreachableError:
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        raise BadFarmUrlError(url) from error
    if isinstance(error, httpx.TimeoutException):
        return FarmUnreachableError(url, "it takes too long")
    refused = isinstance(error, httpx.ConnectError) and _was_refused(error)
    reason = "connection refused" if refused else str(error).lower() or type(error).__name__
    return FarmUnreachableError(url, reason, refused=refused)


def _was_refused(error: BaseException) -> bool:
    """Whether a machine answers and no program listens; httpx tells it behind several others."""
    behind: list[BaseException | None] = [error.__cause__, error.__context__]
    if isinstance(error, BaseExceptionGroup):
        behind += error.exceptions
    return isinstance(error, ConnectionRefusedError) or any(
        _was_refused(one) for one in behind if one is not None
    )
