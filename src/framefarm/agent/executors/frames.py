"""The files of a rendered frame: pictures, layers, thumbnail, log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.agent.work import ProducedFile
from framefarm.core.naming import safe_path
from framefarm.processes.errors import ChildError
from framefarm.protocol.limits import MAX_LOG_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from framefarm.agent.journal import Journal
    from framefarm.agent.thumbnails import Thumbnailer
    from framefarm.blender.warm import RenderedFrame, WrittenFile
    from framefarm.protocol import FileRole


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """What a frame's result consists of.

    Attributes:
        frame: Its number.
        images: The picture; several for a stereo scene.
        layers: What File Output nodes wrote.
        log_text: What Blender printed.
        workdir: Where the thumbnail and the log go.
        journal: Where it is told that a thumbnail could not be made.
    """

    frame: int
    images: tuple[ProducedFile, ...]
    layers: tuple[ProducedFile, ...]
    log_text: str
    workdir: Path
    journal: Journal

    @classmethod
    def of(cls, rendered: RenderedFrame, workdir: Path, journal: Journal) -> FrameFiles:
        """Name what Blender wrote."""
        taken: set[str] = set()
        return cls(
            frame=rendered.frame,
            images=_named(rendered.files, "image", taken),
            layers=_named(rendered.others, "layer", taken),
            log_text=rendered.log_text,
            workdir=workdir,
            journal=journal,
        )

    async def make_extras(self, thumbnails: Thumbnailer) -> tuple[ProducedFile, ...]:
        """Make the log's file and the thumbnail. A picture that cannot be shrunk has none.

        Raises:
            OSError: The log cannot be written.
        """
        number = f"{self.frame:04d}"
        log = self.workdir / "log.txt"
        await asyncio.to_thread(log.write_bytes, log_bytes(self.log_text))
        made = [ProducedFile(log, f"log/{number}.txt", "log")]
        thumbnail = await self._make_thumbnail(thumbnails)
        if thumbnail is not None:
            made.append(ProducedFile(thumbnail, f"thumb/{number}.webp", "thumbnail"))
        return tuple(made)

    async def _make_thumbnail(self, thumbnails: Thumbnailer) -> Path | None:
        out = self.workdir / "thumbnail.webp"
        try:
            await thumbnails.make(self.images[0].path, out)
        except ChildError as error:
            self.journal.warning("no thumbnail", frame=self.frame, reason=str(error))
            return None
        return out


def log_bytes(text: str) -> bytes:
    """A log as UTF-8, its end kept when it is longer than the protocol takes."""
    whole = text.encode(errors="replace")
    if len(whole) <= MAX_LOG_BYTES:
        return whole
    # Decoding drops the half character the cut may have left in front.
    return whole[-MAX_LOG_BYTES:].decode(errors="ignore").encode()


def _named(
    files: Iterable[WrittenFile], role: FileRole, taken: set[str]
) -> tuple[ProducedFile, ...]:
    return tuple(
        ProducedFile(Path(file.path), _free_name(safe_path(file.name), taken), role)
        for file in files
    )


def _free_name(name: str, taken: set[str]) -> str:
    # The manifest compares names without case, as Windows and macOS do.
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        stem, dot, ending = name.rpartition(".")
        free = f"{stem}-{number}.{ending}" if dot else f"{name}-{number}"
    taken.add(free.casefold())
    return free
