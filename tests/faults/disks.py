"""Disks that are full, the manager's and a worker's: small file systems in memory. Needs root."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.farm import Farm
from tests.faults.strikes import Fault, Strike, rendering
from tests.faults.verdicts import Injection

MIB = 1 << 20
_MANAGER_MIB = 200
_LOW_WATER_MIB = 40
_WORKER_MIB = 800
"""A worker keeps half a gibibyte in reserve, and begins again when there is a quarter more."""

_IMAGE_BYTES = 100_000


def why_not() -> str:
    """Why this cannot be done here; empty when it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "mounting file systems needs root"
    return ""


@contextlib.contextmanager
def small_disks(folder: Path, **settings: Any) -> Iterator[Farm]:
    """A farm whose manager, and whose worker `w1`, have small disks."""
    sizes = {"manager": _MANAGER_MIB, "w1": _WORKER_MIB}
    with contextlib.ExitStack() as stack:
        for name, size_mib in sizes.items():
            (folder / name).mkdir(parents=True)
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs"]
            subprocess.run([*mount, str(folder / name)], check=True)
            stack.callback(subprocess.run, ["umount", "-l", str(folder / name)], check=True)
        yield stack.enter_context(Farm(folder, low_water_bytes=_LOW_WATER_MIB * MIB, **settings))


def fill_manager(farm: Farm, random: Random, *, whole: bool) -> Strike:
    """Leave less than the low-water mark on the manager's disk, or nothing at all."""
    job = farm.submit(units=9, seconds=0.4, image_bytes=_IMAGE_BYTES, lease=2)
    rendering(farm, job)
    at = time.time()
    left = 0 if whole else random.randrange(5, _LOW_WATER_MIB) * MIB
    with _filled(farm.data, left):
        time.sleep(random.uniform(1.0, 4.0))
    return Strike(job, Injection(at))


def fill_worker(farm: Farm, random: Random) -> Strike:
    """Leave nothing on a worker's disk while it renders."""
    job = farm.submit(units=9, seconds=random.uniform(0.4, 1.0), image_bytes=_IMAGE_BYTES)
    render = rendering(farm, job, "w1")
    at = time.time()
    with _filled(farm.folder / "w1", 0):
        time.sleep(random.uniform(1.0, 4.0))
    return Strike(job, Injection(at, (render.unit,)))


@contextlib.contextmanager
def _filled(folder: Path, left_bytes: int) -> Iterator[None]:
    """Have a file there that leaves so many bytes free."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        _fill(file.fileno(), folder, left_bytes)
        try:
            yield
        finally:
            filler.unlink()


def _fill(descriptor: int, folder: Path, left_bytes: int) -> None:
    """Let a file grow until so much is left. Others write there too, so nothing is sure."""
    piece, size = MIB, 0
    while piece >= 4_096:
        stat = os.statvfs(folder)
        free = stat.f_bavail * stat.f_frsize - left_bytes
        step = min(piece, free) if left_bytes else piece
        if step <= 0:
            return
        try:
            os.posix_fallocate(descriptor, size, step)
        except OSError:
            piece //= 4
        else:
            size += step


DISKS = (
    Fault("the manager's disk is nearly full", "others", partial(fill_manager, whole=False)),
    Fault("the manager's disk is full", "others", partial(fill_manager, whole=True), always=False),
    Fault("a worker's disk is full", "others", fill_worker),
)
