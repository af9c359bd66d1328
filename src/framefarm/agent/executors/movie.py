"""Encoding one segment of a movie."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.contract import Progress, SlotResources, Unprepared, read_settings
from framefarm.agent.executors.inputs import inputs_at_hand
from framefarm.agent.executors.threads import in_thread
from framefarm.agent.work import Outcome, ProducedFile
from framefarm.media.errors import MediaError, MovieSettingsError
from framefarm.media.settings import MovieSettings
from framefarm.protocol.messages import UnitFacts
from framefarm.protocol.tasks import MovieTask

if TYPE_CHECKING:
    from pathlib import Path

    from framefarm.agent.executors.threads import Report
    from framefarm.agent.work import UnitWork
    from framefarm.media.movies import SegmentFacts


class MovieExecutor(Unprepared):
    """Makes the units of `movie` stages: a unit is a segment."""

    def __init__(self, resources: SlotResources) -> None:
        self._resources = resources

    async def run(self, work: UnitWork, workdir: Path, progress: Progress) -> Outcome:
        """Fetch the segment's frames and encode them; see `Executor.run`."""
        settings = movie_settings(read_settings(work, MovieTask))
        began = time.monotonic()
        out = workdir / f"segment{settings.suffix}"
        async with inputs_at_hand(self._resources.cache, work.inputs, progress) as frames:
            facts = await self._encode(frames, settings, out, progress)
        name = f"segment/{work.unit:05d}{settings.suffix}"
        return Outcome(
            (ProducedFile(out, name, "segment"),),
            UnitFacts(
                seconds=time.monotonic() - began, device="CPU", extra={"frames": facts.frames}
            ),
        )

    async def _encode(
        self, frames: list[Path], settings: MovieSettings, out: Path, progress: Progress
    ) -> SegmentFacts:
        # Loads FFmpeg, which takes 0.2 s that the start of the agent need not wait for.
        from framefarm.media.movies import encode_segment  # noqa: PLC0415

        threads = self._resources.threads

        def encode(report: Report) -> SegmentFacts:
            return encode_segment(frames, settings, out, threads=threads, on_frame=report)

        try:
            return await in_thread(
                self._resources.pool,
                encode,
                total=len(frames),
                phase="encoding",
                progress=progress,
            )
        except (MediaError, OSError) as error:
            raise UnitFailedError("error", str(error)) from error


def movie_settings(task: MovieTask) -> MovieSettings:
    """What the media package needs to know.

    Raises:
        UnitFailedError: `refused`: no movie can have these settings.
    """
    try:
        return MovieSettings(
            container=task.container,
            codec=task.codec,
            fps=Fraction(task.fps_numerator, task.fps_denominator),
            gop=task.segment_frames,
            quality=task.quality,
            profile=task.profile,
            width=task.width,
            height=task.height,
        )
    except (MovieSettingsError, ZeroDivisionError) as error:
        raise UnitFailedError("refused", str(error)) from error
