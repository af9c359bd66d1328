"""Which of the protocol's reasons a child's failure is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.agent.errors import UnitFailedError
from framefarm.processes.errors import (
    ChildCrashedError,
    ChildDiskError,
    ChildFailedError,
    ChildMemoryError,
    ChildRefusedError,
    ChildStalledError,
)

if TYPE_CHECKING:
    from framefarm.agent.errors import FailureReason
    from framefarm.processes.errors import ChildError

_OUT_OF_MEMORY = re.compile(
    r"out of (gpu |video |device )?memory|out of gpu and shared host memory"
    r"|bad_alloc|cannot allocate memory|malloc returns null",
    re.IGNORECASE,
)
_MACHINES_MEMORY = re.compile(
    r"bad_alloc|cannot allocate memory|malloc returns null", re.IGNORECASE
)
_THE_FILES_OWN = frozenset({"no_scene", "no_camera", "no_camera_named", "format", "setting"})
"""Refusals that are the same on every machine. The others may be this machine's: a GPU that gave up
on the frame, an engine that cannot run without a display, a damaged disk. Those are errors, which
others try as well (L9)."""

_ALWAYS: Mapping[type[ChildError], FailureReason] = {
    ChildStalledError: "stalled",
    ChildMemoryError: "out_of_memory",
    ChildDiskError: "disk",
}

_SIGKILL = 9  # which `signal` does not name on Windows
_VMSTAT = Path("/proc/vmstat")
_TAIL_CHARACTERS = 16_000


def unit_failed(
    error: ChildError, *, memory_kills: int = 0, on_gpu: bool = False
) -> UnitFailedError:
    """What a unit fails with after this error.

    Args:
        error: What was wrong with Blender or the encoder, or what it said itself.
        memory_kills: How many processes the system killed for want of memory meanwhile.
        on_gpu: The slot renders on a GPU, which has memory of its own.
    """
    log = _log(error)
    reason = _reason(error, log, memory_kills)
    peak = error.peak_bytes if isinstance(error, ChildFailedError) else 0
    tail = log[-_TAIL_CHARACTERS:]
    gpus_own = on_gpu and memory_kills == 0 and _is_gpus_memory(error, log)
    return UnitFailedError(
        reason, str(error), log_tail=tail, peak_memory_bytes=peak, of_slot_memory=not gpus_own
    )


def _is_gpus_memory(error: ChildError, log: str) -> bool:
    """Whether a frame that ran out of memory on a GPU ran out of that one's."""
    if isinstance(error, ChildMemoryError):
        return False
    return not _MACHINES_MEMORY.search(f"{error}\n{log}")


def _reason(error: ChildError, log: str, memory_kills: int) -> FailureReason:
    if (known := _ALWAYS.get(type(error))) is not None:
        return known
    match error:
        case ChildCrashedError():
            killed = error.exit_code == -_SIGKILL and memory_kills > 0
            return "out_of_memory" if killed or _OUT_OF_MEMORY.search(log) else "crashed"
        case ChildFailedError():
            return "crashed"
        case ChildRefusedError():
            return _refusal(error)
    return "error"


def _refusal(error: ChildRefusedError) -> FailureReason:
    if error.kind == "device":
        return "placement"
    if _OUT_OF_MEMORY.search(error.message):
        return "out_of_memory"
    return "refused" if error.kind in _THE_FILES_OWN else "error"


def _log(error: ChildError) -> str:
    if isinstance(error, ChildFailedError):
        return error.log_tail
    return error.log_text if isinstance(error, ChildRefusedError) else ""


def memory_kill_count() -> int:
    """How many processes this system's kernel killed for want of memory; 0 when it does not say."""
    try:
        text = _VMSTAT.read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    match = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return int(match[1]) if match else 0
