"""The GPUs of a machine: what the system and Cycles say of them, put together."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framefarm.blender.orders import CyclesDevice
from framefarm.protocol.messages import GpuFacts

_NVIDIA = Path("/proc/driver/nvidia")
_DRM = Path("/sys/class/drm")
_ASK_NVIDIA = ("nvidia-smi", "--query-gpu=pci.bus_id,memory.total", "--format=csv,noheader,nounits")
_ASK_TIMEOUT_S = 10
_MIB = 1 << 20

_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}", re.IGNORECASE)
_SAME_BY_ANOTHER_WAY = re.compile(r"_(OptiX|HIPRT)$")


@dataclass(frozen=True, slots=True)
class SystemGpu:
    """A GPU as the system knows it.

    Attributes:
        pci: Its address: domain, bus and device, for example `0000:01:00`.
        name: As its maker calls it.
        uuid: NVIDIA's, which CUDA_VISIBLE_DEVICES takes; empty for others.
        memory_bytes: Its own, 0 when unknown.
    """

    pci: str
    name: str
    uuid: str = ""
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that Cycles can use.

    Attributes:
        key: What tells it from others: its PCI address where there is one.
        name: As its maker calls it.
        ways: The backends that drive it, the faster one first.
        uuid, memory_bytes: As in `SystemGpu`.
    """

    key: str
    name: str
    ways: tuple[CyclesDevice, ...]
    uuid: str = ""
    memory_bytes: int = 0

    def best_way(self, works: Mapping[str, bool]) -> CyclesDevice:
        """The fastest backend that was not found to fail on it.

        Args:
            works: By id, whether a test picture came out; ids not tried are absent.
        """
        return next((way for way in self.ways if works.get(way.id) is not False), self.ways[0])

    @property
    def environment(self) -> dict[str, str]:
        """What makes programs below see no other GPU, where that can be said without numbers."""
        return {"CUDA_VISIBLE_DEVICES": self.uuid} if self.uuid else {}


def gpus_of(devices: Sequence[CyclesDevice], known: Sequence[SystemGpu] = ()) -> tuple[Gpu, ...]:
    """Put together what Cycles lists once for each backend.

    Returns:
        The GPUs in the order of their PCI addresses, in which `gpu:0` and so on count them; that
        is also how `nvidia-smi` counts.
    """
    ways: dict[str, list[CyclesDevice]] = {}
    for device in devices:
        ways.setdefault(key_of(device), []).append(device)
    system = {gpu.pci: gpu for gpu in known}
    found = []
    for key in sorted(ways):
        more = system.get(key, SystemGpu(key, ""))
        gpu = Gpu(key, ways[key][0].name, tuple(ways[key]), more.uuid, more.memory_bytes)
        found.append(gpu)
    return tuple(found)


def key_of(device: CyclesDevice) -> str:
    """What the entries of one GPU share."""
    address = _PCI.search(device.id)
    return address[0].lower() if address else _SAME_BY_ANOTHER_WAY.sub("", device.id)


def gpu_facts(gpus: Sequence[Gpu], works: Mapping[str, bool]) -> tuple[GpuFacts, ...]:
    """What the manager is told of GPUs that Cycles can use."""
    facts = []
    for gpu in gpus:
        way = gpu.best_way(works)
        facts.append(GpuFacts(gpu.name, way.backend, gpu.memory_bytes, works.get(way.id)))
    return tuple(facts)


def system_gpus() -> tuple[SystemGpu, ...]:
    """The GPUs that the system knows, by address. Linux only. Blocks, for a second at most."""
    return tuple(sorted([*_nvidia_gpus(), *_amd_gpus()], key=lambda gpu: gpu.pci))


def driver_version() -> str:
    """What changes when the drivers of GPUs, or the GPUs, do."""
    version = _text(_NVIDIA / "version")
    return "|".join([platform.platform(), version, *(gpu.pci for gpu in system_gpus())])


def _nvidia_gpus() -> list[SystemGpu]:
    memory = _nvidia_memory()
    found = []
    for folder in sorted((_NVIDIA / "gpus").glob("*")):
        address = _PCI.match(folder.name)
        text = _text(folder / "information")
        if address:
            pci = address[0].lower()
            name = _field(text, "Model") or "NVIDIA GPU"
            found.append(SystemGpu(pci, name, _field(text, "GPU UUID"), memory.get(pci, 0)))
    return found


def _nvidia_memory() -> dict[str, int]:
    """Memory by PCI address, which the kernel's files do not tell."""
    if not _NVIDIA.exists():
        return {}
    try:
        told = subprocess.run(
            _ASK_NVIDIA, capture_output=True, timeout=_ASK_TIMEOUT_S, check=True, text=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    return nvidia_memory(told)


def nvidia_memory(told: str) -> dict[str, int]:
    """Read what `nvidia-smi` answers: an address and MiB in each line."""
    rows = (line.partition(",") for line in told.splitlines())
    return {
        address[0].lower(): int(mib) * _MIB
        for bus, _, mib in rows
        if (address := _PCI.search(bus)) and mib.strip().isdecimal()
    }


def _amd_gpus() -> list[SystemGpu]:
    found = []
    for card in sorted(_DRM.glob("card[0-9]*")):
        device = card / "device"
        address = _PCI.match(device.resolve().name)
        memory = _text(device / "mem_info_vram_total")
        if address and memory.isdecimal():
            name = _text(device / "product_name") or "AMD GPU"
            found.append(SystemGpu(address[0].lower(), name, memory_bytes=int(memory)))
    return found


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{name}:[ \t]*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
