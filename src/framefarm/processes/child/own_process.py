"""What this process does about itself: dying with its parent, its log, its memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_IOLBF = 1
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere the closed socket must do."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def print_by_line() -> None:
    """Make C's standard output line-buffered.

    Into a pipe it is buffered by 4 KiB, so a crash would lose the lines that explain it.
    """
    name = {"linux": "stdout", "darwin": "__stdoutp"}.get(sys.platform)
    if name is None:
        return
    with contextlib.suppress(ValueError, OSError):
        libc = _libc()
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, name), None, ctypes.c_int(_IOLBF), 0)


def mark_log(mark: str) -> None:
    """Flush everything printed so far and end it with a line holding the mark."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform != "win32":
        _libc().fflush(None)
    os.write(1, f"\n{mark}\n".encode())


def forget_peak_memory() -> None:
    """Start measuring peak memory anew, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        _CLEAR_REFS.write_text("5")


def peak_memory_bytes() -> int:
    """The most memory this process held since `forget_peak_memory`; 0 where nothing tells."""
    return _status_bytes("VmHWM") or _rusage_bytes()


def resident_bytes() -> int:
    """Memory this process holds now; 0 where nothing tells."""
    return _status_bytes("VmRSS")


def _status_bytes(field: str) -> int:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return 0
    line = next((line for line in lines if line.startswith(field + ":")), "")
    return int(line.split()[1]) * 1024 if line else 0


def _rusage_bytes() -> int:
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _libc() -> Any:
    return ctypes.CDLL(None)
