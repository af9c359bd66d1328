"""Joining a movie's segments without encoding again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.contract import Progress, SlotResources, Unprepared, read_settings
from framefarm.agent.executors.inputs import inputs_at_hand
from framefarm.agent.executors.movie import movie_settings
from framefarm.agent.executors.threads import in_thread
from framefarm.agent.work import Outcome, ProducedFile
from framefarm.media.errors import MediaError
from framefarm.protocol.messages import UnitFacts
from framefarm.protocol.tasks import JoinTask

if TYPE_CHECKING:
    from pathlib import Path

    from framefarm.agent.executors.threads import Report
    from framefarm.agent.work import UnitWork
    from framefarm.media.movies import JoinFacts
    from framefarm.media.settings import MovieSettings


class JoinExecutor(Unprepared):
    """Makes the one unit of a `join` stage: the movie."""

    def __init__(self, resources: SlotResources) -> None:
        self._resources = resources

    async def run(self, work: UnitWork, workdir: Path, progress: Progress) -> Outcome:
        """Fetch the segments and join them; see `Executor.run`."""
        task = read_settings(work, JoinTask)
        settings = movie_settings(task.movie)
        began = time.monotonic()
        out = workdir / f"movie{settings.suffix}"
        async with inputs_at_hand(self._resources.cache, work.inputs, progress) as segments:
            facts = await self._join(segments, settings, out, progress, total=task.frames)
        if facts.frames != task.frames:
            raise UnitFailedError(
                "error", f"the joined movie has {facts.frames} frames instead of {task.frames}"
            )
        extra = {"frames": facts.frames, "duration_s": facts.duration_s}
        return Outcome(
            (ProducedFile(out, task.name, "movie"),),
            UnitFacts(seconds=time.monotonic() - began, device="CPU", extra=extra),
        )

    async def _join(
        self,
        segments: list[Path],
        settings: MovieSettings,
        out: Path,
        progress: Progress,
        *,
        total: int,
    ) -> JoinFacts:
        from framefarm.media.movies import join_segments  # noqa: PLC0415  as in movie.py

        def join(report: Report) -> JoinFacts:
            report(0)
            facts = join_segments(segments, settings, out)
            report(facts.frames)
            return facts

        try:
            return await in_thread(
                self._resources.pool, join, total=total, phase="joining", progress=progress
            )
        except (MediaError, OSError) as error:
            raise UnitFailedError("error", str(error)) from error
