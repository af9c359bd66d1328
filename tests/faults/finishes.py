"""Results that are told twice, late, ten at once, from a stale attempt or by another worker.

A puppet, a worker whose every message a test writes, takes part in the farm beside the real ones.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
from websockets.sync.client import connect

from framefarm.protocol.limits import PROTOCOL_VERSION
from tests.faults.farm import Farm
from tests.faults.programs import until
from tests.faults.renderer import picture, seed_of
from tests.faults.strikes import Fault, Strike
from tests.faults.verdicts import Injection
from tests.integration.api.manager import Worker

_IMAGE_BYTES = 30_000


@dataclass
class _Door:
    """What a `Worker` wants of a manager."""

    http: httpx.Client
    websocket_url: str


@contextlib.contextmanager
def _puppet(farm: Farm, **hello: Any) -> Iterator[Worker]:
    url = "ws://{}:{}/api/workers/connect".format(*farm.address)
    with connect(url, proxy=None) as socket:
        puppet: Any = Worker(_Door(farm.http, url), socket)  # type: ignore[arg-type]
        slot = {"slot": "cpu", "kinds": ["trial"]}
        name = hello.pop("name", "puppet")
        puppet.greet(name=name, slots=[slot], protocol=PROTOCOL_VERSION, **hello)
        yield puppet


def _lease(farm: Farm, puppet: Worker) -> tuple[int, dict[str, Any]]:
    """A job of which the puppet has one unit; the others are for the real workers."""
    puppet.say({"type": "ready", "slot": "cpu"})
    job = farm.submit(units=6, seconds=0.3, image_bytes=_IMAGE_BYTES)
    return job, puppet.hear("lease")


def _put(puppet: Worker, job: int, lease: dict[str, Any], **changes: Any) -> httpx.Response:
    unit = int(lease["units"])
    content = picture(seed_of(job, unit), _IMAGE_BYTES)
    return puppet.put(lease, (f"trial_{unit:04d}.png", "image", content), **changes)


def _answer(response: httpx.Response) -> str:
    return str(response.json().get("answer") or response.status_code)


def twice(farm: Farm, _: Random) -> Strike:
    """Send the same result again after it was accepted."""
    with _puppet(farm) as puppet:
        job, lease = _lease(farm, puppet)
        answers = [_answer(_put(puppet, job, lease)) for _ in range(2)]
    assert answers == ["accepted", "accepted"], answers
    return Strike(job, Injection(time.time()))


def ten_at_once(farm: Farm, _: Random) -> Strike:
    """Send the same result ten times at the same moment."""
    with _puppet(farm) as puppet, ThreadPoolExecutor(10) as threads:
        job, lease = _lease(farm, puppet)
        sent = [threads.submit(_put, puppet, job, lease) for _ in range(10)]
        answers = [_answer(one.result()) for one in sent]
    assert answers == ["accepted"] * 10, answers
    return Strike(job, Injection(time.time()))


def late(farm: Farm, random: Random) -> Strike:
    """Send a result after the unit was given to another, before or after that one has done it."""
    with _freed(farm) as (puppet, job, lease):
        time.sleep(random.uniform(0.0, 0.8))
        answer = _answer(_put(puppet, job, lease))
    assert answer in {"accepted_late", "already_done"}, answer
    return Strike(job, Injection(time.time(), note=answer))


def stale_attempt(farm: Farm, _: Random) -> Strike:
    """Report the failure of an attempt that is over, then its success, which counts if first."""
    with _freed(farm) as (puppet, job, lease):
        puppet.fail(lease)
        answer = _answer(_put(puppet, job, lease))
    assert answer in {"accepted_late", "already_done"}, answer
    return Strike(job, Injection(time.time(), note=answer))


@contextlib.contextmanager
def _freed(farm: Farm) -> Iterator[tuple[Worker, int, dict[str, Any]]]:
    """A puppet that has begun anew, so that the unit it had is another worker's now."""
    with _puppet(farm) as puppet:
        job, lease = _lease(farm, puppet)
    again = {"worker_id": puppet.id, "key": puppet.key, "boot_id": f"boot {time.time()}"}
    with _puppet(farm, **again) as puppet:
        unit = int(lease["units"])
        until(
            lambda: [one for one in farm.record.lines(job) if one.unit == unit],
            "the unit in other hands",
        )
        yield puppet, job, lease


def other_worker(farm: Farm, _: Random) -> Strike:
    """Send a result for a lease that another worker has."""
    with _puppet(farm) as puppet, _puppet(farm, name="stranger") as stranger:
        job, lease = _lease(farm, puppet)
        foreign = _put(stranger, job, lease)
        own = _answer(_put(puppet, job, lease))
    assert foreign.status_code in {403, 410}, foreign.text
    assert own == "accepted", own
    return Strike(job, Injection(time.time()))


FINISHES = (
    Fault("a finish is sent twice", "others", twice),
    Fault("a finish is sent ten times at once", "others", ten_at_once),
    Fault("a finish comes late", "others", late),
    Fault("a stale attempt reports", "others", stale_attempt),
    Fault("a finish comes from another worker", "others", other_worker),
)
