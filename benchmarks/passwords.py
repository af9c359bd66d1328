"""How many people log in a second, and what everybody else waits for meanwhile.

A real `framefarm serve` and this process share the machine's cores. `--people` log in with their
passwords, each again as soon as the one before is answered, while ordinary calls are made `--rate`
times a second. The baselines in the same run are those calls while nobody logs in, and how many
passwords this process hashes a second while the manager has nothing to do. A login's processor time
is all of the manager's, where there were no other calls; unlike the others it hardly changes when
other programs keep the machine busy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import uvloop

from benchmarks.http_load import Load
from benchmarks.managers import RunningManager, running_manager
from benchmarks.reporting import report
from framefarm.farm.passwords import hash_password, is_password

_PASSWORD = "correct horse battery"  # noqa: S105  of people who are not there
_CALLS = ("/api/jobs", "/api/jobs/1", "/api/workers", "/api/jobs/1/units", "/api/health")
_END = b"\r\n\r\n"


def _hashes_per_s(seconds: float) -> float:
    kept, began, done = hash_password(_PASSWORD), time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        assert is_password(kept, _PASSWORD)
        done += 1
    return done / (time.perf_counter() - began)


async def _log_in_until(url: str, name: str, end: float, latencies_s: list[float]) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    body = json.dumps({"name": name, "password": _PASSWORD}).encode()
    head = f"POST /api/login HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    while (began := time.perf_counter()) < end:
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(_END)
        assert b" 200 " in answer.split(b"\r\n")[0], answer
        await reader.readexactly(int(answer.lower().partition(b"content-length:")[2].split()[0]))
        latencies_s.append(time.perf_counter() - began)
    writer.close()


def _chooser() -> Callable[[], tuple[str, str]]:
    draw = random.Random(1)
    return lambda: ("call", draw.choice(_CALLS))


async def _measure(manager: RunningManager, people: int, rate: float, seconds: float) -> Any:
    load, logins_s = Load(manager.url, rate, _chooser()), list[float]()
    began, began_cpu = time.perf_counter(), manager.cpu_s()
    end = began + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(people):
            group.create_task(_log_in_until(manager.url, f"person{number}", end, logins_s))
        group.create_task(load.run(seconds))
    cpu_s, took_s = manager.cpu_s() - began_cpu, time.perf_counter() - began
    load.close()
    calls = load.measured["call"]
    assert not calls.refused
    return {
        "people": people,
        "calls_per_s": rate,
        "logins_per_s": len(logins_s) / took_s,
        "login_cpu_ms": cpu_s / len(logins_s) * 1e3 if logins_s and not rate else 0.0,
        "login_p50_ms": _at(logins_s, 0.5),
        "login_p99_ms": _at(logins_s, 0.99),
        "call_p50_ms": _at(calls.latencies_s, 0.5),
        "call_p99_ms": _at(calls.latencies_s, 0.99),
        "call_max_ms": _at(calls.latencies_s, 1.0),
        "manager_cores": cpu_s / took_s,
        "manager_memory_mib": manager.memory_mib(),
    }


def _at(latencies_s: list[float], share: float) -> float:
    ordered = sorted(latencies_s)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3 if ordered else 0.0


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20, help="who log in at the same time")
    parser.add_argument("--rate", type=float, default=100.0, help="ordinary calls a second")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with running_manager() as manager:
        trial = {"kind": "trial", "settings": {"units": "1-1000"}}
        manager.call("POST", "/api/jobs", trial)
        for number in range(asked.people):
            body = {"name": f"person{number}", "password": _PASSWORD}
            manager.call("POST", "/api/users", body)
        uvloop.run(_measure(manager, 1, asked.rate, 3.0))
        hashes = _hashes_per_s(asked.seconds / 3)
        rows = [
            uvloop.run(_measure(manager, people, rate, asked.seconds))
            for people, rate in (
                (0, asked.rate),
                (1, 0.0),
                (asked.people, 0.0),
                (asked.people, asked.rate),
                (0, asked.rate),
            )
        ]
    print(f"one process that does nothing else hashes {hashes:.1f} passwords a second")
    report("passwords", rows, as_json=asked.json, hashes_per_s=hashes)


if __name__ == "__main__":
    main()
