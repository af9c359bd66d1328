"""What every executor is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor as Pool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from framefarm.agent.errors import UnitFailedError
from framefarm.blender.installations import BlenderInstallation
from framefarm.processes.child_process import NO_LIMITS, ChildLimits

if TYPE_CHECKING:
    from framefarm.agent.cache import BlobCache
    from framefarm.agent.journal import Journal
    from framefarm.agent.settings import AgentSettings
    from framefarm.agent.sources import SourceFiles
    from framefarm.agent.thumbnails import Thumbnailer
    from framefarm.agent.trees import Trees
    from framefarm.agent.work import Outcome, UnitWork

Progress = Callable[[int, int, str], None]
"""Steps done, steps in all, phase. May be called as often as one likes, on the event loop."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SlotResources:
    """What an executor may use.

    Attributes:
        slot: Name of its slot.
        settings: The agent's.
        threads: CPU threads of the slot.
        blenders: The Blenders here, in order of preference.
        cache: Files by hash.
        trees: Projects of several files, laid out.
        sources: Files in their own place.
        thumbnails: Makes small pictures of frames.
        pool: Threads of low priority, for what can wait.
        scratch_dir: For children's temporary files; emptied when the agent starts.
        limits: What the slot's children may take.
        device: What the slot renders on: `CPU`, or `GPU:` and a number.
        cycles_device: The same as Blender is told it; see `RenderSettings.device`.
        journal: Bound to the slot.
    """

    slot: str
    settings: AgentSettings
    threads: int
    blenders: tuple[BlenderInstallation, ...]
    cache: BlobCache
    trees: Trees
    sources: SourceFiles
    thumbnails: Thumbnailer
    pool: Pool
    scratch_dir: Path
    journal: Journal
    limits: ChildLimits = NO_LIMITS
    device: str = "CPU"
    cycles_device: str = "CPU"


class Executor(Protocol):
    """Makes units of some kinds, one at a time."""

    @property
    def warm(self) -> str | None:
        """SHA-256 of the .blend it holds open, if it does that sort of thing."""

    async def run(self, work: UnitWork, workdir: Path, progress: Progress) -> Outcome:
        """Make a unit.

        When cancelled it ends within a second, and nothing of it goes on in the background.

        Args:
            work: The unit.
            workdir: An empty folder of its own, for everything it writes.
            progress: To be called whenever there is some: a unit without is killed (L10).

        Returns:
            What was made; its files lie in `workdir`.

        Raises:
            UnitFailedError: It could not be made.
        """

    async def prepare(self) -> None:
        """Get ready for the first unit as far as can be guessed. Never raises."""

    async def upkeep(self) -> None:
        """Called about once a second while no unit is in work. Never raises."""

    async def close(self) -> None:
        """End everything it started, within a second."""


class Unprepared:
    """The parts of `Executor` for those that hold nothing between units."""

    @property
    def warm(self) -> str | None:
        """Nothing is held."""
        return None

    async def prepare(self) -> None:
        """Nothing to prepare."""

    async def upkeep(self) -> None:
        """Nothing to look after."""

    async def close(self) -> None:
        """Nothing to end."""


def read_settings(work: UnitWork, kind: type[_T]) -> _T:
    """The executor's settings.

    Raises:
        UnitFailedError: They are not what this agent understands.
    """
    try:
        return msgspec.json.decode(work.settings, type=kind)
    except msgspec.DecodeError as error:
        raise UnitFailedError(
            "error",
            f"this worker does not understand the settings of a {work.kind} stage ({error}); "
            "worker and manager should be of the same version",
        ) from error
