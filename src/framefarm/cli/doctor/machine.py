"""Python, disk, port and system libraries."""

from __future__ import annotations

import ctypes
import platform
import shutil
import socket
import sys
from pathlib import Path

from framefarm.cli.display import words
from framefarm.cli.doctor.findings import Finding, fault, good
from framefarm.client.errors import ClientError
from framefarm.client.farm import Farm

_OLDEST_PYTHON = (3, 11)
_LEAST_FREE_BYTES = 2_000_000_000
# What the bpy wheel links beyond the C library: (shared library, Debian package).
LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
}


def check_python() -> Finding:
    """Whether this Python is new enough."""
    version = platform.python_version()
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return fault("python", f"{version} is too old", "uv python install 3.11")
    return good("python", f"{version} ({words.place(sys.executable)})")


def check_disk(folder: Path) -> Finding:
    """Whether there is room where data goes."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{words.size(free)} free for {words.place(folder)}"
    if free < _LEAST_FREE_BYTES:
        return fault("disk", text, "make room, or set FRAMEFARM_HOME to a folder on another disk")
    return good("disk", text)


def check_port(url: str, host: str, port: int) -> Finding:
    """Whether a manager could listen on its address, or does already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return _port_in_use(url, host, port)
    return good("port", f"{port} is free for a manager")


def _port_in_use(url: str, host: str, port: int) -> Finding:
    try:
        health = Farm(url, timeout_s=3).health()
    except ClientError:
        mend = f"framefarm serve --listen {host}:{port + 1}"
        return fault("port", f"{port} is used by {_holder(port)}", mend)
    return good("port", f"a manager {health.version} answers at {url}")


def _holder(port: int) -> str:
    import psutil  # type: ignore[import-untyped]  # noqa: PLC0415  only when the port is taken

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return "another program"
    for found in connections:
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port and found.pid:
            try:
                return f"{psutil.Process(found.pid).name()} (process {found.pid})"
            except psutil.Error:
                break
    return "another program"


def check_libraries() -> Finding:
    """Whether the system has what the `bpy` wheel links to."""
    if sys.platform != "linux":
        return good("system libraries", "nothing beyond the system's own is needed")
    missing = [name for name in LIBRARIES if not _loads(name)]
    if not missing:
        return good("system libraries", "all that the bpy wheel needs are here")
    packages = " ".join(LIBRARIES[name] for name in missing)
    mend = f"sudo apt-get install --no-install-recommends {packages}"
    if shutil.which("apt-get") is None:
        mend = f"install the packages that have {', '.join(missing)}"
    return fault("system libraries", f"missing: {', '.join(missing)}", mend)


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
