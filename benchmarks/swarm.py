"""Thousands of simulated workers in one process, each with a connection and a real one's manners.

They connect again with the agent's own pauses, send a heartbeat every third of a lease, keep what
they hold over a break, and repeat what was not answered.
"""

from __future__ import annotations

import asyncio
import collections
import random
import time
from dataclasses import dataclass, field
from typing import Any

import picows
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from framefarm.agent.backoff import MOST_UNCONNECTED_S, at_least, full_jitter, retry_after_s
from framefarm.protocol import decode_orders, encode_reports
from framefarm.protocol import messages as m
from framefarm.protocol.limits import PROTOCOL_VERSION

_FACTS = m.UnitFacts(seconds=0.001, device="CPU")
_PER_ADDRESS = 250
_READ_BUFFER_BYTES = 4_096


@dataclass
class Tally:
    """What all workers together saw."""

    welcomed: int = 0
    told_to_wait: int = 0
    refused: collections.Counter[str] = field(default_factory=collections.Counter)
    latencies_s: list[float] = field(default_factory=list)
    settled: collections.Counter[str] = field(default_factory=collections.Counter)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class SimulatedWorker(WSListener):  # type: ignore[misc]  # picows has no types
    """One worker with one slot that takes `unit_s` for a unit."""

    def __init__(self, number: int, address: str, tally: Tally) -> None:
        self.number = number
        self.unit_s: float | None = None
        self._address = address
        self._tally = tally
        self._source = (
            f"127.0.{1 + number // _PER_ADDRESS // 250}.{2 + number // _PER_ADDRESS}",
            0,
        )
        self._transport: WSTransport | None = None
        self._gone = asyncio.Event()
        self._id: str | None = None
        self._key: str | None = None
        self._wait_s: float | None = None
        self._welcomed = False
        self._held: m.Lease | None = None
        self._owed: m.Finished | None = None
        self._asked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._working: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Stay connected, for ever."""
        failures = 0
        # As after an outage: everybody has been trying for a while, each at its own pace.
        await asyncio.sleep(MOST_UNCONNECTED_S * random.random())
        while True:
            self._gone.clear()
            self._welcomed = False
            await self._session()
            failures = 1 if self._welcomed else failures + 1
            asked, self._wait_s = self._wait_s, None
            if asked is None:
                pause_s = full_jitter(failures, random.random, most_s=MOST_UNCONNECTED_S)
            else:
                self._tally.told_to_wait += 1
                pause_s = at_least(asked, random.random)
            await asyncio.sleep(pause_s)

    async def _session(self) -> None:
        try:
            self._transport, _ = await ws_connect(
                lambda: self,
                self._address,
                local_addr=self._source,
                read_buffer_init_size=_READ_BUFFER_BYTES,
                enable_auto_ping=False,
                websocket_handshake_timeout=10.0,
            )
        except picows.WSInvalidStatusError as refused:
            self._wait_s = retry_after_s(refused.response.headers.get("Retry-After"))
            if self._wait_s is None:
                self._tally.refused[f"HTTP {refused.response.status}"] += 1
            return
        except OSError as error:
            self._tally.refused[type(error).__name__] += 1
            return
        except (TimeoutError, picows.WSError) as error:
            self._tally.refused[str(error) or type(error).__name__] += 1
            return
        if self._transport.is_disconnected:
            # picows 2.3 neither raises nor tells its listener when that comes before the answer.
            self._tally.refused["closed before it was answered"] += 1
            return
        await self._gone.wait()

    # --- the connection -----------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Say hello."""
        self._transport = transport
        hello = m.Hello(
            protocol=PROTOCOL_VERSION,
            boot_id=f"bench-{self.number}",
            name=f"bench-{self.number}",
            agent_version="bench",
            facts=m.MachineFacts(host="bench", cores=8, memory_bytes=16 << 30),
            slots=(m.SlotOffer("cpu", ("trial",)),),
            worker_id=self._id,
            key=self._key,
            holding=self._holding(),
        )
        self._send(hello)

    def on_ws_frame(self, _: WSTransport, frame: WSFrame) -> None:
        """Take orders."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        for order in decode_orders(frame.get_payload_as_bytes()):
            if isinstance(order, m.Welcome):
                self._greeted(order)
            elif isinstance(order, m.Lease):
                self._take(order)
            elif isinstance(order, m.Settled):
                self._tally.settled[order.answer] += 1
                self._owed = None
            elif isinstance(order, m.Revoke):
                self._drop(order)
            elif isinstance(order, m.Bye):
                self._wait_s = order.retry_in_s
                if order.retry_in_s is None:
                    self._tally.refused[order.code or order.reason] += 1

    def on_ws_disconnected(self, _: WSTransport) -> None:
        """Come again."""
        if self._welcomed:
            self._tally.welcomed -= 1
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._gone.set()

    def _greeted(self, welcome: m.Welcome) -> None:
        self._welcomed = True
        self._id, self._key = welcome.worker_id, welcome.key or self._key
        self._tally.welcomed += 1
        self._tally.changed.set()
        if self._owed is not None:
            self._send(self._owed)
        if self._held is None:
            self._asked_at = time.perf_counter()
            self._send(m.Ready("cpu"))
        every_s = welcome.lease_s / 3
        # Spread as they are when workers were started one after the other.
        self._later(every_s * random.random(), self._beat, every_s)

    def _beat(self, every_s: float) -> None:
        self._send(m.Heartbeat(self._holding()))
        self._later(every_s, self._beat, every_s)

    def _later(self, delay_s: float, act: Any, *arguments: Any) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, act, *arguments)

    # --- work ---------------------------------------------------------------------------------

    def _holding(self) -> tuple[str, ...]:
        held = [self._held.lease] if self._held else []
        return (*held, *([self._owed.lease] if self._owed else []))

    def _take(self, lease: m.Lease) -> None:
        self._tally.latencies_s.append(time.perf_counter() - self._asked_at)
        self._held = lease
        unit_s = self.unit_s or 1.0
        # The first units of all begin at different times, so that their ends are spread as well.
        delay_s = unit_s if self._working else unit_s * random.random()
        self._working = asyncio.get_running_loop().call_later(delay_s, self._finish)

    def _finish(self) -> None:
        lease, self._held = self._held, None
        if lease is None:
            return
        unit = int(lease.units.split("-")[0])
        self._owed = m.Finished(lease.lease, lease.stage, unit, lease.attempt, _FACTS)
        self._asked_at = time.perf_counter()
        self._send(self._owed, m.Ready("cpu"))

    def _drop(self, revoke: m.Revoke) -> None:
        if self._held is not None and self._held.lease == revoke.lease:
            self._held = None
            self._asked_at = time.perf_counter()
            self._send(m.Ready("cpu"))

    def _send(self, *reports: m.Report) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, encode_reports(reports))


class Swarm:
    """All simulated workers of one manager."""

    def __init__(self, url: str, count: int) -> None:
        self.tally = Tally()
        address = url.replace("http", "ws", 1) + "/api/workers/connect"
        self.workers = [SimulatedWorker(number, address, self.tally) for number in range(count)]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let all of them connect."""
        self._tasks = [asyncio.create_task(worker.run()) for worker in self.workers]

    async def all_welcomed(self, timeout_s: float) -> float:
        """Wait until everybody is; returns the seconds that took."""
        began = time.perf_counter()
        while self.tally.welcomed < len(self.workers):
            left_s = timeout_s - (time.perf_counter() - began)
            if left_s <= 0:
                raise RuntimeError(
                    f"{self.tally.welcomed} of {len(self.workers)} workers are connected after "
                    f"{timeout_s:g} s; refused: {dict(self.tally.refused)}"
                )
            self.tally.changed.clear()
            await asyncio.wait({asyncio.create_task(self.tally.changed.wait())}, timeout=left_s)
        return time.perf_counter() - began

    def work(self, unit_s: float) -> None:
        """Take so long for each unit from now on."""
        for worker in self.workers:
            worker.unit_s = unit_s

    async def stop(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
