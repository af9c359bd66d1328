"""Blender versions: ordering, parsing, and which one renders a file.

A file remembers the `major.minor` that saved it. Blender promises to read files of older
versions, and to write and read one format within a `major.minor`, so patches never matter here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.core.errors import FrameFarmError

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERSION = re.compile(r"(?:blender\s+)?v?(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?\b", re.IGNORECASE)


class VersionTextError(FrameFarmError, ValueError):
    """A text is no Blender version.

    Attributes:
        text: What was given.
    """

    code = "bad_version"

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no Blender version; write it like 4.5 or 4.5.3")
        self.text = text


class NoBlenderForFileError(FrameFarmError):
    """No installed Blender can render a file of this version.

    Attributes:
        wanted: The version that saved the file.
        available: The versions there are, oldest first.
    """

    code = "no_blender"

    def __init__(self, wanted: BlenderVersion, available: Iterable[BlenderVersion]) -> None:
        self.wanted = wanted
        self.available = tuple(sorted(set(available)))
        there = ", ".join(map(str, self.available)) or "none"
        super().__init__(
            f"Blender {wanted} or newer is needed, and there is none (found: {there}); "
            f"install one with: framefarm blender install {wanted}"
        )


@dataclass(frozen=True, order=True, slots=True)
class BlenderVersion:
    """A Blender version as far as files care: `major.minor`.

    Attributes:
        major: 5 in 5.0.1.
        minor: 0 in 5.0.1.
    """

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> BlenderVersion:
        """Read `4.5`, `4.5.3`, `v4.5` or `Blender 4.5.3 LTS`.

        Raises:
            VersionTextError: The text does not start with a version.
        """
        match = _VERSION.match(text.strip())
        if match is None:
            raise VersionTextError(text)
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def from_header(cls, number: int) -> BlenderVersion:
        """Read the number in a .blend header: 304 is 3.4, 500 is 5.0.

        Files of 2.x count minors in two digits as well: 293 is 2.93.
        """
        return cls(*divmod(number, 100))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def choose_version(wanted: BlenderVersion, available: Iterable[BlenderVersion]) -> BlenderVersion:
    """Pick the Blender that renders a file saved by `wanted`.

    Args:
        wanted: The version that saved the file.
        available: The versions there are, in any order.

    Returns:
        The same version when it is there, else the nearest newer one. An older one is never
        chosen: it would drop what it does not know and render something else.

    Raises:
        NoBlenderForFileError: None is as new as the file.
    """
    there = set(available)
    candidates = [version for version in there if version >= wanted]
    if not candidates:
        raise NoBlenderForFileError(wanted, there)
    return min(candidates)
