"""Since when nobody touched key and mouse, as far as the system tells."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

_IOREG = ("/usr/sbin/ioreg", "-c", "IOHIDSystem", "-d", "4")
_IOREG_TIMEOUT_S = 5


def untouched_s() -> float | None:
    """Seconds since somebody used keyboard or mouse; None where nothing tells.

    Linux: the X server's screen saver clock, and the terminals people are logged in at. Wayland
    alone tells nobody. macOS: IOHIDSystem. Windows: GetLastInputInfo.
    """
    if sys.platform == "win32":
        return _windows_s()
    if sys.platform == "darwin":
        return _macos_s()
    known = [seconds for seconds in (_x11_s(), _terminals_s()) if seconds is not None]
    return min(known, default=None)


def _terminals_s() -> float | None:
    """Since the last key at a terminal: typing changes its time of access, as `w` shows."""
    seconds = []
    for user in psutil.users():
        if user.terminal:
            with contextlib.suppress(OSError):
                seconds.append(time.time() - Path("/dev", user.terminal).stat().st_atime)
    return max(0.0, min(seconds)) if seconds else None


class _ScreenSaverInfo(ctypes.Structure):
    """`XScreenSaverInfo` of X11/extensions/scrnsaver.h."""

    _fields_ = (
        ("window", ctypes.c_ulong),
        ("state", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("til_or_since", ctypes.c_ulong),
        ("idle", ctypes.c_ulong),
        ("event_mask", ctypes.c_ulong),
    )


def _x11_s() -> float | None:
    if not os.environ.get("DISPLAY"):
        return None
    try:
        x11, xss = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXss.so.1")
    except OSError:
        return None
    x11.XOpenDisplay.restype = x11.XDefaultRootWindow.restype = ctypes.c_void_p
    xss.XScreenSaverAllocInfo.restype = ctypes.POINTER(_ScreenSaverInfo)
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    if not display:
        return None
    try:
        info = xss.XScreenSaverAllocInfo()
        root = ctypes.c_void_p(x11.XDefaultRootWindow(display))
        asked = xss.XScreenSaverQueryInfo(display, root, info)
        idle_ms = int(info.contents.idle)
        x11.XFree(info)
    finally:
        x11.XCloseDisplay(display)
    return idle_ms / 1000 if asked else None


def _macos_s() -> float | None:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(
            _IOREG, capture_output=True, timeout=_IOREG_TIMEOUT_S, check=True, text=True
        )
        if match := re.search(r'"HIDIdleTime" = (\d+)', told.stdout):
            return int(match[1]) / 1e9
    return None


def _windows_s() -> float | None:
    class LastInput(ctypes.Structure):
        _fields_ = (("size", ctypes.c_uint), ("tick", ctypes.c_uint))

    windll = getattr(ctypes, "windll")  # noqa: B009  only there on Windows
    last = LastInput(ctypes.sizeof(LastInput), 0)
    if not windll.user32.GetLastInputInfo(ctypes.byref(last)):
        return None
    # Both count milliseconds in 32 bits, and begin anew after 49 days.
    return float((windll.kernel32.GetTickCount() - last.tick) % (1 << 32)) / 1000
