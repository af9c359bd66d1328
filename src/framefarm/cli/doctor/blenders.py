"""Whether each Blender here renders: its own default cube, through the driver, to a file."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from framefarm.blender.installations import BlenderInstallation, find_blenders
from framefarm.blender.warm import RenderSettings, WarmBlender
from framefarm.cli.display import words
from framefarm.cli.doctor.findings import Finding, fault, good
from framefarm.cli.settings import Settings
from framefarm.processes.child_process import child_environment
from framefarm.processes.errors import ChildError, ChildFailedError

_TIMEOUT_S = 120.0
_AT_A_TIME = 2
_MAKE_FILE = (
    "import bpy,sys;"
    "bpy.ops.wm.read_factory_settings();"
    "bpy.context.scene.render.engine='CYCLES';"
    # Some builds, Debian's for example, have no denoiser; they render all the same.
    "bpy.context.scene.cycles.use_denoising=False;"
    "bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])"
)


def check_blenders(settings: Settings) -> Iterator[Finding]:
    """Try every Blender found, two at a time.

    Yields:
        One finding each; a fault when there is none at all.
    """
    found = find_blenders(settings.blenders, managed_dir=settings.managed_blenders)
    if not found:
        yield fault("blender", "none was found on this machine", "framefarm blender install 5.0")
        return
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        yield from pool.map(check_blender, found)


def check_blender(installation: BlenderInstallation) -> Finding:
    """Render one small frame."""
    name = f"blender {installation.full_version}"
    where = f"{installation.kind}, {words.place(installation.path)}"
    try:
        with tempfile.TemporaryDirectory(prefix="framefarm-doctor-") as folder:
            started_s, rendered_s = _try(installation, Path(folder))
    except (ChildError, OSError, subprocess.SubprocessError) as error:
        return fault(name, f"{where}: {_why(error)}", _mend(installation))
    times = f"starts in {words.duration(started_s)}, test frame in {words.duration(rendered_s)}"
    return good(name, f"{times} ({where})")


def _try(installation: BlenderInstallation, folder: Path) -> tuple[float, float]:
    blend = folder / "test.blend"
    frames = folder / "frames"
    frames.mkdir()
    _make_file(installation, blend)
    started_s, rendered_s, picture = asyncio.run(_render(installation, blend, frames))
    if not picture or Path(picture).stat().st_size == 0:
        raise ChildFailedError("it rendered nothing")
    return started_s, rendered_s


def _make_file(installation: BlenderInstallation, blend: Path) -> None:
    done = subprocess.run(
        [*_python_of(installation), str(blend)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=_TIMEOUT_S,
        check=False,
        env=child_environment(os.environ, blend.parent),
    )
    if done.returncode != 0 or not blend.exists():
        tail = (done.stderr or done.stdout).decode(errors="replace")
        raise ChildFailedError(f"it ended with exit code {done.returncode}", log_tail=tail)


def _python_of(installation: BlenderInstallation) -> list[str]:
    """What runs the script that makes the file; the file's path goes at the end."""
    program = str(installation.path)
    if installation.kind == "wheel":
        return [program, "-I", "-c", _MAKE_FILE]
    flags = ["-b", "-noaudio", "--factory-startup", "--python-exit-code", "3"]
    return [program, *flags, "--python-expr", _MAKE_FILE, "--"]


async def _render(
    installation: BlenderInstallation, blend: Path, frames: Path
) -> tuple[float, float, str]:
    async with await WarmBlender.start(
        installation, start_timeout_s=_TIMEOUT_S, stall_s=_TIMEOUT_S, scratch_dir=frames.parent
    ) as blender:
        await blender.open(blend)
        settings = RenderSettings(samples=1, resolution=(64, 36), file_format="PNG")
        await blender.configure(settings)
        began = time.monotonic()
        frame = await blender.render(1, frames)
        picture = frame.files[0].path if frame.files else ""
        return blender.started_in_s, time.monotonic() - began, picture


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"did not start within {_TIMEOUT_S:.0f} s"
    tail = getattr(error, "log_tail", "").strip().splitlines()
    return f"{error}: {tail[-1]}" if tail else str(error)


def _mend(installation: BlenderInstallation) -> str:
    if installation.kind == "wheel":
        return f"framefarm blender install {installation.version}"
    return f"{installation.path} --factory-startup -b  # and read what it says"
