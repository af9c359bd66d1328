"""A project that comes as a .zip: which .blend of it is rendered, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.blender.blendfile import BlendFile, read_blend
from framefarm.blender.errors import BlendFileError
from framefarm.blender.finding import Within
from framefarm.blender.project import Project, gather_all
from framefarm.blender.unzipping import DEFAULT_ZIP_LIMITS, ZipError, ZipLimits, unzip
from framefarm.core.listing import first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from framefarm.blender.unzipping import UnzippedFile

_SUFFIX = ".blend"


class WhichBlendError(ZipError):
    """A .zip has no .blend, or several and none is named, or not the one that is."""

    code = "which_blend"


@dataclass(frozen=True, slots=True)
class ZippedProject:
    """A .zip, unpacked and made to resolve.

    Attributes:
        project: All its files; those that were changed are copies.
        blend: What is in the one to render.
        unzipped: The files as they came.
        missing: What is linked and not in the .zip, as the .blend names it.
    """

    project: Project
    blend: BlendFile
    unzipped: tuple[UnzippedFile, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What is linked and not in the .zip, as the .blend names it."""
        return self.blend.missing_paths


def open_zipped(
    path: Path,
    folder: Path,
    *,
    wanted: str = "",
    limits: ZipLimits = DEFAULT_ZIP_LIMITS,
    make_room: Callable[[int], None] = lambda _: None,
) -> ZippedProject:
    """Unpack a .zip, and have what its .blend links found in it.

    Args:
        path: The .zip.
        folder: An empty one; holds the files afterwards.
        wanted: Which .blend: its place in the .zip, or the end of that; the only one without.
        limits: What it may unpack to.
        make_room: Told how many bytes will be written before the first is; may refuse.

    Raises:
        ZipError, ZipTooLargeError, TreePathError: It is not taken; see `unzip`.
        WhichBlendError: It is not clear what to render.
        BlendFileError: That is none, or damaged.
        OSError: The disk is full, or fails.
    """
    files, copies = folder / "files", folder / "copies"
    files.mkdir()
    copies.mkdir()
    unzipped = unzip(path, files, limits=limits, make_room=make_room)
    by_place = {file.place: file.path for file in unzipped}
    main = choose_blend(list(by_place), wanted)
    try:
        blend = read_blend(by_place[main], finder=Within(files, by_place))
        project = gather_all(main, blend.links, by_place, copies)
    except BlendFileError as error:
        # Where it was unpacked is nothing that its owner knows, or needs to.
        raise error.called(_named(error.path, files)) from error
    return ZippedProject(project, blend, tuple(unzipped))


def choose_blend(places: Sequence[str], wanted: str = "") -> str:
    """Which file of a .zip is to be rendered.

    Raises:
        WhichBlendError: None can be told from the others.
    """
    blends = [place for place in places if place.lower().endswith(_SUFFIX)]
    if not blends:
        raise WhichBlendError("The .zip has no .blend.")
    listed = first_of([repr(place) for place in blends])
    if not wanted:
        if len(blends) > 1:
            raise WhichBlendError(
                f"The .zip has {len(blends)} .blend files; say by `blend` which: {listed}."
            )
        return blends[0]
    asked = wanted.replace("\\", "/").removeprefix("./")
    found = [place for place in blends if place == asked]
    found = found or [place for place in blends if place.endswith(f"/{asked}")]
    if len(found) != 1:
        count = "several" if found else "no"
        raise WhichBlendError(f"The .zip has {count} {wanted[:200]!r}; its .blend files: {listed}.")
    return found[0]


def _named(path: Path, files: Path) -> str:
    return path.relative_to(files).as_posix() if path.is_relative_to(files) else path.name
