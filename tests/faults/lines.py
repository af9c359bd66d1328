"""Faults of the line between a worker and the manager: cut, one-way, and with wrong bytes on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from random import Random

from tests.faults.farm import Farm
from tests.faults.strikes import Fault, Strike, rendering, victim
from tests.faults.verdicts import Injection
from tests.faults.wire import DOWNLOAD, UPLOAD, Way

_IMAGE_BYTES = 400_000
_INPUT_BYTES = 2_000_000
_ANSWER_BYTES = 120
"""Fewer than any answer to an upload has."""

_HEAD_BYTES = 2_000
"""More than the head and the manifest of an upload have: what comes after is the picture."""


def cut_upload(farm: Farm, random: Random) -> Strike:
    """Break the connection, or all of the worker's, at a random byte of an upload."""
    trap = farm.wires[victim(farm, random)].trap(
        UPLOAD, "up", random.randrange(_IMAGE_BYTES), random.choice(("cut", "cut_all"))
    )
    job = farm.submit(units=6, seconds=0.3, image_bytes=_IMAGE_BYTES, lease=2)
    return Strike(job, Injection(trap.wait(), costs=0))


def cut_answer(farm: Farm, random: Random) -> Strike:
    """Break the connection at a random byte of the answer to an upload."""
    trap = farm.wires[victim(farm, random)].trap(
        UPLOAD, "down", random.randrange(_ANSWER_BYTES), random.choice(("cut", "cut_all"))
    )
    job = farm.submit(units=6, seconds=0.3, image_bytes=_IMAGE_BYTES, lease=2)
    return Strike(job, Injection(trap.wait(), costs=0))


def cut_line(farm: Farm, random: Random) -> Strike:
    """Break all connections of a worker, and let none through for a while."""

    def cut(name: str) -> Callable[[], None]:
        farm.wires[name].cut()
        return farm.wires[name].mend

    return _interrupt(farm, random, cut)


def one_way(farm: Farm, random: Random, *, lost: Way) -> Strike:
    """Lose everything that goes one way for a while; the other way works."""

    def mute(name: str) -> Callable[[], None]:
        farm.wires[name].mute(lost)
        return farm.wires[name].mend

    return _interrupt(farm, random, mute)


def _interrupt(farm: Farm, random: Random, begin: Callable[[str], Callable[[], None]]) -> Strike:
    job = farm.submit(units=6, seconds=0.5)
    name = rendering(farm, job).worker
    at = time.time()
    mend = begin(name)
    # Mostly less than a lease, sometimes more.
    seconds = random.choice((random.uniform(0.2, 4.0), random.uniform(0.2, 4.0), farm.lease_s + 3))
    time.sleep(seconds)
    mend()
    return Strike(job, Injection(at, silent=name, note=f"{seconds:.1f} s"))


def corrupt_upload(farm: Farm, random: Random) -> Strike:
    """Change one byte of a picture on its way to the manager."""
    after = random.randrange(_HEAD_BYTES, _IMAGE_BYTES)
    trap = farm.wires[victim(farm, random)].trap(UPLOAD, "up", after, "flip")
    job = farm.submit(units=6, seconds=0.3, image_bytes=_IMAGE_BYTES)
    return Strike(job, Injection(trap.wait(), costs=0))


def corrupt_download(farm: Farm, random: Random) -> Strike:
    """Change one byte of a file on its way to a worker."""
    after = random.randrange(_HEAD_BYTES, _INPUT_BYTES)
    trap = farm.wires[victim(farm, random)].trap(DOWNLOAD, "down", after, "flip")
    farm.need(_INPUT_BYTES)
    job = farm.submit(units=6, seconds=0.3)
    return Strike(job, Injection(trap.wait(), costs=0))


LINES = (
    Fault("an upload is cut at a random byte", "others", cut_upload),
    Fault("the answer to an upload is cut", "others", cut_answer),
    Fault("a worker's line is cut for a while", "others", cut_line),
    Fault("the manager does not hear a worker", "others", partial(one_way, lost="up")),
    Fault("a worker does not hear the manager", "others", partial(one_way, lost="down")),
    Fault("an upload is corrupted", "others", corrupt_upload),
    Fault("a download is corrupted", "others", corrupt_download),
)
