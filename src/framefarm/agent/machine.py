"""What this machine is, for `hello` and `facts`."""

from __future__ import annotations

import platform
import re
import shutil
import socket
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

from framefarm.protocol.messages import GpuFacts, MachineFacts

_NVIDIA = Path("/proc/driver/nvidia/gpus")
_NO_MAC = {"", "00:00:00:00:00:00"}


def machine_facts(data_dir: Path) -> MachineFacts:
    """Look at the machine. Takes about a millisecond.

    Args:
        data_dir: The agent's; the free disk is that of its file system.
    """
    memory = psutil.virtual_memory()
    return MachineFacts(
        host=socket.gethostname(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        mac=_mac(),
        cpu=_cpu(),
        cores=usable_cores(),
        memory_bytes=memory.total,
        memory_free_bytes=memory.available,
        disk_free_bytes=shutil.disk_usage(data_dir).free,
        gpus=_gpus(),
    )


def usable_cores() -> int:
    """Cores this process may use; a container or `taskset` may allow fewer than there are."""
    try:
        return len(psutil.Process().cpu_affinity() or ()) or 1
    except AttributeError:  # macOS has no affinity
        return psutil.cpu_count() or 1


def memory_bytes() -> int:
    """The machine's memory."""
    return int(psutil.virtual_memory().total)


def _mac() -> str:
    # uuid.getnode() would invent a random one where it finds none.
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        if name.startswith(("lo", "docker", "veth", "br-")):
            continue
        for address in addresses:
            found = str(address.address).replace("-", ":").lower()
            if address.family == psutil.AF_LINK and found not in _NO_MAC:
                return found
    return ""


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


def _gpus() -> tuple[GpuFacts, ...]:
    """Names of NVIDIA GPUs as the kernel module tells them; no tool has to be started for that."""
    names = []
    for path in sorted(_NVIDIA.glob("*/information")):
        match = re.search(r"^Model:\s*(.+)$", path.read_text(errors="replace"), re.MULTILINE)
        names.append(match[1].strip() if match else path.parent.name)
    return tuple(GpuFacts(name) for name in names)
