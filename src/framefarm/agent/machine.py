"""What this machine is, for `hello` and `facts`."""

from __future__ import annotations

import contextlib
import platform
import re
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

from framefarm.agent.gpus import system_gpus
from framefarm.agent.interfaces import Interface, interface_towards
from framefarm.protocol.messages import GpuFacts, MachineFacts

_LEAST_LOAD_S = 0.5
"""A shorter time says nothing of how busy a machine is."""

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_TEMPERATURES = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "acpitz")


class Machine:
    """Measures the machine.

    Args:
        url: The manager's, for the way that leads to it.
        data_dir: The agent's; the free disk is that of its file system.
        cores: That the worker may use.

    Attributes:
        gpus, devices: As in `MachineFacts`; set by whoever probes them.
    """

    def __init__(self, url: str, data_dir: Path, *, cores: int) -> None:
        self._url = url
        self._data_dir = data_dir
        self._cores = cores
        self._cpu = ""
        self._interface = Interface()
        self._load: float | None = None
        self._load_at = time.monotonic()
        self.gpus: tuple[GpuFacts, ...] = ()
        self.devices: tuple[str, ...] = ()
        psutil.cpu_percent(None)  # the first call only begins the measurement

    def look(self) -> None:
        """Find out what takes time: name resolution, other programs. Blocks."""
        self._cpu = self._cpu or _cpu()
        self._interface = interface_towards(self._url)
        if not self.devices:
            # Until they are probed, what the system calls them.
            self.gpus = tuple(
                GpuFacts(gpu.name, memory_bytes=gpu.memory_bytes) for gpu in system_gpus()
            )

    def facts(self, *, resting: str = "") -> MachineFacts:
        """The machine as it is now. Takes about a millisecond."""
        memory = psutil.virtual_memory()
        total = memory_bytes()
        return MachineFacts(
            host=socket.gethostname(),
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            mac=self._interface.mac,
            ip=self._interface.ip,
            cpu=self._cpu,
            cores=self._cores,
            memory_bytes=total,
            memory_free_bytes=min(memory.available, total),
            disk_free_bytes=shutil.disk_usage(self._data_dir).free,
            gpus=self.gpus,
            devices=self.devices,
            load=self._current_load(),
            temperature_c=_temperature(),
            resting=resting,
        )

    def _current_load(self) -> float | None:
        if time.monotonic() - self._load_at >= _LEAST_LOAD_S:
            self._load = round(psutil.cpu_percent(None) / 100, 2)
            self._load_at = time.monotonic()
        return self._load


def worth_telling(told: MachineFacts, now: MachineFacts) -> bool:
    """Whether facts changed so far that the manager should know. Pure.

    What sways all the time (free memory and disk, load, temperature) counts only when it moved far.
    """
    swaying = {
        "memory_free_bytes": 0,
        "disk_free_bytes": 0,
        "load": None,
        "temperature_c": None,
    }
    steady = [msgspec.structs.replace(facts, **swaying) for facts in (told, now)]
    return (
        steady[0] != steady[1]
        or _moved(told.memory_free_bytes, now.memory_free_bytes, now.memory_bytes / 4)
        or _moved(told.disk_free_bytes, now.disk_free_bytes, max(1 << 30, told.disk_free_bytes / 5))
        or _moved(told.load, now.load, 0.5)
        or _moved(told.temperature_c, now.temperature_c, 15.0)
    )


def _moved(before: float | None, now: float | None, far: float) -> bool:
    if before is None or now is None:
        return before is not now
    return abs(now - before) >= far > 0


def usable_cores() -> int:
    """Cores this process may use; a container or `taskset` may allow fewer than there are."""
    return len(allowed_cores()) or psutil.cpu_count() or 1


def allowed_cores() -> tuple[int, ...]:
    """Their numbers, ascending; none where the system has no affinity (macOS)."""
    try:
        return tuple(sorted(psutil.Process().cpu_affinity() or ()))
    except AttributeError:
        return ()


def memory_bytes() -> int:
    """The machine's memory, or what its container allows."""
    total = int(psutil.virtual_memory().total)
    return min([total, *_container_limits()])


def _container_limits() -> list[int]:
    limits = []
    for path in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            limits.append(int(path.read_text(encoding="ascii")))
    return limits


def _cpu() -> str:
    if sys.platform == "linux":
        try:
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
        if match:
            return match[1].strip()
    return platform.processor()


def _temperature() -> float | None:
    sensors: dict[str, list[Any]] = getattr(psutil, "sensors_temperatures", dict)()
    for name in _TEMPERATURES:
        if readings := sensors.get(name):
            return round(max(float(reading.current) for reading in readings), 1)
    return None
