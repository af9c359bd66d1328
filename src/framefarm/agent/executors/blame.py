"""Which of the protocol's reasons a Blender's failure is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.agent.errors import UnitFailedError
from framefarm.blender.errors import (
    BlenderCrashedError,
    BlenderProcessError,
    BlenderRefusedError,
    BlenderStalledError,
)

if TYPE_CHECKING:
    from framefarm.agent.errors import FailureReason
    from framefarm.blender.errors import BlenderError

_OUT_OF_MEMORY = re.compile(
    r"out of (gpu |video |device )?memory|bad_alloc|cannot allocate memory|malloc returns null",
    re.IGNORECASE,
)
_SIGKILL = 9  # which `signal` does not name on Windows
_VMSTAT = Path("/proc/vmstat")
_TAIL_CHARACTERS = 16_000


def unit_failed(error: BlenderError, *, memory_kills: int = 0) -> UnitFailedError:
    """What a unit fails with after this error.

    Args:
        error: What Blender's process or its driver said.
        memory_kills: How many processes the system killed for want of memory meanwhile.
    """
    log = _log(error)
    reason = _reason(error, log, memory_kills)
    return UnitFailedError(reason, str(error), log_tail=log[-_TAIL_CHARACTERS:])


def _reason(error: BlenderError, log: str, memory_kills: int) -> FailureReason:
    if isinstance(error, BlenderStalledError):
        return "stalled"
    if _OUT_OF_MEMORY.search(str(error)) and isinstance(error, BlenderRefusedError):
        return "out_of_memory"
    if isinstance(error, BlenderCrashedError):
        killed = error.exit_code == -_SIGKILL and memory_kills > 0
        return "out_of_memory" if killed or _OUT_OF_MEMORY.search(log) else "crashed"
    if isinstance(error, BlenderProcessError):
        return "crashed"
    return "refused" if isinstance(error, BlenderRefusedError) else "error"


def _log(error: BlenderError) -> str:
    if isinstance(error, BlenderProcessError):
        return error.log_tail
    return error.log_text if isinstance(error, BlenderRefusedError) else ""


def memory_kill_count() -> int:
    """How many processes this system's kernel killed for want of memory; 0 when it does not say."""
    try:
        text = _VMSTAT.read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    match = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return int(match[1]) if match else 0
