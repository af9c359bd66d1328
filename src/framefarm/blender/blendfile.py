"""Reading a .blend without Blender: who saved it, its scenes, the files it links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.blender.blocks import BoundedFile, translated
from framefarm.blender.errors import BlendFileDamagedError
from framefarm.blender.finding import Finder, WhereSaid
from framefarm.blender.links import LinkedFile, trace_links
from framefarm.blender.scene_facts import SceneFacts, read_active_scene, read_scenes
from framefarm.blender.unpacking import DEFAULT_LIMITS, Compression, ReadLimits
from framefarm.core.versions import BlenderVersion

if TYPE_CHECKING:
    from pathlib import Path

_WHERE_SAID = WhereSaid()


@dataclass(frozen=True, slots=True)
class BlendFile:
    """What a .blend says about itself.

    Attributes:
        path: The file as it was given.
        saved_by: Version of the Blender that saved it.
        compression: How it is packed.
        scenes: Its own scenes, at least one.
        active_scene: Name of the scene that was open when it was saved.
        links: Files it links; empty when they were not asked for.
    """

    path: Path
    saved_by: BlenderVersion
    compression: Compression
    scenes: tuple[SceneFacts, ...]
    active_scene: str
    links: tuple[LinkedFile, ...]

    def scene(self, name: str | None = None) -> SceneFacts | None:
        """The scene of that name, the active one for None; None when there is no such scene."""
        wanted = self.active_scene if name is None else name
        return next((scene for scene in self.scenes if scene.name == wanted), None)

    @property
    def missing(self) -> tuple[LinkedFile, ...]:
        """The linked files that are not there."""
        return tuple(link for link in self.links if link.missing)

    @property
    def missing_paths(self) -> tuple[str, ...]:
        """The same, as the .blend names them, each once."""
        return tuple(dict.fromkeys(link.path for link in self.missing))


def read_blend(
    path: Path,
    *,
    trace: bool = True,
    limits: ReadLimits = DEFAULT_LIMITS,
    finder: Finder = _WHERE_SAID,
) -> BlendFile:
    """Read a .blend of Blender 2.80 or newer.

    Args:
        path: The file; packed with gzip or zstd, or plain.
        trace: Whether to list linked files too, which opens linked libraries.
        limits: What a packed file may unpack to.
        finder: Finds what it links.

    Returns:
        What the file says.

    Raises:
        BlendFileError: It cannot be read; see its kinds.
    """
    file = BoundedFile(path, limits)
    try:
        with translated(path):
            scenes = read_scenes(file)
            if not scenes:
                raise BlendFileDamagedError(path, "holds no scene, so there is nothing to render")
            return BlendFile(
                path=path,
                saved_by=BlenderVersion.from_header(file.header.version),
                compression=file.compression,
                scenes=scenes,
                active_scene=_active(scenes, read_active_scene(file)),
                links=trace_links(file, limits, finder) if trace else (),
            )
    finally:
        file.close()


def _active(scenes: tuple[SceneFacts, ...], name: str | None) -> str:
    return name if name in {scene.name for scene in scenes} and name else scenes[0].name
