"""Names under which files of different origin can lie side by side below one folder. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from framefarm.core.tree_paths import folded


class SideBySide:
    """Gives files names that no system takes for one, nor for a folder of another.

    Who comes first keeps its name; who comes later under the same one moves into a folder.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def take(self, name: str, folder: str) -> str:
        """The name for the next file.

        Args:
            name: That it has, with `/` between the parts.
            folder: Where it goes if that is taken, and if it is taken there as well, next to it:
                `v1/0001.png`, then `v1-2/0001.png`.
        """
        free = next(one for one in _choices(name, folder) if self._is_free(one))
        key = folded(free)
        self._files.add(key)
        self._folders.update(_folders_of(key))
        return free

    def _is_free(self, name: str) -> bool:
        key = folded(name)
        above = any(folder in self._files for folder in _folders_of(key))
        return not above and key not in self._files and key not in self._folders


def _choices(name: str, folder: str) -> Iterator[str]:
    yield name
    yield f"{folder}/{name}"
    yield from (f"{folder}-{number}/{name}" for number in count(2))


def _folders_of(key: str) -> Iterator[str]:
    while "/" in key:
        key = key.rpartition("/")[0]
        yield key
