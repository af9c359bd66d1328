"""The files of a rendered frame: pictures, layers, thumbnail, log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.agent.work import ProducedFile
from framefarm.core.naming import safe_path
from framefarm.protocol.limits import MAX_LOG_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from framefarm.agent.journal import Journal
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

    def make_extras(self) -> tuple[ProducedFile, ...]:
        """Make the thumbnail and the log's file. A picture that cannot be shrunk has none."""
        number = f"{self.frame:04d}"
        log = self.workdir / "log.txt"
        log.write_bytes(log_bytes(self.log_text))
        made = [ProducedFile(log, f"log/{number}.txt", "log")]
        thumbnail = self._make_thumbnail()
        if thumbnail is not None:
            made.append(ProducedFile(thumbnail, f"thumb/{number}.webp", "thumbnail"))
        return tuple(made)

    def _make_thumbnail(self) -> Path | None:
        # FFmpeg and OpenImageIO take 0.4 s to load; the first frame is long rendering by then.
        from framefarm.media.errors import MediaError  # noqa: PLC0415
        from framefarm.media.thumbnails import make_thumbnail  # noqa: PLC0415

        out = self.workdir / "thumbnail.webp"
        try:
            make_thumbnail(self.images[0].path, out)
        except (MediaError, OSError) as error:
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
