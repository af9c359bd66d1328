"""A Blender process that stays up and renders frame after frame, job after job."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from framefarm.blender.orders import (
    ConfiguredScene,
    CyclesDevice,
    FileWarning,
    FrameProgress,
    OpenedFile,
    RenderedFrame,
    RenderSettings,
    WrittenFile,
)
from framefarm.processes.child_process import NO_LIMITS, ChildLimits, ChildProcess
from framefarm.processes.warm import WarmProcess

if TYPE_CHECKING:
    from pathlib import Path

    from framefarm.blender.installations import BlenderInstallation

__all__ = [
    "ConfiguredScene",
    "FileWarning",
    "FrameProgress",
    "OnProgress",
    "OpenedFile",
    "RenderSettings",
    "RenderedFrame",
    "WarmBlender",
    "WrittenFile",
]

OnProgress = Callable[[FrameProgress], None]

MIB = 1024 * 1024


class WarmBlender(WarmProcess):
    """One Blender process and the file it has open; see `WarmProcess`.

    Attributes:
        installation: Which Blender it is.
        version_text: What it calls itself.
    """

    def __init__(
        self,
        installation: BlenderInstallation,
        child: ChildProcess,
        *,
        allow_scripts: bool,
        threads: int | None,
        stall_s: float,
    ) -> None:
        super().__init__(child, who="Blender", stall_s=stall_s)
        self.installation = installation
        self.version_text = ""
        self._allow_scripts = allow_scripts
        self._threads = threads

    @classmethod
    async def start(
        cls,
        installation: BlenderInstallation,
        *,
        log_limit_bytes: int = 8 * MIB,
        allow_scripts: bool = False,
        threads: int | None = None,
        start_timeout_s: float = 120.0,
        stall_s: float = 300.0,
        scratch_dir: Path | None = None,
        limits: ChildLimits = NO_LIMITS,
    ) -> Self:
        """Start a Blender and wait until it takes orders.

        Args:
            installation: Which.
            log_limit_bytes: How much of its output is kept for each order.
            allow_scripts: Whether Python inside files may run.
            threads: CPU threads for jobs that do not say.
            start_timeout_s: How long it may take to come up.
            stall_s: How long it may be silent while it works.
            scratch_dir: Where its home and temporary folder are made; the system's by default.
            limits: What it and everything that it starts may take.

        Raises:
            ChildStartError: It is not there, ended at once, or did not come up in time.
        """
        began = time.monotonic()
        child = await ChildProcess.spawn(
            installation.command,
            log_limit_bytes=log_limit_bytes,
            scratch_dir=scratch_dir,
            limits=limits,
        )
        warm = cls(
            installation, child, allow_scripts=allow_scripts, threads=threads, stall_s=stall_s
        )
        hello = await warm._hello(warm._what(), start_timeout_s, began=began)
        warm.version_text = str(hello["version_text"])
        return warm

    async def open(self, path: Path, *, stall_s: float | None = None) -> OpenedFile:
        """Open a .blend, unless it is open already and has not changed.

        Settings of an earlier job stay until `configure`.

        Raises:
            ChildRefusedError: `open`: this Blender cannot.
            ChildFailedError: It crashed or stalled.
        """
        report, log = await self._talk.ask(
            f"opening {path}",
            {"order": "open", "path": _absolute(path), "scripts": self._allow_scripts},
            "opened",
            stall_s,
        )
        warnings = tuple(FileWarning(**warning) for warning in report["warnings"])
        return OpenedFile(report["scene"], tuple(report["scenes"]), warnings, report["again"], log)

    async def configure(
        self, settings: RenderSettings, *, stall_s: float | None = None
    ) -> ConfiguredScene:
        """Set what a job wants, after putting back what the job before had set.

        Raises:
            ChildRefusedError: `no_scene`, `no_camera_named`, `engine`, `format`, `setting`,
                `device`; the scene is then as the file has it.
            ChildFailedError: It crashed or stalled.
        """
        asked = {name: getattr(settings, name) for name in RenderSettings.__slots__}
        asked["threads"] = settings.threads or self._threads
        order = {"order": "configure", "settings": asked}
        report, _ = await self._talk.ask("setting up the scene", order, "configured", stall_s)
        return ConfiguredScene(
            report["scene"], report["engine"], report["camera"], report["file_format"]
        )

    async def render(
        self,
        frame: int,
        out_dir: Path,
        *,
        on_progress: OnProgress | None = None,
        stall_s: float | None = None,
    ) -> RenderedFrame:
        """Render one frame.

        Args:
            frame: Its number; need not lie in the scene's range.
            out_dir: An empty folder for its files.
            on_progress: Called at most about five times a second.
            stall_s: How long it may be silent; by default what `start` was given.

        Raises:
            ChildRefusedError: `no_file`, `no_camera`, `output`, `render`; it goes on.
            ChildCrashedError, ChildStalledError: It is gone.
        """

        def tell(report: dict[str, Any]) -> None:
            if on_progress is not None:
                on_progress(_progress(report))

        order = {"order": "render", "frame": frame, "out_dir": _absolute(out_dir)}
        report, log = await self._talk.ask(
            f"rendering frame {frame}", order, "rendered", stall_s, tell, into=out_dir
        )
        return _rendered(report, log, self._child.memory.peak_bytes)

    async def devices(self) -> tuple[CyclesDevice, ...]:
        """The GPUs that Cycles finds, once for each backend, the faster one first."""
        report, _ = await self._talk.ask("listing devices", {"order": "devices"}, "devices", None)
        return tuple(CyclesDevice(**device) for device in report["devices"])

    async def probe(self, device: str, out_dir: Path, *, stall_s: float | None = None) -> str:
        """Render a tiny picture on a device, to see whether it works. The open file is closed.

        Args:
            device: As in `RenderSettings`.
            out_dir: A folder for the picture.
            stall_s: How long it may take; loading a GPU's program takes minutes the first time.

        Returns:
            The device that rendered it.

        Raises:
            ChildRefusedError: `device`: it is not there, or did not render.
            ChildFailedError: It crashed or stalled.
        """
        order = {"order": "probe", "device": device, "out_dir": _absolute(out_dir)}
        report, _ = await self._talk.ask(f"probing {device}", order, "probed", stall_s)
        return str(report["device"])

    async def close_file(self) -> None:
        """Let go of the open file and its memory."""
        await self._talk.ask("closing the file", {"order": "close"}, "closed", None)

    def _what(self) -> str:
        return f"Blender {self.installation.full_version} ({self.installation.path})"


def _absolute(path: Path) -> str:
    # The process works in a folder of its own.
    return str(path.absolute())


def _progress(report: dict[str, Any]) -> FrameProgress:
    return FrameProgress(
        report["frame"], report["phase"], report["samples_done"], report["samples_total"]
    )


def _rendered(report: dict[str, Any], log: str, tree_peak_bytes: int) -> RenderedFrame:
    plain = {name: report[name] for name in RenderedFrame.__slots__ if name in report}
    # Blender knows its own peak exactly; what it started is only seen from outside.
    plain["peak_memory_bytes"] = max(plain["peak_memory_bytes"], tree_peak_bytes)
    for name in ("files", "others"):
        plain[name] = tuple(WrittenFile(**file) for file in plain[name])
    return RenderedFrame(**plain, log_text=log)
