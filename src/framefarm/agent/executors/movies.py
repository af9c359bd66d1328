"""What a unit of a movie is: a segment to encode, or segments to join."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.contract import read_settings
from framefarm.agent.work import ProducedFile
from framefarm.media.errors import MovieSettingsError
from framefarm.media.settings import MovieSettings
from framefarm.protocol.tasks import JoinTask, MovieTask

if TYPE_CHECKING:
    from framefarm.agent.work import UnitWork
    from framefarm.media.warm import Encoded, OnFrame, WarmEncoder


class MediaJob(Protocol):
    """One unit.

    Attributes:
        file: What it makes.
        phase: What it does, for people.
    """

    file: ProducedFile
    phase: str

    def total(self, inputs: list[Path]) -> int:
        """How many frames it will have."""

    async def make(
        self, encoder: WarmEncoder, inputs: list[Path], *, on_frame: OnFrame, stall_s: float | None
    ) -> Encoded:
        """Make it.

        Raises:
            ChildError: It could not be made.
        """

    def check(self, frames: int) -> None:
        """Look whether it has the frames it should have.

        Raises:
            UnitFailedError: It has not.
        """

    def told(self, frames: int) -> dict[str, Any]:
        """What is told of it."""


class Segment:
    """Encoding the frames of a segment.

    Raises:
        UnitFailedError: `refused`: no movie can have these settings.
    """

    phase = "encoding"

    def __init__(self, work: UnitWork, workdir: Path, *, threads: int) -> None:
        self._settings = movie_settings(read_settings(work, MovieTask))
        self._threads = threads
        suffix = self._settings.suffix
        name = f"segment/{work.unit:05d}{suffix}"
        self.file = ProducedFile(workdir / f"segment{suffix}", name, "segment")

    def total(self, inputs: list[Path]) -> int:
        """A frame for each picture."""
        return len(inputs)

    async def make(
        self, encoder: WarmEncoder, inputs: list[Path], *, on_frame: OnFrame, stall_s: float | None
    ) -> Encoded:
        """Encode; see `MediaJob.make`."""
        return await encoder.encode(
            inputs,
            self._settings,
            self.file.path,
            threads=self._threads,
            on_frame=on_frame,
            stall_s=stall_s,
        )

    def check(self, frames: int) -> None:
        """The encoder takes every picture or refuses."""

    def told(self, frames: int) -> dict[str, Any]:
        """How many frames it has."""
        return {"frames": frames}


class Joining:
    """Joining a movie's segments without encoding again.

    Raises:
        UnitFailedError: `refused`: no movie can have these settings.
    """

    phase = "joining"

    def __init__(self, work: UnitWork, workdir: Path, *, threads: int) -> None:
        del threads  # copying takes one
        task = read_settings(work, JoinTask)
        self._settings = movie_settings(task.movie)
        self._frames = task.frames
        self.file = ProducedFile(workdir / f"movie{self._settings.suffix}", task.name, "movie")

    def total(self, inputs: list[Path]) -> int:
        """What the job says; how many lie in a segment is only known inside."""
        del inputs
        return self._frames

    async def make(
        self, encoder: WarmEncoder, inputs: list[Path], *, on_frame: OnFrame, stall_s: float | None
    ) -> Encoded:
        """Join; see `MediaJob.make`."""
        return await encoder.join(
            inputs, self._settings, self.file.path, on_frame=on_frame, stall_s=stall_s
        )

    def check(self, frames: int) -> None:
        """See `MediaJob.check`."""
        if frames != self._frames:
            raise UnitFailedError(
                "error", f"the joined movie has {frames} frames instead of {self._frames}"
            )

    def told(self, frames: int) -> dict[str, Any]:
        """How many frames it has, and how long it plays."""
        return {"frames": frames, "duration_s": float(frames / self._settings.fps)}


JOB_OF_KIND: Mapping[str, Callable[..., MediaJob]] = {"movie": Segment, "join": Joining}
"""By kind of stage."""


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
