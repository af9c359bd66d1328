"""A Blender process that stays up and renders frame after frame, job after job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

from framefarm.blender.child_process import NO_LIMITS, ChildLimits, ChildProcess
from framefarm.blender.conversation import Conversation, OnProgress
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

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

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

MIB = 1024 * 1024


class WarmBlender:
    """One Blender process and the file it has open. Not for concurrent use: one order at a time.

    A cancelled call kills the process, because nobody knows then what it is doing.

    Attributes:
        installation: Which Blender it is.
        version_text: What it calls itself.
        started_in_s: How long it took to come up.
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
        self.installation = installation
        self.version_text = ""
        self.started_in_s = 0.0
        self._child = child
        self._allow_scripts = allow_scripts
        self._threads = threads
        self._talk = Conversation(child, stall_s=stall_s)
        self._pid = child.pid

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
            BlenderStartError: It is not there, ended at once, or did not come up in time.
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
        try:
            hello = await warm._talk.hello(warm._what(), start_timeout_s)
        except BaseException:
            await warm.kill()
            raise
        warm.version_text = str(hello["version_text"])
        warm._pid = int(hello.get("pid", child.pid))
        warm.started_in_s = time.monotonic() - began
        return warm

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.quit()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child.alive

    @property
    def pid(self) -> int:
        """Blender's process id."""
        return self._pid

    @property
    def rss_bytes(self) -> int:
        """Memory Blender holds now, without what it started; 0 when it ended."""
        try:
            return int(psutil.Process(self._pid).memory_info().rss) if self.alive else 0
        except psutil.Error:
            return 0

    @property
    def idle_s(self) -> float:
        """Seconds since its last order was answered."""
        return time.monotonic() - self._talk.answered_at

    def needs_recycling(self, *, max_idle_s: float, max_rss_bytes: int) -> bool:
        """Whether to quit it: it ended, was idle too long, grew too large, or left children."""
        if not self.alive or self.idle_s > max_idle_s or self.rss_bytes > max_rss_bytes:
            return True
        return self._child.memory.count() > 1

    async def open(self, path: Path, *, stall_s: float | None = None) -> OpenedFile:
        """Open a .blend, unless it is open already and has not changed.

        Settings of an earlier job stay until `configure`.

        Raises:
            BlenderRefusedError: `open`: this Blender cannot.
            BlenderProcessError: It crashed or stalled.
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
            BlenderRefusedError: `no_scene`, `no_camera_named`, `engine`, `format`, `setting`,
                `device`; the scene is then as the file has it.
            BlenderProcessError: It crashed or stalled.
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
            BlenderRefusedError: `no_file`, `no_camera`, `output`, `render`; it goes on.
            BlenderCrashedError, BlenderStalledError: It is gone.
        """
        order = {"order": "render", "frame": frame, "out_dir": _absolute(out_dir)}
        report, log = await self._talk.ask(
            f"rendering frame {frame}", order, "rendered", stall_s, on_progress
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
            BlenderRefusedError: `device`: it is not there, or did not render.
            BlenderProcessError: It crashed or stalled.
        """
        order = {"order": "probe", "device": device, "out_dir": _absolute(out_dir)}
        report, _ = await self._talk.ask(f"probing {device}", order, "probed", stall_s)
        return str(report["device"])

    async def close_file(self) -> None:
        """Let go of the open file and its memory."""
        await self._talk.ask("closing the file", {"order": "close"}, "closed", None)

    async def quit(self, *, grace_s: float = 2.0) -> None:
        """End it, by force after `grace_s`, and remove its temporary files."""
        await self._child.end({"order": "quit"}, grace_s=grace_s)

    async def kill(self) -> None:
        """End it and everything it started at once, and remove its temporary files."""
        await self._child.kill()

    def _what(self) -> str:
        return f"Blender {self.installation.full_version} ({self.installation.path})"


def _absolute(path: Path) -> str:
    # The process works in a folder of its own.
    return str(path.absolute())


def _rendered(report: dict[str, Any], log: str, tree_peak_bytes: int) -> RenderedFrame:
    plain = {name: report[name] for name in RenderedFrame.__slots__ if name in report}
    # Blender knows its own peak exactly; what it started is only seen from outside.
    plain["peak_memory_bytes"] = max(plain["peak_memory_bytes"], tree_peak_bytes)
    for name in ("files", "others"):
        plain[name] = tuple(WrittenFile(**file) for file in plain[name])
    return RenderedFrame(**plain, log_text=log)
