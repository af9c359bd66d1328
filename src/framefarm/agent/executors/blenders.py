"""The one warm Blender of a slot: which one, and how it is started."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from framefarm.agent.executors.holding import Held, Holder
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


class Blender(Held, Protocol):
    """What is used of a `WarmBlender`; tests put another one in its place."""

    version_text: str

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


BlenderHolder = Holder[BlenderNeed, Blender]
"""Keeps the slot's Blender between units."""
