"""Installing Blender as a `bpy` wheel into an environment of its own, with uv."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from framefarm.blender.errors import BlenderNotInstallableError, InstallerFailedError
from framefarm.blender.installations import BlenderInstallation, inspect_environment
from framefarm.core.versions import BlenderVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_INSTALL_TIMEOUT_S = 1800
_TRY_TIMEOUT_S = 180
# Each Blender is built for exactly one Python: (first version, Python).
_PYTHONS = (
    (BlenderVersion(5, 1), "3.13"),
    (BlenderVersion(4, 1), "3.11"),
    (BlenderVersion(3, 1), "3.10"),
)
_NO_SUCH_VERSION = ("no version of bpy", "no versions of bpy", "No solution found")
_NO_PYTHON = ("No interpreter found", "No Python", "no python")
_NO_NETWORK = ("Failed to fetch", "error sending request", "dns error", "Request failed")
_NO_SPACE = ("No space left", "os error 28")


def install_wheel(
    version: str, managed_dir: Path, *, on_step: Callable[[str], None] | None = None
) -> BlenderInstallation:
    """Install the newest patch of a Blender version.

    Args:
        version: `4.5`; a patch in it is ignored.
        managed_dir: Folder of environments; made when missing. The new one is `managed_dir/4.5`
            and appears only when it is complete and was seen to start.
        on_step: Called with a sentence before each step that takes long.

    Returns:
        The installed Blender; the one already there, if there is one.

    Raises:
        VersionTextError: The text is no version.
        BlenderNotInstallableError: There is no such version for this system.
        InstallerFailedError: uv is missing, the network or disk failed, or it does not start.
    """
    wanted = BlenderVersion.parse(version)
    target = managed_dir / str(wanted)
    if (present := inspect_environment(target)) is not None:
        return present
    tell = on_step or (lambda _: None)
    building = _new_folder(managed_dir, wanted)
    try:
        _build(building, wanted, tell)
        _put_in_place(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    installed = inspect_environment(target)
    if installed is None:
        raise InstallerFailedError(f"Blender {wanted} vanished from {target} after installing")
    return installed


def _build(folder: Path, wanted: BlenderVersion, tell: Callable[[str], None]) -> None:
    uv_bin = _find_uv()
    python = _python_for(wanted)
    tell(f"Making an environment with Python {python}")
    _run([uv_bin, "venv", "--quiet", "--relocatable", "--python", python, str(folder)], wanted)
    tell(f"Downloading Blender {wanted} (bpy from the Python package index, about 400 MB)")
    into = ["--python", str(folder)]
    _run([uv_bin, "pip", "install", "--quiet", *into, f"bpy=={wanted}.*"], wanted)
    tell("Starting it once")
    built = inspect_environment(folder)
    if built is None:
        raise InstallerFailedError(f"uv reported success but there is no bpy in {folder}")
    _try(built)


def _find_uv() -> str:
    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise InstallerFailedError(
            "uv, which installs Blender, is missing from this environment; run: pip install uv"
        ) from error


def _python_for(wanted: BlenderVersion) -> str:
    for first, python in _PYTHONS:
        if wanted >= first:
            return python
    raise BlenderNotInstallableError(
        f"Blender {wanted} does not exist as a Python package; install it from blender.org and "
        "FrameFarm will find it on PATH"
    )


def _run(command: Sequence[str], wanted: BlenderVersion) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InstallerFailedError(f"Installing Blender {wanted} took too long") from error
    except OSError as error:
        raise InstallerFailedError(f"uv could not be started: {error}") from error
    if done.returncode != 0:
        raise explain_failure(wanted, done.stderr)


def explain_failure(
    wanted: BlenderVersion, said: str
) -> BlenderNotInstallableError | InstallerFailedError:
    """Say what uv's failure means for somebody who wants a Blender."""
    reason = " ".join(said.split())[-600:]
    if any(text in said for text in _NO_NETWORK):
        return InstallerFailedError(
            f"Blender {wanted} could not be downloaded; check the network connection ({reason})"
        )
    if any(text in said for text in _NO_SPACE):
        return InstallerFailedError(f"No space is left to install Blender {wanted} ({reason})")
    if any(text in said for text in _NO_PYTHON):
        python = _python_for(wanted)
        return InstallerFailedError(
            f"Blender {wanted} needs Python {python}, which is not here; install it ({reason})"
        )
    if any(text in said for text in _NO_SUCH_VERSION):
        return BlenderNotInstallableError(
            f"There is no Blender {wanted} to install on this system ({reason})"
        )
    return InstallerFailedError(f"Blender {wanted} could not be installed ({reason})")


def _try(built: BlenderInstallation) -> None:
    try:
        done = subprocess.run(
            [str(built.path), "-I", "-c", "import os, bpy; print('up', flush=True); os._exit(0)"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRY_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallerFailedError(f"Blender {built.version} does not start: {error}") from error
    if "up" not in done.stdout:
        reason = " ".join(done.stderr.split())[-600:]
        raise InstallerFailedError(
            f"Blender {built.version} does not start; a system library may be missing ({reason})"
        )


def _new_folder(managed_dir: Path, wanted: BlenderVersion) -> Path:
    try:
        managed_dir.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".installing-{wanted}-", dir=managed_dir))
    except OSError as error:
        raise InstallerFailedError(
            f"{managed_dir} cannot be written: {error.strerror}; choose another data folder"
        ) from error


def _put_in_place(building: Path, target: Path) -> None:
    try:
        building.rename(target)
    except OSError as error:
        # Somebody else installed the same version meanwhile: theirs is as good.
        if inspect_environment(target) is None:
            raise InstallerFailedError(f"{target} cannot be made: {error.strerror}") from error
