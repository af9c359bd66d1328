"""How close a job comes to its best possible end when one worker is five times slower (L11).

A real manager process and simulated workers over real WebSockets: each unit takes a fast worker
`--seconds` and the slow one five times that, give or take a fifth by a seeded die. The best
possible schedule knows all this beforehand: with equal units it is the shortest time in which the
workers together can end that many. The baseline in the same run is the same farm without second
leases.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.reporting import report
from framefarm.api.serving import ManagerServer
from framefarm.core.spans import Spans
from framefarm.farm.settings import ManagerSettings
from framefarm.protocol import decode_orders, encode_reports
from framefarm.protocol.limits import PROTOCOL_VERSION
from framefarm.protocol.messages import (
    Finished,
    Heartbeat,
    Hello,
    Lease,
    MachineFacts,
    Progress,
    Ready,
    Revoke,
    SlotOffer,
    UnitFacts,
)

_SLOWER = 5.0
_SPREAD = 0.2
_READY_S = 20.0


@dataclass
class SlowOrFast:
    """One simulated worker with one slot. `rendered` counts what it made, wanted or not."""

    name: str
    seconds: float
    die: random.Random
    rest: list[int] = field(default_factory=list)
    at: int | None = None
    lease: Lease | None = None
    work: asyncio.Task[None] | None = None
    rendered: int = 0

    async def run(self, url: str) -> None:
        """Work until cancelled."""
        async with connect(f"{url.replace('http', 'ws', 1)}/api/workers/connect") as wire:
            hello = Hello(
                protocol=PROTOCOL_VERSION,
                boot_id=self.name,
                name=self.name,
                agent_version="bench",
                facts=MachineFacts(host=self.name),
                slots=(SlotOffer("cpu", ("trial",)),),
            )
            await wire.send(encode_reports([hello, Ready("cpu")]).decode())
            while True:
                for order in decode_orders(await wire.recv()):
                    if isinstance(order, Lease):
                        self.rest, self.lease = list(Spans.restore(order.units)), order
                        self.work = asyncio.create_task(self._work_off(wire, order))
                    elif isinstance(order, Revoke):
                        await self._let_go(wire, order)

    async def _let_go(self, wire: ClientConnection, order: Revoke) -> None:
        if self.lease is None or order.lease != self.lease.lease or self.work is None:
            return
        gone = set(Spans.restore(order.units)) if order.units else {self.at, *self.rest}
        self.rest = [unit for unit in self.rest if unit not in gone]
        if self.at in gone:
            self.work.cancel()
            with suppress(asyncio.CancelledError):
                await self.work
            self.work = asyncio.create_task(self._work_off(wire, self.lease))

    async def _work_off(self, wire: ClientConnection, lease: Lease) -> None:
        while self.rest:
            self.at = self.rest.pop(0)
            told = Progress(lease.lease, self.at, 0, 0, "rendering")
            await wire.send(encode_reports([told, Heartbeat((lease.lease,))]).decode())
            seconds = self.seconds * self.die.uniform(1 - _SPREAD, 1 + _SPREAD)
            await asyncio.sleep(seconds)
            self.rendered += 1
            facts = UnitFacts(seconds=seconds)
            done = Finished(lease.lease, lease.stage, self.at, lease.attempt, facts)
            reports = [done] if self.rest else [done, Ready("cpu")]
            self.at = None
            await wire.send(encode_reports(reports).decode())
        self.lease = None


@contextmanager
def _manager(*, tails: bool) -> Iterator[str]:
    """A manager in a process of its own, with or without second leases."""
    with (
        tempfile.TemporaryDirectory(prefix="framefarm-measured-") as folder,
        socket.socket() as probe,
    ):
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        command = [sys.executable, "-m", "benchmarks.tail", "--serve", folder, str(port)]
        every_s = "0.5" if tails else "0"
        process = subprocess.Popen([*command, every_s], stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            _await(url)
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _await(url: str) -> None:
    end = time.monotonic() + _READY_S
    while True:
        try:
            httpx.get(f"{url}/api/health")
        except httpx.HTTPError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


async def _job(url: str, units: int, workers: list[SlowOrFast]) -> float:
    """Seconds from submission to the end of a job."""
    tasks = [asyncio.create_task(worker.run(url)) for worker in workers]
    async with httpx.AsyncClient(base_url=url) as http:
        await asyncio.sleep(0.5)
        began = time.monotonic()
        settings = {"units": f"1-{units}"}
        made = await http.post("/api/jobs", json={"kind": "trial", "settings": settings})
        address = f"/api/jobs/{made.raise_for_status().json()['id']}"
        while (await http.get(address)).json()["state"] != "done":  # noqa: ASYNC110  another process
            await asyncio.sleep(0.02)
        took = time.monotonic() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return took


def best_possible(units: int, speeds: list[float]) -> float:
    """The shortest time in which workers with these seconds per unit can end so many."""
    ends = sorted(seconds * count for seconds in speeds for count in range(1, units + 1))
    return ends[units - 1]


def _row(units: int, fast: int, seconds: float, *, tails: bool) -> dict[str, Any]:
    die = random.Random(units)
    speeds = [seconds * _SLOWER, *[seconds] * fast]
    workers = [SlowOrFast(f"w{n}", s, random.Random(die.random())) for n, s in enumerate(speeds)]
    with _manager(tails=tails) as url:
        took = asyncio.run(_job(url, units, workers))
    best = best_possible(units, speeds)
    return {
        "second_leases": "yes" if tails else "no",
        "units": units,
        "fast_workers": fast,
        "job_s": took,
        "best_s": best,
        "ratio": took / best,
        "made_in_vain": sum(worker.rendered for worker in workers) - units,
    }


def _serve(folder: str, port: int, every_s: float) -> None:
    settings = ManagerSettings(Path(folder), tail_every_s=every_s, low_water_bytes=0)
    ManagerServer(settings, port=port).serve_forever()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a unit on a fast worker")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        _serve(asked.serve[0], int(asked.serve[1]), float(asked.serve[2]))
        return
    rows = [
        _row(units, fast, asked.seconds, tails=tails)
        for units, fast in ((30, 2), (100, 4))
        for tails in (False, True)
    ]
    report("tail", rows, as_json=asked.json, seconds=asked.seconds, slower=_SLOWER)


if __name__ == "__main__":
    main()
