"""Delivering results from the outbox: `PUT /api/leases/{lease}/units/{unit}`.

What follows from which answer stands in `framefarm.agent.answers`. A result that cannot be
delivered now waits for its own time to be tried again; `offer` tries it at once, which is what
happens after every reconnect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from framefarm.agent.answers import Refused, Settled, TryAgain, reaction
from framefarm.agent.backoff import full_jitter
from framefarm.agent.errors import OutboxError
from framefarm.agent.events import KeyRefused, OfferAnswered, OfferDeferred, OfferRefused
from framefarm.protocol import encode_manifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from framefarm.agent.answers import Reaction
    from framefarm.agent.backoff import Die
    from framefarm.agent.events import Event
    from framefarm.agent.journal import Journal
    from framefarm.agent.outbox import Outbox, Result

CONTENT_TYPE = "application/vnd.framefarm.result"
_CHUNK_BYTES = 1 << 20
_MAX_ANSWER_BYTES = 64 << 10
_NO_KEY_YET_S = 0.5
_TELL_EVERY = 20
"""Tries of one result that are told: the first, and then about every ten minutes."""

_ANOTHER_FARM_S = 600.0
"""It is kept for when this worker works for that one again."""


class Uploader:
    """Sends results, a few at a time.

    Args:
        http: Client with the manager's address.
        outbox: Where the results lie.
        tell: Takes the events.
        key: The worker's secret, None before the first welcome.
        die: Random number from 0 up to 1.
        journal: For what went wrong.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        outbox: Outbox,
        *,
        tell: Callable[[Event], None],
        key: Callable[[], str | None],
        die: Die,
        journal: Journal,
    ) -> None:
        self._http = http
        self._outbox = outbox
        self._tell = tell
        self._key = key
        self._die = die
        self._journal = journal
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._busy: set[str] = set()
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._attempts: dict[str, int] = {}

    def offer(self, entry: str) -> None:
        """Deliver a result as soon as there is room. While it is on its way, nothing changes."""
        timer = self._waiting.pop(entry, None)
        if timer is not None:
            timer.cancel()
        if entry not in self._busy:
            self._busy.add(entry)
            self._queue.put_nowait(entry)

    async def run(self, workers: int) -> None:
        """Deliver until cancelled.

        Args:
            workers: Results on their way at the same time.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work())
        finally:
            for timer in self._waiting.values():
                timer.cancel()

    async def _work(self) -> None:
        while True:
            entry = await self._queue.get()
            attempt = self._attempts[entry] = self._attempts.get(entry, 0) + 1
            answer = await self._deliver(entry, attempt)
            self._busy.discard(entry)
            self._react(entry, answer)

    def _react(self, entry: str, answer: Reaction) -> None:
        if isinstance(answer, TryAgain):
            again_s = round(answer.delay_s, 1)
            if self._attempts[entry] % _TELL_EVERY == 1:
                self._journal.warning(
                    "result not delivered yet", entry=entry, reason=answer.reason, again_s=again_s
                )
            loop = asyncio.get_running_loop()
            self._waiting[entry] = loop.call_later(answer.delay_s, self.offer, entry)
            self._tell(OfferDeferred(entry))
            if answer.greet:
                self._tell(KeyRefused())
            return
        self._attempts.pop(entry, None)
        if isinstance(answer, Settled):
            self._tell(OfferAnswered(entry, answer.answer))
        else:
            self._journal.error("result refused", entry=entry, reason=answer.message)
            self._tell(OfferRefused(entry, answer.message))

    async def _deliver(self, entry: str, attempt: int) -> Reaction:
        key = self._key()
        if key is None:
            return TryAgain(_NO_KEY_YET_S, "no welcome yet")
        try:
            result = await asyncio.to_thread(self._outbox.open, entry)
            if result.receipt.farm not in ("", self._outbox.farm):
                return TryAgain(_ANOTHER_FARM_S, "it was made for another farm")
            return await self._put(result, key, attempt)
        except OutboxError as error:
            return Refused(str(error))
        except OSError as error:
            return Refused(f"a file of the finished result cannot be read: {error}")
        except httpx.HTTPError as error:
            reason = f"{type(error).__name__}: {error}"
            return TryAgain(full_jitter(attempt, self._die), reason)

    async def _put(self, result: Result, key: str, attempt: int) -> Reaction:
        receipt = result.receipt
        line = encode_manifest(receipt.manifest)
        size_bytes = len(line) + sum(file.size_bytes for file in receipt.manifest.files)
        async with self._http.stream(
            "PUT",
            f"/api/leases/{quote(receipt.lease, safe='')}/units/{receipt.unit}",
            content=_body(line, result),
            headers={
                "Authorization": f"Bearer {key}",
                "Content-Type": CONTENT_TYPE,
                "Content-Length": str(size_bytes),
            },
        ) as response:
            answer = await read_bounded(response, _MAX_ANSWER_BYTES)
        return reaction(
            response.status_code,
            answer,
            response.headers.get("Retry-After"),
            attempt=attempt,
            die=self._die,
        )


async def read_bounded(response: httpx.Response, limit_bytes: int) -> bytes:
    """The start of an answer's body, as much as `limit_bytes` or a chunk more."""
    parts: list[bytes] = []
    size_bytes = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            break
    return b"".join(parts)


async def _body(line: bytes, result: Result) -> AsyncIterator[bytes]:
    files = zip(result.receipt.manifest.files, result.paths, strict=True)
    # Small files travel with the manifest in one write: most frames are one packet train then.
    parts = [line]
    for file, path in files:
        if file.size_bytes < _CHUNK_BYTES:
            parts.append(await asyncio.to_thread(path.read_bytes))
            continue
        yield b"".join(parts)
        parts = []
        with await asyncio.to_thread(path.open, "rb") as source:
            while chunk := await asyncio.to_thread(source.read, _CHUNK_BYTES):
                yield chunk
    yield b"".join(parts)
