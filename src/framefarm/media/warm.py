"""An encoder that stays up: encodes, joins and makes thumbnails in a process of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from framefarm.processes.child_process import (
    NO_LIMITS,
    ChildLimits,
    ChildProcess,
    own_libraries,
)
from framefarm.processes.warm import WarmProcess

if TYPE_CHECKING:
    from framefarm.media.settings import MovieSettings

OnFrame = Callable[[int], None]
"""Called with how many frames are done, a few times a second."""

LOG_LIMIT_BYTES = 1 << 20
START_TIMEOUT_S = 120.0
_WHO = "the encoder"


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an order made.

    Attributes:
        frames: How many it holds.
        peak_bytes: The most memory the process held meanwhile; 0 where the system does not tell.
    """

    frames: int
    peak_bytes: int


class WarmEncoder(WarmProcess):
    """One process that encodes; see `WarmProcess`."""

    @classmethod
    async def start(
        cls,
        *,
        scratch_dir: Path | None = None,
        limits: ChildLimits = NO_LIMITS,
        stall_s: float = 300.0,
    ) -> Self:
        """Start one and wait until it takes orders: 0.4 s.

        Args:
            scratch_dir: Where its home and temporary folder are made; the system's by default.
            limits: What it may take.
            stall_s: How long it may be silent while it works.

        Raises:
            ChildStartError: It ended at once, or did not come up in time.
            ChildMemoryError: To load its libraries alone takes more memory than it may.
        """
        began = time.monotonic()
        child = await ChildProcess.spawn(
            [sys.executable, "-P", "-m", "framefarm.media.driver"],
            log_limit_bytes=LOG_LIMIT_BYTES,
            scratch_dir=scratch_dir,
            limits=replace(limits, environment=limits.environment | own_libraries()),
        )
        warm = cls(child, who=_WHO, stall_s=stall_s)
        await warm._hello(_WHO, START_TIMEOUT_S, began=began)
        return warm

    async def encode(
        self,
        frames: Sequence[Path],
        settings: MovieSettings,
        out: Path,
        *,
        threads: int,
        on_frame: OnFrame,
        stall_s: float | None = None,
    ) -> Encoded:
        """Encode pictures as one segment; see `movies.encode_segment`.

        Raises:
            ChildRefusedError: The code of a `MediaError`, `disk` or `memory`; it goes on.
            ChildFailedError: It is gone.
        """
        doing = f"encoding {len(frames)} frames as {settings.codec}"
        order = {"order": "encode", "frames": _named(frames), "threads": threads}
        order |= _movie(settings, out)
        return await self._make(doing, order, "encoded", on_frame, stall_s)

    async def join(
        self,
        segments: Sequence[Path],
        settings: MovieSettings,
        out: Path,
        *,
        on_frame: OnFrame,
        stall_s: float | None = None,
    ) -> Encoded:
        """Make one movie of segments; see `movies.join_segments`.

        Raises:
            ChildRefusedError: The code of a `MediaError`, `disk` or `memory`; it goes on.
            ChildFailedError: It is gone.
        """
        doing = f"joining {len(segments)} segments"
        order = {"order": "join", "segments": _named(segments)} | _movie(settings, out)
        return await self._make(doing, order, "joined", on_frame, stall_s)

    async def thumbnail(self, picture: Path, out: Path, *, stall_s: float | None = None) -> None:
        """Make a small picture of a frame; see `thumbnails.make_thumbnail`.

        Raises:
            ChildRefusedError: The code of a `MediaError`, `disk` or `memory`; it goes on.
            ChildFailedError: It is gone.
        """
        named, target = _named([picture, out])
        order = {"order": "thumbnail", "picture": named, "out": target}
        await self._talk.ask(f"shrinking {picture.name}", order, "made", stall_s)

    async def _make(
        self,
        doing: str,
        order: dict[str, Any],
        answer: str,
        on_frame: OnFrame,
        stall_s: float | None,
    ) -> Encoded:
        report, _ = await self._talk.ask(
            doing,
            order,
            answer,
            stall_s,
            lambda progress: on_frame(progress["done"]),
            into=Path(order["out"]).parent,
        )
        peak = max(report["peak_memory_bytes"], self._child.memory.peak_bytes)
        return Encoded(report["facts"]["frames"], peak)


def _movie(settings: MovieSettings, out: Path) -> dict[str, Any]:
    """What is to be made, and where."""
    return {"settings": settings.to_dict(), "out": _named([out])[0]}


def _named(paths: Sequence[Path]) -> list[str]:
    # The process works in a folder of its own.
    return [str(path.absolute()) for path in paths]
