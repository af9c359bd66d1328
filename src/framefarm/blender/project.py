"""All files that rendering a .blend takes, as one tree whose inner paths resolve.

The tree is the part of the disk that holds them, from their common folder downwards, so relative
paths lead to the same files as here. Absolute ones are made relative, in copies of the .blends that
have them, and so are those of files that were found elsewhere than the .blend says.
"""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.blender.errors import BlenderError
from framefarm.blender.rewriting import rewrite_links
from framefarm.core.tree_paths import TreePathError, check_tree_paths
from framefarm.protocol.trees import MAX_TREE_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from framefarm.blender.links import LinkedFile

_SUFFIX = ".blend"


class ProjectTooLargeError(BlenderError):
    """A .blend links more files than a project may have."""

    code = "too_many_files"


@dataclass(frozen=True)
class Project:
    """A .blend and all that it links.

    Attributes:
        blend: The .blend's place in the tree.
        files: Where each file of the tree is read from, by its place.
        warnings: What may be wrong with it.
    """

    blend: str
    files: dict[str, Path]
    warnings: tuple[str, ...] = field(default=())


def gather(blend: Path, links: Iterable[LinkedFile], folder: Path) -> Project:
    """Find the files of a project, and make their paths resolve.

    Args:
        blend: The file to render.
        links: What it links, and what that links; see `trace_links`.
        folder: An empty folder for changed copies.

    Raises:
        ProjectTooLargeError: There are too many files.
        TreePathError: A file's name is none that other systems could have.
        BlendFileError: A library cannot be read.
        OSError: A copy cannot be written.
    """
    linked = tuple(links)
    main = Path(os.path.abspath(blend))  # noqa: PTH100  as written: following links would move it
    sources = _sources(main, linked)
    places = _places(sources)
    project = Project(places[main], {place: source for source, place in places.items()})
    _check_names(project)
    return _made_relative(project, linked, places, folder)


def gather_all(
    blend: str, links: Iterable[LinkedFile], files: dict[str, Path], folder: Path
) -> Project:
    """Make the paths of a project resolve whose files are all below one folder, linked or not.

    Args:
        blend: The file to render, one of `files`.
        links: What it links, and what that links; found among the files.
        files: All of them, by their places in the tree.
        folder: An empty folder for changed copies.

    Raises:
        BlendFileError: A library cannot be read.
        OSError: A copy cannot be written.
    """
    places = {source: place for place, source in files.items()}
    return _made_relative(Project(blend, dict(files)), links, places, folder)


def _made_relative(
    project: Project, links: Iterable[LinkedFile], places: dict[Path, str], folder: Path
) -> Project:
    """The same with changed copies of those .blends whose paths would not resolve elsewhere."""
    found: dict[Path, dict[Path, Path]] = {}
    changing: set[Path] = set()
    for link in links:
        if link.files:
            found.setdefault(link.linked_by, {})[link.said] = link.absolute
            if not link.path.startswith("//") or link.said != link.absolute:
                changing.add(link.linked_by)
    warnings: list[str] = []
    for number, file in enumerate(sorted(changing & places.keys())):
        copy = folder / f"{number}{_SUFFIX}"
        warnings += _rewrite(file, copy, places, found[file])
        project.files[places[file]] = copy
    return Project(project.blend, project.files, tuple(warnings))


def _check_names(project: Project) -> None:
    try:
        check_tree_paths(project.files)
    except TreePathError as error:
        raise TreePathError(f"{error} Rename it, and link it anew in Blender.") from error


def _sources(main: Path, links: Iterable[LinkedFile]) -> list[Path]:
    found = {main: None}
    for link in links:
        for path in link.files:
            for file in _files_in(path):
                found[file] = None
                if len(found) > MAX_TREE_FILES:
                    raise ProjectTooLargeError(
                        f"{main} links more than {MAX_TREE_FILES:,} files, {link.path} among them"
                    )
    return list(found)


def _files_in(path: Path) -> Iterator[Path]:
    """The file itself, or all in a folder: caches of simulations are folders."""
    if not path.is_dir():
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in sorted(names))


def _places(sources: list[Path]) -> dict[Path, str]:
    """Where each file lies in the tree."""
    by_drive: dict[str, list[Path]] = {}
    for source in sources:
        by_drive.setdefault(source.drive, []).append(source)
    places = {}
    for drive, files in by_drive.items():
        common = os.path.commonpath([file.parent for file in files])
        above = [re.sub(r"\W", "", drive)] if len(by_drive) > 1 else []
        for file in files:
            places[file] = "/".join([*above, file.relative_to(common).as_posix()])
    return places


def _rewrite(
    file: Path, copy: Path, places: dict[Path, str], found: dict[Path, Path]
) -> Iterator[str]:
    """Have a copy of a .blend say relatively where things are."""
    here = posixpath.dirname(places[file])
    folders = _folders(places)

    def place_of(said: Path) -> str | None:
        absolute = found.get(said, said)
        place = places.get(absolute) or folders.get(absolute)
        if place is None and absolute.parent in folders:
            # A sequence or tiles: what stands for them is no file itself.
            place = posixpath.join(folders[absolute.parent], absolute.name)
        return None if place is None else "//" + posixpath.relpath(place, here or ".")

    for path in rewrite_links(file, copy, place_of):
        yield f"{file.name} names {path} absolutely, and has no room for another path"


def _folders(places: dict[Path, str]) -> dict[Path, str]:
    """The folders in which there are files, and those around them, by where they are."""
    found: dict[Path, str] = {}
    for source, place in places.items():
        path, folder = source, place
        while folder:
            path, folder = path.parent, posixpath.dirname(folder)
            if path in found:
                break
            found[path] = folder
    return found
