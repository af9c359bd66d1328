"""The connection to the manager: opened again whenever it breaks, reports sent in batches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from socket import gaierror
from typing import TYPE_CHECKING

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)

from framefarm.agent.backoff import MOST_UNCONNECTED_S, at_least, full_jitter, retry_after_s
from framefarm.agent.events import Connected, Disconnected
from framefarm.agent.http import connect_url, is_encrypted, is_loopback
from framefarm.agent.trust import CertificateChangedError
from framefarm.protocol import MalformedMessageError, decode_orders, encode_reports
from framefarm.protocol.discovery import FARM_HEADER
from framefarm.protocol.limits import MAX_MESSAGE_BYTES
from framefarm.protocol.messages import Heartbeat, Progress, Report, Welcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from framefarm.agent.backoff import Die
    from framefarm.agent.events import Event
    from framefarm.agent.journal import Journal
    from framefarm.agent.trust import Trust

MAX_QUEUED = 10_000
"""Reports that wait to be sent. A manager that reads none of so many is as good as gone; after the
next welcome all that matters of them is said again."""

MAX_BATCH = 256
COMPLAIN_EVERY_S = 300.0
"""A manager that is away for a weekend shall not fill the worker's log: it is looked for every two
seconds."""

_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 0.5
_PING_EVERY_S = 20.0
_WELCOME_S = 120.0
"""A manager takes in ten thousand workers within half a minute. One that answers pings, and never
the hello, would keep a worker for ever."""


class Connection:
    """Keeps a worker connected.

    Args:
        url: The manager's address.
        trust: Whom to believe there.
        tell: Takes what happens, all of one packet together.
        held: The leases to renew now.
        die: Random number from 0 up to 1.
        journal: For what is worth knowing.

    Attributes:
        farm: Which farm it is connected with; empty when that manager does not say.
    """

    def __init__(
        self,
        url: str,
        trust: Trust,
        *,
        tell: Callable[[Sequence[Event]], None],
        held: Callable[[], tuple[str, ...]],
        die: Die,
        journal: Journal,
    ) -> None:
        self._url = url
        self._trust = trust
        self._tell = tell
        self._held = held
        self._die = die
        self._journal = journal
        self.farm = ""
        self._socket: ClientConnection | None = None
        self._queue: list[Report] = []
        self._progress: dict[str, Progress] = {}
        self._wake = asyncio.Event()
        self._sent = asyncio.Event()
        self._beat_every_s: float | None = None
        self._paced = asyncio.Event()
        self._asked_wait_s: float | None = None
        self._welcomed = False
        self._broken = False
        self._complaint: tuple[str, float] | None = None

    def send(self, report: Report) -> None:
        """Send a report with the next packet. Of progress only the latest of each lease is kept."""
        if self._socket is None:
            return
        if isinstance(report, Progress):
            self._progress[report.lease] = report
        else:
            self._queue.append(report)
        self._wake.set()
        if len(self._queue) > MAX_QUEUED:
            self.reconnect("the manager reads no reports")

    def pace(self, lease_s: float) -> None:
        """Send heartbeats often enough for leases that live this long (L3)."""
        self._beat_every_s = max(0.05, lease_s / 3)
        self._paced.set()

    def reconnect(self, reason: str) -> None:
        """Close this connection and open the next one after a pause."""
        self._journal.warning("connection given up", reason=reason)
        self._broken = True
        self._wake.set()
        if self._socket is not None:
            # Nothing of what waits matters; a closing handshake with someone stuck would.
            self._queue.clear()
            self._socket.transport.abort()

    def await_return(self, retry_in_s: float) -> None:
        """Come again when the manager said, once this connection is closed."""
        self._asked_wait_s = retry_in_s

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            self._welcomed = self._broken = False
            await self._session()
            # Only a welcome proves that the manager is well; a proxy also accepts connections.
            failures = 1 if self._welcomed and not self._broken else failures + 1
            await asyncio.sleep(self._pause_s(failures))

    async def flush(self) -> None:
        """Wait until what was to be sent was sent, as far as the connection lives."""
        while self._socket is not None and (self._queue or self._progress):
            self._sent.clear()
            await self._sent.wait()

    def _pause_s(self, failures: int) -> float:
        asked, self._asked_wait_s = self._asked_wait_s, None
        if asked is not None:
            return at_least(asked, self._die)
        return full_jitter(failures, self._die, most_s=MOST_UNCONNECTED_S)

    async def _session(self) -> None:
        try:
            await self._trust.prepare()
            async with connect(
                connect_url(self._url),
                ssl=self._trust.context if is_encrypted(self._url) else None,
                max_size=MAX_MESSAGE_BYTES,
                compression=None,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=_PING_EVERY_S,
                ping_timeout=_PING_EVERY_S,
                # A proxy of the environment must not get between processes of one machine.
                proxy=None if is_loopback(self._url) else True,
            ) as socket:
                self.farm = _farm_of(socket)
                try:
                    await self._talk(socket)
                except asyncio.CancelledError:
                    # Left to itself the library closes with 1011, "internal error": no goodbye.
                    await socket.close()
                    raise
        except InvalidStatus as refused:
            # A manager that many workers reach at once says so before there is a WebSocket.
            self._asked_wait_s = retry_after_s(refused.response.headers.get("Retry-After"))
            self._complain(_refusal(refused))
        except CertificateChangedError as error:
            self._complain(str(error), logging.ERROR)
        except ssl.SSLError as error:
            self._complain(self._trust.told(error))
        except (OSError, TimeoutError, WebSocketException, MalformedMessageError) as error:
            self._complain(_told(error, self._url))

    def _complain(self, reason: str, level: int = logging.WARNING) -> None:
        """Say why there is no connection; the same again only once in a while."""
        now, before = time.monotonic(), self._complaint
        if before is not None and before[0] == reason and now - before[1] < COMPLAIN_EVERY_S:
            return
        self._complaint = (reason, now)
        self._journal.log(level, "no connection", url=self._url, reason=reason)

    async def _talk(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._tell([Connected(self.farm)])
        aides = [asyncio.create_task(self._write(socket)), asyncio.create_task(self._beat())]
        try:
            await self._read(socket)
        finally:
            for aide in aides:
                aide.cancel()
            await asyncio.gather(*aides, return_exceptions=True)
            self._forget()
            self._tell([Disconnected()])

    def _forget(self) -> None:
        self._socket = None
        self._queue.clear()
        self._progress.clear()
        self._paced.clear()
        self._sent.set()

    async def _read(self, socket: ClientConnection) -> None:
        try:
            try:
                async with asyncio.timeout(_WELCOME_S):
                    while not self._welcomed:
                        await self._read_orders(socket)
            except TimeoutError:
                socket.transport.abort()
                raise TimeoutError(_NO_WELCOME) from None
            while True:
                await self._read_orders(socket)
        except ConnectionClosed as closed:
            self._journal.info("connection closed", reason=str(closed))

    async def _read_orders(self, socket: ClientConnection) -> None:
        orders = decode_orders(await socket.recv(decode=False))
        if any(isinstance(order, Welcome) for order in orders):
            self._welcomed, self._complaint = True, None
        self._tell(orders)

    async def _write(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._wake.wait()
                self._wake.clear()
                reports = [*self._queue, *self._progress.values()]
                self._queue.clear()
                self._progress.clear()
                for packet in packets(reports):
                    await socket.send(packet, text=True)
                self._sent.set()

    async def _beat(self) -> None:
        await self._paced.wait()
        while True:
            await asyncio.sleep(self._beat_every_s or 1.0)
            self.send(Heartbeat(self._held()))


_NO_WELCOME = f"the manager did not welcome this worker within {_WELCOME_S:.0f} s"


def _told(error: Exception, url: str) -> str:
    """Why there is no connection, for people."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nothing listens at that address"
    if isinstance(error, gaierror) and error.strerror:
        return error.strerror.lower()
    text = str(error) or type(error).__name__
    if isinstance(error, InvalidMessage) and not is_encrypted(url):
        return f"{text}; if the manager encrypts, its address begins with https://"
    return text


class _Problem(msgspec.Struct):
    detail: str = ""


def _refusal(refused: InvalidStatus) -> str:
    """What an answer instead of a WebSocket says, where it says anything."""
    status = f"HTTP {refused.response.status_code}"
    try:
        told = msgspec.json.decode(refused.response.body or b"", type=_Problem).detail
    except msgspec.DecodeError:
        return status
    return f"{status}: {told}" if told else status


def _farm_of(socket: ClientConnection) -> str:
    return socket.response.headers.get(FARM_HEADER, "") if socket.response else ""


def packets(reports: Sequence[Report]) -> Iterator[bytes]:
    """Reports as messages, as few as the limits allow, in the same order."""
    for start in range(0, len(reports), MAX_BATCH):
        yield from _fitting(reports[start : start + MAX_BATCH])


def _fitting(reports: Sequence[Report]) -> Iterator[bytes]:
    packet = encode_reports(reports)
    if len(packet) <= MAX_MESSAGE_BYTES or len(reports) == 1:
        yield packet
        return
    half = len(reports) // 2
    yield from _fitting(reports[:half])
    yield from _fitting(reports[half:])
