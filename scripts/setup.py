"""Make `.venv` from the lock file, and install the Debian packages Blender's wheel needs.

Run by `make setup` with the system's python3 (>= 3.11) and nothing else, so only the standard
library is used here. Everything is found again on the next run; nothing is installed twice.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
# What the bpy wheel links to beyond the C library: (shared library, Debian package).
BLENDER_LIBRARIES = {
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


def main() -> int:
    """Set everything up; return a process exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036  the system's python3 may be older
        print(f"FrameFarm needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.")
        return 1
    missing = missing_packages()
    if missing and not apt_install(missing):
        return 1
    uv = make_tools()
    run(uv, "venv", "--quiet", "--allow-existing", "--python", "3.11", str(VENV))
    python = str(VENV / "bin" / "python")
    run(uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", "requirements.lock")
    run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--editable", ".")
    (VENV / ".done").touch()
    return 0


def missing_packages() -> list[str]:
    """Debian packages without which the set-up or Blender's wheel cannot work."""
    packages = [p for library, p in BLENDER_LIBRARIES.items() if not has_library(library)]
    if not has_ensurepip():
        packages.append("python3-venv")
    return packages


def has_library(name: str) -> bool:
    """Whether the dynamic linker finds a shared library."""
    import ctypes  # noqa: PLC0415  only needed here

    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def has_ensurepip() -> bool:
    """Debian ships python3 without it; `python3 -m venv` then fails."""
    import importlib.util  # noqa: PLC0415  only needed here

    return (TOOLS / "bin" / "uv").exists() or importlib.util.find_spec("ensurepip") is not None


def apt_install(packages: list[str]) -> bool:
    """Install Debian packages when root; else say which command does it."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"These system packages are missing. Please run:\n  sudo {' '.join(command)}")
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
    subprocess.run([*command, "-qq"], check=True, env=environment, stdout=subprocess.DEVNULL)
    return True


def make_tools() -> str:
    """Put uv into `.tools`; returns its path."""
    uv = TOOLS / "bin" / "uv"
    if not uv.exists():
        print("Setting up uv ...", flush=True)
        run(sys.executable, "-m", "venv", str(TOOLS))
        run(str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv")
    return str(uv)


def run(*command: str) -> None:
    """Run one step in the project's folder; a failure ends the set-up with that step's status."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode != 0:
        print(f"Setting up failed at: {' '.join(command)}")
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
