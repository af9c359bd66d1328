"""Whose file a name says it is: that of which frame.

Names are what Blender makes of the scene's paths, on the worker. The manager knows the scene's own
output path and not those of its File Output nodes, so it asks two things of a name: that it carries
its frame's number, and that it is not what the output path makes of another frame.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from framefarm.core.naming import IMAGE_ENDINGS, frame_name, safe_path

_DIGITS = 4
_MOVIE_ENDINGS: Final = (".mp4", ".mkv", ".webm", ".mov")
_RUN = re.compile(r"(-?)(\d+)", re.ASCII)
_HASHES = re.compile(r"#+(?=[^#]*$)")
_VARIABLE = re.compile(r"(\{[^{}]*\})")
"""`{blend_name}` and so on, which Blender fills in since 4.5."""


def may_name(name: str, frame: int, *, output_path: str | None, extension: str) -> bool:
    """Whether a file of a frame, its picture or a layer, may have a name.

    Args:
        name: Relative path with forward slashes.
        frame: Its frame.
        output_path: The scene's output path, None when it is not known.
        extension: Of its pictures, with the dot; empty when the scene wants none.

    Returns:
        False for a name without the frame's number, that of another frame's picture, that of a
        movie, and one that lies below what should be a file.
    """
    *folders, base = name.split("/")
    if any(folder.lower().endswith((*IMAGE_ENDINGS, *_MOVIE_ENDINGS)) for folder in folders):
        return False
    if base.lower().endswith(_MOVIE_ENDINGS):
        return False
    if output_path is not None and not folders:
        named = frame_of(base, output_path, extension)
        if named is not None:
            return named == frame
    return _carries(base, frame)


def frame_of(name: str, output_path: str, extension: str) -> int | None:
    """The frame whose picture has a name by the output path, None when none has.

    A stereo scene puts the view's suffix before the extension. One with digits is not known as
    such: it could as well be the number of another frame.
    """
    pattern, digits = _pattern(output_path, extension)
    found = pattern.fullmatch(name)
    if found is None:
        return None
    number = int(found["number"])
    written = f"{'-' if number < 0 else ''}{abs(number):0{digits}d}"
    return number if written == found["number"] else None


@lru_cache(maxsize=1_000)
def _pattern(output_path: str, extension: str) -> tuple[re.Pattern[str], int]:
    stem = re.split(r"[/\\]", output_path)[-1]
    stem = safe_path(stem if "#" in stem else stem + "#" * _DIGITS)
    hashes = _HASHES.search(stem)
    assert hashes is not None
    before, digits = stem[: hashes.start()], len(hashes[0])
    rest = frame_name(stem, 0, extension)[len(before) + digits :]
    after, dot, ending = rest.rpartition(".")
    if not dot:
        after, ending = rest, ""
    number = rf"(?P<number>-?\d{{{digits},}})"
    pattern = f"{_literal(before)}{number}{_literal(after)}[^\\d/]*{_literal(dot + ending)}"
    return re.compile(pattern, re.IGNORECASE | re.ASCII), digits


def _literal(text: str) -> str:
    """A pattern for text in which anything may stand for a variable."""
    parts = _VARIABLE.split(text)
    return "".join("[^/]*" if part.startswith("{") else re.escape(part) for part in parts)


def _carries(base: str, frame: int) -> bool:
    """Whether a name holds a frame's number; digits of the name itself may stand before it."""
    padded = f"{abs(frame):0{_DIGITS}d}"
    return any(
        (int(run) == abs(frame) or run.endswith(padded)) and (sign or frame >= 0)
        for sign, run in _RUN.findall(base)
    )
