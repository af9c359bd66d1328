"""Rendering frames with the slot's warm Blender."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.agent.errors import FetchError, UnitFailedError
from framefarm.agent.executors.blame import memory_kill_count, unit_failed
from framefarm.agent.executors.blenders import (
    BlenderHolder,
    BlenderNeed,
    StartBlender,
    most_likely,
    starter,
)
from framefarm.agent.executors.contract import Progress, SlotResources, read_settings
from framefarm.agent.executors.frames import FrameFiles
from framefarm.agent.executors.placement import misplaced
from framefarm.agent.machine import memory_bytes
from framefarm.agent.scene_files import scene_at_hand
from framefarm.agent.sources import fingerprint
from framefarm.agent.work import Outcome
from framefarm.blender.installations import choose_blender
from framefarm.blender.warm import FrameProgress, RenderSettings
from framefarm.core.tree_paths import TreePathError
from framefarm.core.versions import BlenderVersion, NoBlenderForFileError, VersionTextError
from framefarm.processes.errors import ChildError
from framefarm.protocol.messages import SceneFile, UnitFacts
from framefarm.protocol.tasks import RenderTask
from framefarm.protocol.trees import TreeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from framefarm.agent.executors.blenders import Blender
    from framefarm.agent.work import UnitWork
    from framefarm.blender.warm import RenderedFrame


class RenderExecutor:
    """Makes the units of `render` stages: a unit is a frame.

    Args:
        resources: What the slot may use.
        start: Starts a Blender; a real one by default.
    """

    def __init__(self, resources: SlotResources, start: StartBlender | None = None) -> None:
        self._resources = resources
        settings = resources.settings
        limit = settings.max_blender_bytes or settings.memory_per_slot(memory_bytes()) * 3 // 4
        self._holder = BlenderHolder(
            start or starter(resources), idle_s=settings.idle_s, max_bytes=limit
        )
        self._warm: str | None = None
        # The eager start and the first unit must not both start a Blender.
        self._lock = asyncio.Lock()

    @property
    def warm(self) -> str | None:
        """SHA-256 of the .blend the slot's Blender holds, None when it holds none."""
        return self._warm if self._holder.running and self._holder.holds else None

    async def run(self, work: UnitWork, workdir: Path, progress: Progress) -> Outcome:
        """Render a frame; see `Executor.run`."""
        task = read_settings(work, RenderTask)
        need = self._need(task)
        out_dir = workdir / "frame"
        await asyncio.to_thread(out_dir.mkdir)
        kills = memory_kill_count()
        async with self._lock, self._blend(task, progress) as blend:
            try:
                rendered = await self._render(work, task, need, blend, out_dir, progress=progress)
            except ChildError as error:
                self._holder.holds = None
                raise self._failed(error, memory_kill_count() - kills) from error
            except asyncio.CancelledError:
                # Whatever it was doing, nobody knows where it stands now.
                await self._holder.kill()
                raise
        return self._outcome(rendered, task, need, workdir)

    async def prepare(self) -> None:
        """Start the Blender that the first job will most likely ask for."""
        if not self._resources.blenders or not self._resources.settings.warm_start:
            return
        likely = most_likely(self._resources.blenders)
        async with self._lock:
            with contextlib.suppress(ChildError):
                await self._holder.get(BlenderNeed(likely))

    async def upkeep(self) -> None:
        """End the Blender when it was idle too long or grew too large."""
        if self._lock.locked():
            return
        async with self._lock:
            await self._holder.renew_if_spent()

    async def close(self) -> None:
        """Kill the Blender; there is nothing in it to save."""
        await self._holder.kill()

    def _need(self, task: RenderTask) -> BlenderNeed:
        try:
            wanted = BlenderVersion.parse(task.blender)
            found = choose_blender(wanted, self._resources.blenders)
        except (NoBlenderForFileError, VersionTextError) as error:
            raise UnitFailedError("error", str(error)) from error
        return BlenderNeed(found, task.allow_scripts)

    @contextlib.asynccontextmanager
    async def _blend(self, task: RenderTask, progress: Progress) -> AsyncIterator[Path]:
        """Where the .blend lies: in its own place when it is that very file, else in the cache."""
        resources = self._resources
        size, place = task.blend_size_bytes, task.source_path
        scene = SceneFile(task.blend_sha256, size, place, task.in_tree)

        def arrived(have_bytes: int, of_bytes: int) -> None:
            # Also when the percentage is the same: it shows that bytes keep coming (L10).
            progress(100 * have_bytes // max(1, of_bytes), 100, "fetching")

        at_hand = scene_at_hand(resources.sources, resources.cache, resources.trees, scene, arrived)
        async with contextlib.AsyncExitStack() as stack:
            try:
                path = await stack.enter_async_context(at_hand)
            except (FetchError, TreeError, TreePathError) as error:
                raise UnitFailedError("input_missing", f"{task.blend_name}: {error}") from error
            except OSError as error:
                message = f"{task.blend_name} cannot be stored: {error.strerror or error}"
                raise UnitFailedError("error", message) from error
            yield path

    async def _render(
        self,
        work: UnitWork,
        task: RenderTask,
        need: BlenderNeed,
        blend: Path,
        out_dir: Path,
        *,
        progress: Progress,
    ) -> RenderedFrame:
        if not self._holder.running:
            progress(0, 1, "starting Blender")
        blender = await self._holder.get(need)
        stall_s = work.stall_s
        await self._load(blender, task, blend, progress, stall_s=stall_s)

        def tell(step: FrameProgress) -> None:
            progress(step.samples_done, step.samples_total, step.phase)

        return await blender.render(work.unit, out_dir, on_progress=tell, stall_s=stall_s)

    async def _load(
        self,
        blender: Blender,
        task: RenderTask,
        blend: Path,
        progress: Progress,
        *,
        stall_s: float | None,
    ) -> None:
        """Open the file and set the scene, unless the frame before left them just so."""
        wanted = (fingerprint(blend), task)
        if self._holder.holds == wanted:
            return
        progress(0, 1, "loading")
        self._holder.holds = None
        opened = await blender.open(blend, stall_s=stall_s)
        for warning in opened.warnings:
            self._resources.journal.info("blend warning", kind=warning.kind, text=warning.message)
        wanted_settings = _render_settings(task, self._resources.cycles_device)
        await blender.configure(wanted_settings, stall_s=stall_s)
        # Saved over while Blender read it: the next unit must look again.
        if fingerprint(blend) == wanted[0]:
            self._holder.holds = wanted
            self._warm = task.blend_sha256

    def _failed(self, error: ChildError, memory_kills: int) -> UnitFailedError:
        on_gpu = self._resources.device != "CPU"
        return unit_failed(error, memory_kills=memory_kills, on_gpu=on_gpu)

    def _outcome(
        self, rendered: RenderedFrame, task: RenderTask, need: BlenderNeed, workdir: Path
    ) -> Outcome:
        if problem := misplaced(self._resources.device, rendered.device):
            raise UnitFailedError("placement", problem, log_tail=rendered.log_text[-16_000:])
        made = FrameFiles.of(rendered, workdir, self._resources.journal)
        if not made.images:
            raise UnitFailedError(
                "error",
                f"Blender wrote no {task.file_format} image for frame {rendered.frame}",
                log_tail=rendered.log_text[-16_000:],
            )
        facts = UnitFacts(
            seconds=rendered.seconds,
            peak_memory_bytes=rendered.peak_memory_bytes,
            device=rendered.device,
            blender=need.installation.full_version,
            phases=rendered.phases,
            extra={"samples": rendered.samples},
            asked_device=self._resources.device,
        )
        later = functools.partial(made.make_extras, self._resources.thumbnails)
        return Outcome(made.images + made.layers, facts, later)


def _render_settings(task: RenderTask, device: str) -> RenderSettings:
    sized = task.width is not None and task.height is not None
    return RenderSettings(
        scene=task.scene,
        camera=task.camera,
        engine=task.engine,
        samples=task.samples,
        resolution=(task.width or 0, task.height or 0) if sized else None,
        percentage=task.percentage,
        file_format=task.file_format,
        threads=task.threads,
        persistent_data=task.persistent_data,
        device=device,
    )
