"""Where the files are that a .blend links: on this disk, or in a project from elsewhere."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TILES = re.compile(r"<UDIM>|<UVTILE>")
_DIGITS = re.compile(r"\d+")
_LAST_DIGITS = re.compile(r"\d+(?!.*\d)")
_DRIVE = re.compile(r"[A-Za-z]:")
_FOLDERS_UP = 3
_PARTS_TRIED = 12


@dataclass(frozen=True, slots=True)
class Found:
    """Where a linked file is.

    Attributes:
        path: The file, a folder, or what stands for all files of a sequence.
        files: Those that are there; none when it is missing.
    """

    path: Path
    files: tuple[Path, ...]


class Finder(Protocol):
    """Finds linked files."""

    def find(self, said: Path, *, is_sequence: bool, near: Path | None) -> Found:
        """A linked file.

        Args:
            said: Where the .blend says it is, as an absolute path; of another system, perhaps.
            is_sequence: Whether it may stand for several files.
            near: The folder of the .blend, where it names the file absolutely.
        """
        ...


class WhereSaid:
    """Finds files exactly where the .blend says that they are."""

    def find(self, said: Path, *, is_sequence: bool, near: Path | None = None) -> Found:
        """See `Finder`."""
        del near
        return Found(said, tuple(_sequence(said) if is_sequence else _single(said)))


class NearBy:
    r"""Finds also what the .blend names by an absolute path of another machine.

    `C:\film\maps\wood.png` is `maps/wood.png` or `wood.png`, in the .blend's folder or one of
    those above it: of all these the one that has the most of the path.
    """

    def find(self, said: Path, *, is_sequence: bool, near: Path | None) -> Found:
        """See `Finder`."""
        there = WhereSaid().find(said, is_sequence=is_sequence)
        if there.files or near is None:
            return there
        parts = _parts(said)[-_PARTS_TRIED:]
        for start in range(len(parts)):
            for base in (near, *near.parents[:_FOLDERS_UP]):
                found = WhereSaid().find(base.joinpath(*parts[start:]), is_sequence=is_sequence)
                if found.files:
                    return found
        return there


class Within:
    """Finds files of one folder and no others, by where they are said to be or by their names.

    The folder came from another machine, with all that is in it. So what a .blend in it names by a
    path that is none here is the file whose path has the most of that path at its end; where
    several are equally good, none. Capitals do not count, nor do ways to write an accent.

    Args:
        root: The folder.
        places: Its files, below it, with `/` between the parts.
    """

    def __init__(self, root: Path, places: Iterable[str]) -> None:
        self._root = root
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._inside: dict[str, list[str]] = defaultdict(list)
        self._named: dict[str, list[str]] = defaultdict(list)
        self._numbered: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
        for place in sorted(places):
            self._add(place)

    def _add(self, place: str) -> None:
        self._files[_folded(place)] = place
        folder, _, name = place.rpartition("/")
        self._named[_folded(name)].append(place)
        for run in _DIGITS.finditer(name):
            masked = _folded(_masked(name, run))
            self._numbered[masked].append((place, run.start(), run.end()))
        while folder:
            if _folded(folder) not in self._folders:
                self._folders[_folded(folder)] = folder
                self._named[_folded(folder.rpartition("/")[2])].append(folder)
            self._inside[folder].append(place)
            folder = folder.rpartition("/")[0]

    def find(self, said: Path, *, is_sequence: bool, near: Path | None = None) -> Found:
        """See `Finder`."""
        del near
        run = (_TILES.search(said.name) or _LAST_DIGITS.search(said.name)) if is_sequence else None
        found = self._numbered_as(said, run) if run is not None else None
        return found or self._one(said) or Found(said, ())

    def _one(self, said: Path) -> Found | None:
        """A file, or a folder."""
        key = _folded("/".join(self._below(said)))
        place = self._files.get(key) or self._folders.get(key)
        if place is None:
            place = _best(self._named.get(_folded(said.name), ()), _parts(said))
        if place is None:
            return None
        inside = self._inside.get(place, [place])
        return Found(self._root / place, tuple(self._root / one for one in inside))

    def _numbered_as(self, said: Path, run: re.Match[str]) -> Found | None:
        """The files of a sequence, all in one folder."""
        alike = self._numbered.get(_folded(_masked(said.name, run)), [])
        by_folder: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
        for one in alike:
            by_folder[one[0].rpartition("/")[0]].append(one)
        folder = self._folder(list(by_folder), said)
        if folder is None:
            return None
        found = by_folder[folder]
        place, start, end = found[0]
        name = place.rpartition("/")[2]
        standing_for_all = self._root / folder / (name[:start] + run[0] + name[end:])
        return Found(standing_for_all, tuple(self._root / one for one, _, _ in found))

    def _folder(self, folders: Sequence[str], said: Path) -> str | None:
        here = "/".join(self._below(said.parent))
        exact = next((one for one in folders if _folded(one) == _folded(here)), None)
        return exact if exact is not None else _best(folders, _parts(said.parent))

    def _below(self, said: Path) -> tuple[str, ...]:
        """The parts of a path below the root; nothing for one elsewhere."""
        try:
            return said.relative_to(self._root).parts
        except ValueError:
            return ()


def _best(places: Sequence[str], parts: Sequence[str]) -> str | None:
    """The place that shares the most parts with the end of a path; None where several do."""
    scored = sorted(((_shared(place, parts), place) for place in places), reverse=True)
    if not scored or (len(scored) > 1 and scored[0][0] == scored[1][0]):
        return None
    return scored[0][1]


def _shared(place: str, parts: Sequence[str]) -> int:
    count = 0
    for here, there in zip(reversed(place.split("/")), reversed(parts), strict=False):
        if _folded(here) != _folded(there):
            break
        count += 1
    return count


def _parts(said: Path) -> list[str]:
    """The names in a path, without its root or drive, of whichever system."""
    return [part for part in said.parts if part != said.anchor and not _DRIVE.fullmatch(part)]


def _masked(name: str, run: re.Match[str]) -> str:
    return f"{name[: run.start()]}\0{name[run.end() :]}"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def _single(path: Path) -> Iterable[Path]:
    try:
        return (path,) if path.exists() else ()
    except (OSError, ValueError):
        return ()  # a name no file system takes


def _sequence(path: Path) -> Iterable[Path]:
    pattern = _sequence_pattern(path.name)
    if pattern is None:
        return _single(path)
    try:
        return sorted(entry for entry in path.parent.iterdir() if pattern.fullmatch(entry.name))
    except (OSError, ValueError):
        return ()


def _sequence_pattern(name: str) -> re.Pattern[str] | None:
    """Matches the names of all files of a sequence, given one of them or a UDIM name."""
    run = _TILES.search(name) or _LAST_DIGITS.search(name)
    if run is None:
        return None
    return re.compile(re.escape(name[: run.start()]) + r"\d+" + re.escape(name[run.end() :]))
