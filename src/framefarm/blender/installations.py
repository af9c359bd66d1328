"""The Blenders on this machine: executables, and `bpy` wheels in Python environments."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from framefarm.core.versions import BlenderVersion, VersionTextError, choose_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DRIVER = Path(__file__).parent / "driver"

# What Cycles, the compositor and saving do is the same in both; see `tests/blender`.
InstallationKind = Literal["executable", "wheel"]

_VERSION_TIMEOUT_S = 20
_VERSION_FOLDER = re.compile(r"\d\.\d{1,2}")
_DIST_INFO = re.compile(r"bpy-(\d+\.\d+\.\d+)\.dist-info")
_WELL_KNOWN: dict[str, tuple[str, ...]] = {
    "linux": (
        "/opt/blender*/blender",
        "/usr/local/blender*/blender",
        "/snap/bin/blender",
        "~/blender*/blender",
        "~/Applications/blender*/blender",
        "~/.steam/steam/steamapps/common/Blender/blender",
    ),
    "darwin": (
        "/Applications/Blender*.app/Contents/MacOS/Blender",
        "~/Applications/Blender*.app/Contents/MacOS/Blender",
    ),
    "win32": (
        "C:/Program Files/Blender Foundation/Blender */blender.exe",
        "C:/Program Files (x86)/Steam/steamapps/common/Blender/blender.exe",
    ),
}


@dataclass(frozen=True, slots=True)
class BlenderInstallation:
    """A Blender that can render.

    Attributes:
        kind: `executable`, or `wheel` for `bpy` in a Python environment.
        version: As far as files care.
        full_version: With the patch, `5.0.1`; equal to `version` where only that is known.
        path: The executable, or the environment's Python.
    """

    kind: InstallationKind
    version: BlenderVersion
    full_version: str
    path: Path

    @property
    def command(self) -> list[str]:
        """What starts the driver in it; `--fd N` goes at the end.

        Everything of the user's is left out: start-up file, preferences, add-ons, scripts in files,
        and for the wheel Python's environment variables and user site.
        """
        if self.kind == "wheel":
            return [str(self.path), "-I", "-X", "faulthandler", str(DRIVER)]
        flags = ["-b", "-noaudio", "--factory-startup", "--disable-autoexec"]
        script = ["--python-exit-code", "3", "--python", str(DRIVER / "__main__.py"), "--"]
        return [str(self.path), *flags, *script]


def find_blenders(
    extra: Sequence[Path] = (), *, managed_dir: Path | None = None
) -> list[BlenderInstallation]:
    """Every Blender on this machine.

    Args:
        extra: Configured ones: executables, folders with one, or Pythons with `bpy`. They come
            first.
        managed_dir: Where `install_wheel` puts environments.

    Returns:
        Each once, in order of preference: configured, on PATH, in well-known places, the wheel of
        this Python, managed. What is there but does not answer is left out.
    """
    found: dict[Path, BlenderInstallation] = {}
    for candidate in _candidates(extra, managed_dir):
        if candidate is not None:
            found.setdefault(candidate.path, candidate)
    return list(found.values())


def choose_blender(
    wanted: BlenderVersion, installations: Sequence[BlenderInstallation]
) -> BlenderInstallation:
    """The Blender to render a file of this version with.

    Raises:
        NoBlenderForFileError: None is as new as the file.
    """
    version = choose_version(wanted, [installation.version for installation in installations])
    return next(i for i in installations if i.version == version)


def inspect_executable(path: Path) -> BlenderInstallation | None:
    """What kind of Blender an executable is; None when it is none or does not answer."""
    path = path.expanduser().absolute()
    if not path.is_file() or not os.access(path, os.X_OK):
        return None
    full = _version_by_folder(path) or _version_by_asking(path)
    try:
        version = BlenderVersion.parse(full)
    except VersionTextError:
        return None
    return BlenderInstallation("executable", version, full, path)


def inspect_environment(folder: Path) -> BlenderInstallation | None:
    """The `bpy` of a Python environment, read from its metadata; None when it has none."""
    python = next(
        (
            folder / name
            for name in ("bin/python", "Scripts/python.exe")
            if (folder / name).exists()
        ),
        None,
    )
    if python is None:
        return None
    packages = [
        *folder.glob("lib/python3*/site-packages/bpy-*"),
        *folder.glob("Lib/site-packages/bpy-*"),
    ]
    for package in packages:
        if match := _DIST_INFO.fullmatch(package.name):
            return _wheel(python.absolute(), match[1])
    return None


def _candidates(
    extra: Sequence[Path], managed_dir: Path | None
) -> Iterator[BlenderInstallation | None]:
    for path in extra:
        yield _configured(path.expanduser())
    if on_path := shutil.which("blender"):
        yield inspect_executable(Path(on_path))
    for path in _well_known():
        yield inspect_executable(path)
    yield _own_wheel()
    if managed_dir is not None:
        for folder in _newest_first(managed_dir):
            yield inspect_environment(folder)


def _configured(path: Path) -> BlenderInstallation | None:
    if path.is_dir():
        inside = (path / "blender", path / "blender.exe", path / "Contents/MacOS/Blender")
        executables = (inspect_executable(candidate) for candidate in inside)
        return next((e for e in executables if e), None) or inspect_environment(path)
    if path.name.startswith("python"):
        return inspect_environment(path.absolute().parent.parent)
    return inspect_executable(path)


def _well_known() -> Iterator[Path]:
    for pattern in _WELL_KNOWN.get(sys.platform, ()):
        whole = Path(pattern).expanduser()
        yield from sorted(
            Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))), reverse=True
        )


def _own_wheel() -> BlenderInstallation | None:
    try:
        # By metadata: importing it takes a second and takes over the process.
        return _wheel(Path(sys.executable), metadata.version("bpy"))
    except metadata.PackageNotFoundError:
        return None


def _newest_first(managed_dir: Path) -> Iterable[Path]:
    if not managed_dir.is_dir():
        return ()
    folders = (folder for folder in managed_dir.iterdir() if _VERSION_FOLDER.fullmatch(folder.name))
    return sorted(folders, key=lambda folder: BlenderVersion.parse(folder.name), reverse=True)


def _wheel(python: Path, full: str) -> BlenderInstallation:
    return BlenderInstallation("wheel", BlenderVersion.parse(full), full, python)


def _version_by_folder(path: Path) -> str:
    """Blender's own packages hold their files in a folder named `5.0`; looking costs nothing."""
    real = path.resolve()
    for place in (real.parent, real.parent.parent / "Resources"):
        for folder in place.iterdir() if place.is_dir() else ():
            if _VERSION_FOLDER.fullmatch(folder.name) and (folder / "scripts").is_dir():
                return folder.name
    return ""


def _version_by_asking(path: Path) -> str:
    try:
        answer = subprocess.run(
            [str(path), "--factory-startup", "--version"],
            capture_output=True,
            timeout=_VERSION_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(rb"^Blender (\d+\.\d+(?:\.\d+)?)", answer.stdout, re.MULTILINE)
    return match[1].decode() if match else ""
