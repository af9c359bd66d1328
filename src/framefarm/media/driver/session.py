"""The orders that the encoder carries out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av.logging

from framefarm.media.errors import MediaError
from framefarm.media.movies import JoinFacts, SegmentFacts, encode_segment, join_segments
from framefarm.media.settings import MovieSettings
from framefarm.media.thumbnails import make_thumbnail
from framefarm.processes.child.channel import Channel
from framefarm.processes.child.own_process import forget_peak_memory, peak_memory_bytes
from framefarm.processes.child.serving import Carry, RefusedError

PROGRESS_EVERY_S = 0.2


class Session:
    """Encodes, joins, and makes thumbnails.

    Attributes:
        orders: What carries out which order.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.orders: Mapping[str, Carry] = {
            "encode": self._encode,
            "join": self._join,
            "thumbnail": self._thumbnail,
        }
        # FFmpeg writes to standard error by itself, so its last words survive a crash. PyAV's own
        # way would take the interpreter's lock from the encoder's threads.
        av.logging.restore_default_callback()
        av.logging.set_libav_level(av.logging.INFO)

    def _encode(
        self, frames: list[str], settings: dict[str, Any], out: str, threads: int
    ) -> tuple[str, dict[str, Any]]:
        with _refusals():
            facts = encode_segment(
                [Path(frame) for frame in frames],
                MovieSettings.from_dict(settings),
                Path(out),
                threads=threads,
                on_frame=self._teller(),
            )
        return "encoded", _report(facts)

    def _join(
        self, segments: list[str], settings: dict[str, Any], out: str
    ) -> tuple[str, dict[str, Any]]:
        with _refusals():
            facts = join_segments(
                [Path(segment) for segment in segments],
                MovieSettings.from_dict(settings),
                Path(out),
                on_segment=self._teller(),
            )
        return "joined", _report(facts)

    def _thumbnail(self, picture: str, out: str) -> tuple[str, dict[str, Any]]:
        with _refusals():
            facts = make_thumbnail(Path(picture), Path(out))
        return "made", {"facts": dataclasses.asdict(facts)}

    def _teller(self) -> Callable[[int], None]:
        """What tells how many frames are done, not more often than anybody looks."""
        forget_peak_memory()
        told_at = 0.0

        def tell(done: int) -> None:
            nonlocal told_at
            now = time.monotonic()
            if now - told_at >= PROGRESS_EVERY_S:
                told_at = now
                self._channel.report("progress", done=done)

        return tell


def _report(facts: SegmentFacts | JoinFacts) -> dict[str, Any]:
    return {"facts": dataclasses.asdict(facts), "peak_memory_bytes": peak_memory_bytes()}


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except MediaError as error:
        # FFmpeg's own lack of memory comes as one of these, with the system's words for it.
        raise RefusedError(error.code, str(error)) from error
    except MemoryError as error:
        raise RefusedError("memory", f"out of memory: {error}") from error
    except OSError as error:
        raise RefusedError("disk", str(error)) from error
