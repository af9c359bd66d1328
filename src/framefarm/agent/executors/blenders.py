"""The one warm Blender of a slot: started when needed, kept, renewed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from framefarm.blender.warm import WarmBlender
from framefarm.protocol.limits import MAX_LOG_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from framefarm.agent.executors.contract import SlotResources
    from framefarm.blender.installations import BlenderInstallation
    from framefarm.blender.warm import (
        ConfiguredScene,
        OnProgress,
        OpenedFile,
        RenderedFrame,
        RenderSettings,
    )


class Blender(Protocol):
    """What is used of a `WarmBlender`; tests put another one in its place."""

    version_text: str

    @property
    def alive(self) -> bool:
        """Whether the process runs."""

    async def open(self, path: Path, *, stall_s: float | None = None) -> OpenedFile:
        """Open a .blend."""

    async def configure(
        self, settings: RenderSettings, *, stall_s: float | None = None
    ) -> ConfiguredScene:
        """Set what a job wants."""

    async def render(
        self,
        frame: int,
        out_dir: Path,
        *,
        on_progress: OnProgress | None = None,
        stall_s: float | None = None,
    ) -> RenderedFrame:
        """Render one frame."""

    def needs_recycling(self, *, max_idle_s: float, max_rss_bytes: int) -> bool:
        """Whether it was idle too long, grew too large or ended."""

    async def quit(self, *, grace_s: float = 2.0) -> None:
        """End it."""

    async def kill(self) -> None:
        """End it at once."""


@dataclass(frozen=True, slots=True)
class BlenderNeed:
    """Which process a job needs. What a running process cannot change stands here.

    Attributes:
        installation: Which Blender.
        allow_scripts: Python inside files may run.
    """

    installation: BlenderInstallation
    allow_scripts: bool = False


StartBlender = Callable[[BlenderNeed], Awaitable[Blender]]


def starter(resources: SlotResources) -> StartBlender:
    """What starts a real one for a slot."""

    async def start(need: BlenderNeed) -> Blender:
        return await WarmBlender.start(
            need.installation,
            log_limit_bytes=MAX_LOG_BYTES,
            allow_scripts=need.allow_scripts,
            threads=resources.threads,
            scratch_dir=resources.scratch_dir,
            limits=resources.limits,
        )

    return start


def most_likely(blenders: Sequence[BlenderInstallation]) -> BlenderInstallation:
    """The one a first job will ask for: the newest, and of these the preferred."""
    newest = max(found.version for found in blenders)
    return next(found for found in blenders if found.version == newest)


class BlenderHolder:
    """Keeps the slot's Blender between units.

    Attributes:
        holds: What it has open and how it is set, for whoever uses it; None after a new start.
    """

    def __init__(self, start: StartBlender, *, idle_s: float, max_bytes: int) -> None:
        self._start = start
        self._idle_s = idle_s
        self._max_bytes = max_bytes
        self._blender: Blender | None = None
        self._need: BlenderNeed | None = None
        self.holds: object = None

    @property
    def running(self) -> bool:
        """Whether there is one now."""
        return self._blender is not None and self._blender.alive

    async def get(self, need: BlenderNeed) -> Blender:
        """The slot's Blender, started now unless the right one runs.

        Raises:
            ChildStartError: It does not come up.
        """
        if self._blender is not None and (self._need != need or self._is_spent()):
            await self.end()
        if self._blender is None:
            self._blender = await self._start(need)
            self._need = need
        return self._blender

    async def renew_if_spent(self) -> None:
        """End a Blender that was idle too long or grew too large; the next unit gets a new one."""
        if self._blender is not None and self._is_spent():
            await self.end()

    async def end(self) -> None:
        """End it in peace: it gets a moment to leave."""
        blender, self._blender, self.holds = self._blender, None, None
        if blender is not None:
            await blender.quit(grace_s=0.5)

    async def kill(self) -> None:
        """End it at once."""
        blender, self._blender, self.holds = self._blender, None, None
        if blender is not None:
            await blender.kill()

    def _is_spent(self) -> bool:
        assert self._blender is not None
        return self._blender.needs_recycling(max_idle_s=self._idle_s, max_rss_bytes=self._max_bytes)
