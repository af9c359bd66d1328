"""Names of the files of a project, as they may become files on anybody's disk.

They come from other machines and name files that are made here, so what is not plainly a place
below the project's folder, on every system, is refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from framefarm.core.errors import FrameFarmError

_LONGEST_PART_BYTES = 255
_LONGEST = 1_000
_FORBIDDEN = frozenset(":\\")


class TreePathError(FrameFarmError):
    """A name that no file of a project may have."""

    code = "bad_path"


def check_tree_paths(paths: Iterable[str]) -> None:
    """Make sure that files of these names can lie side by side below one folder.

    Args:
        paths: Their names, with `/` between the parts.

    Raises:
        TreePathError: One of them is no such name, or two would be the same file, or one is a file
            and the folder of another.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        check_tree_path(path)
        key = folded(path)
        if key in files:
            raise TreePathError(f"{_shown(path)} and {_shown(files[key])} would be one file.")
        files[key] = path
        while "/" in key:
            key = key.rpartition("/")[0]
            folders.setdefault(key, path)
    for key in files.keys() & folders.keys():
        raise TreePathError(
            f"{_shown(files[key])} would be a file, and the folder of {_shown(folders[key])}."
        )


def check_tree_path(path: str) -> None:
    """Make sure that a name is plainly a place below a folder, on every system.

    Raises:
        TreePathError: It is not.
    """
    if len(path) > _LONGEST:
        raise TreePathError(f"{_shown(path)} has more than {_LONGEST:,} characters.")
    for part in path.split("/"):
        if why := _wrong_with(part):
            raise TreePathError(f"{_shown(path)} is no name for a file of a project: {why}.")


def _wrong_with(part: str) -> str:
    if part in {"", ".", ".."}:
        return "it is absolute, or not plainly below the project's folder"
    if not part.isprintable():
        return "it has characters that cannot be seen"
    if found := _FORBIDDEN.intersection(part):
        return f"to Windows, {min(found)} in it leads elsewhere"
    if len(part.encode(errors="replace")) > _LONGEST_PART_BYTES:
        return f"a part of it has more than {_LONGEST_PART_BYTES} bytes"
    return ""


def folded(path: str) -> str:
    """What tells files apart where case and ways to write an accent do not count."""
    return unicodedata.normalize("NFC", path.casefold())


def _shown(path: str) -> str:
    return repr(path if len(path) <= 120 else f"{path[:117]}...")  # noqa: PLR2004  to be read
