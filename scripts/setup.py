"""Make `.venv` from the lock file, and install the Debian packages that Blender's wheel needs.

Run by `make setup` with the system's python3 (>= 3.11) and nothing else, so only the standard
library is used here. Every step looks first at what is there: a run that was interrupted goes on
where it stopped, and nothing is downloaded twice.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
DONE = VENV / ".done"

# The one Python that Blender's wheel is built for; uv fetches it where the system has another.
PYTHON_VERSION = "3.11"
PYTHON_TAG = "cp311"
# What the bpy wheel links to, or opens while it renders, beyond the C library: shared library ->
# Debian package. libEGL and libGL bring Mesa, which Workbench and EEVEE need without a screen.
LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXrender.so.1": "libxrender1",
    "libXt.so.6": "libxt6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
}
# Programs that only tests run: name on the PATH -> Debian package. `make test` installs them.
TEST_PROGRAMS = {"chromium": "chromium", "curl": "curl"}
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TAIL_LINES = 15
VENV_HINT = f"`{sys.executable} -m venv` must work; on Debian it is in the package python3-venv."
NETWORK_HINT = (
    "Check the network and the free disk space, then run `make setup` again: what has arrived is\n"
    "kept. Behind a mirror, set PIP_INDEX_URL and UV_DEFAULT_INDEX to it."
)


class SetupError(Exception):
    """The set-up cannot go on; the message says what happened and what to do."""


def main() -> int:
    """Set everything up; return a process exit status."""
    started = time.monotonic()
    try:
        if "--tests" in sys.argv[1:]:
            install_packages(missing_programs())
            return 0
        set_up()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. `make setup` goes on from here.", file=sys.stderr)
        return 130
    print(f"FrameFarm is ready ({time.monotonic() - started:.0f} s).")
    return 0


def set_up() -> None:
    """Run the steps; `.done` appears only when all of them have worked."""
    if sys.version_info < (3, 11):  # noqa: UP036  the system's python3 may be older
        raise SetupError(f"FrameFarm needs Python 3.11 or newer, and this is {platform_python()}.")
    DONE.unlink(missing_ok=True)
    install_packages(missing_packages())
    uv = provide_uv()
    make_environment(uv)
    install_locked(uv)
    DONE.touch()


def platform_python() -> str:
    """The running Python, for messages: its version and where it is."""
    return f"Python {platform.python_version()} ({sys.executable})"


# --- system packages ---


def missing_packages() -> list[str]:
    """Debian packages without which the set-up or Blender's wheel cannot work."""
    if sys.platform != "linux":  # the wheels for other systems bring all they need
        return []
    packages = [package for library, package in LIBRARIES.items() if not has_library(library)]
    if uv_version() is None and importlib.util.find_spec("ensurepip") is None:
        packages.append("python3-venv")  # Debian's python3 comes without `venv`
    return sorted(packages)


def missing_programs() -> list[str]:
    """Debian packages without which some tests cannot run."""
    return sorted(p for program, p in TEST_PROGRAMS.items() if shutil.which(program) is None)


def has_library(name: str) -> bool:
    """Whether the dynamic linker finds a shared library."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install_packages(packages: list[str]) -> None:
    """Install Debian packages when root.

    Raises:
        SetupError: Not root or not Debian (says which command to run), or apt-get failed.
    """
    if not packages:
        return
    names = " ".join(packages)
    apt_get = shutil.which("apt-get")
    if apt_get is None:
        raise SetupError(
            f"These system packages are missing (Debian's names): {names}\n"
            "Install what your system calls them, then run `make setup` again."
        )
    if os.geteuid() != 0:
        raise SetupError(
            "Some system packages are missing. Install them, then run `make setup` again:\n"
            f"  sudo apt-get update && sudo apt-get install --no-install-recommends {names}"
        )
    hint = "apt-get must be able to reach a package mirror; see /etc/apt/sources.list*."
    quietly = {"DEBIAN_FRONTEND": "noninteractive"}
    step("package lists", [apt_get, "update", "-qq"], hint=hint, extra=quietly)
    install = [apt_get, "install", "-qq", "--no-install-recommends", *packages]
    step(f"system packages: {names}", install, hint=hint, extra=quietly)


# --- Python packages ---


def uv_version() -> str | None:
    """What the uv in `.tools` calls itself; None when it is missing or does not run."""
    try:
        done = subprocess.run(
            [str(TOOLS / "bin" / "uv"), "--version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def provide_uv() -> str:
    """Put the uv that the lock file names into `.tools`; return its path."""
    if uv_version() is None:
        # An interrupted run may have left half of it behind: start this small part afresh.
        step("tools", [sys.executable, "-m", "venv", "--clear", str(TOOLS)], hint=VENV_HINT)
        with tempfile.TemporaryDirectory() as folder:
            pinned = Path(folder) / "uv.txt"
            pinned.write_text(locked("uv"), encoding="utf-8")
            pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            step("uv", [*pip, "--require-hashes", "--requirement", str(pinned)], hint=NETWORK_HINT)
    return str(TOOLS / "bin" / "uv")


def locked(name: str) -> str:
    """One package's entry of the lock file, hashes included."""
    entry = re.search(rf"^{name}==.*(\n .*)*", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if entry is None:
        raise SetupError(f"{LOCK.name} does not list {name}; `make lock` writes it anew.")
    return entry.group()


def make_environment(uv: str) -> None:
    """Make or mend `.venv` with the Python that Blender's wheel is built for."""
    hint = (
        f"FrameFarm runs on Python {PYTHON_VERSION}, the version Blender's module is built for.\n"
        f"This is {platform_python()}, and uv could not fetch {PYTHON_VERSION} (see above).\n"
        f"Install Python {PYTHON_VERSION} so that `python{PYTHON_VERSION}` is on the PATH, or set\n"
        "UV_PYTHON_INSTALL_MIRROR to a mirror you can reach; then run `make setup` again."
    )
    command = [uv, "venv", "--quiet", "--allow-existing", "--no-project"]
    step(f"Python {PYTHON_VERSION}", [*command, "--python", PYTHON_VERSION, str(VENV)], hint=hint)


def install_locked(uv: str) -> None:
    """Make `.venv` hold exactly what the lock file lists, and FrameFarm itself, editable."""
    pip = [uv, "pip"]
    python = ["--quiet", "--python", str(VENV / "bin" / "python")]
    sync = [*pip, "sync", *python, "--require-hashes", str(LOCK)]
    fetch("libraries and Blender (the first time about 500 MB)", sync)
    mend_wheel_tags()
    fetch("framefarm", [*pip, "install", *python, "--no-deps", "--editable", str(ROOT)])


def fetch(title: str, command: list[str]) -> None:
    """Run a uv command out of uv's cache, and over the network only when that is not enough."""
    cached = subprocess.run([*command, "--offline"], cwd=ROOT, capture_output=True, check=False)
    if cached.returncode != 0:
        step(title, command, hint=NETWORK_HINT)


def mend_wheel_tags() -> None:
    """Correct the Python that the installed bpy says it was built for.

    Its file name says cp311 and its metadata cp39. uv believes the metadata of what is installed,
    so it would take Blender out and put it back on every run, under whoever is rendering.
    """
    for stated in VENV.glob("lib/python*/site-packages/bpy-*.dist-info/WHEEL"):
        text = stated.read_text(encoding="utf-8")
        right = re.sub(r"(?m)^Tag: cp\d+-cp\d+-", f"Tag: {PYTHON_TAG}-{PYTHON_TAG}-", text)
        if right != text:
            stated.unlink()  # it is a hard link into uv's cache, which must stay as it came
            stated.write_text(right, encoding="utf-8")


# --- running a step ---


def step(title: str, command: list[str], *, hint: str, extra: dict[str, str] | None = None) -> None:
    """Run one command quietly in the project's folder, counting seconds on a terminal.

    Args:
        title: What is being set up, as a person would say it.
        command: The program and its arguments.
        hint: What to do when it fails.
        extra: Variables to add to the environment.

    Raises:
        SetupError: The command failed; holds the end of its output and the hint.
    """
    started = time.monotonic()
    print(f"  {title} ...", end="", flush=True)
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as output:
        environment = {**os.environ, **certificates(), **(extra or {})}
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process:
            wait_counting(process, title, started)
        if process.returncode != 0:
            print(" failed")
            raise SetupError(f"{tail(output)}\n\nSetting up {title} failed.\n{hint}".strip())
    print(f"{rewind(title)} {time.monotonic() - started:.0f} s")


def wait_counting(process: subprocess.Popen[bytes], title: str, started: float) -> None:
    """Wait for a command; on a terminal show that it is alive."""
    while True:
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            if sys.stdout.isatty():
                elapsed_s = time.monotonic() - started
                print(f"{rewind(title)} {elapsed_s:.0f} s", end="", flush=True)
        else:
            return


def rewind(title: str) -> str:
    """What starts a step's line again: on a terminal over the old one, else nothing."""
    return f"\r  {title} ..." if sys.stdout.isatty() else ""


def certificates() -> dict[str, str]:
    """Let uv trust what the system trusts, as pip does: companies add their own authorities."""
    wanted = SYSTEM_CERTIFICATES.exists() and "UV_SYSTEM_CERTS" not in os.environ
    return {"UV_SYSTEM_CERTS": "true"} if wanted else {}


def tail(output: IO[str]) -> str:
    """The last lines of a command's output."""
    output.seek(0)
    return "".join(deque(output, maxlen=TAIL_LINES)).strip()


if __name__ == "__main__":
    sys.exit(main())
