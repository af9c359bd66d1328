"""Reading and printing sets of units as people write frames: `1-250,300,310-400x5`.

Two readers: `read_runs` for what people type, with limits and messages that teach, and
`stored_runs` for text this program printed itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from framefarm.core.span_runs import SpansError, joined

if TYPE_CHECKING:
    from collections.abc import Iterable

HIGHEST_FRAME = 1_048_574
"""Blender's own limit (`MAXFRAME`); the lowest frame is its negative (`MINAFRAME`)."""

MAX_PIECES = 10_000
MAX_TEXT = 64 * 1024
DEFAULT_LIMIT = 10_000_000

_PIECE = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?", re.ASCII)
_EXAMPLE = '"1-250", "1,5,9" or "1-250x10"'
_SHOWN = 60
_DIGITS = 9
"""Longest number looked at; int() of a number with thousands of digits is slow."""


def print_runs(runs: Iterable[range]) -> str:
    """Text of runs, such as `1-250,300,310-400x5`."""
    return ",".join(_print_run(run) for run in runs)


def _print_run(run: range) -> str:
    if len(run) == 1:
        return str(run[0])
    if run.step == 1:
        return f"{run[0]}-{run[-1]}"
    return f"{run[0]}-{run[-1]}x{run.step}"


def stored_runs(text: str) -> tuple[range, ...]:
    """Runs of a text which `print_runs` wrote, without limits.

    Args:
        text: A printed set; the empty text is the empty set.

    Returns:
        Canonical runs.

    Raises:
        SpansError: The text was not written by `print_runs`.
    """
    if not text:
        return ()
    if "," not in text:
        return (_stored_run(text),)
    return joined([_stored_run(piece) for piece in text.split(",")])


def _stored_run(piece: str) -> range:
    match = _PIECE.fullmatch(piece)
    if match is None:
        raise SpansError(f'Stored units "{_short(piece)}" cannot be read.', text=piece)
    first, last, step = match.groups()
    start = int(first)
    end = start if last is None else int(last)
    return range(start, end + 1, 1 if step is None else int(step))


def read_pieces(text: str, *, limit: int = DEFAULT_LIMIT) -> list[range]:
    """Runs of a text that a person typed, one per piece, in the order they were typed.

    Args:
        text: Pieces such as `5`, `1-250` or `1-250x10`, separated by commas. Frames may be
            negative (`-10--5`). White space around numbers does not matter.
        limit: Most units that all pieces together may name.

    Returns:
        One run per piece; they may overlap.

    Raises:
        SpansError: The text does not name units; the message says which piece is wrong,
            where it is, and what to write instead.
    """
    if len(text) > MAX_TEXT:
        raise SpansError(
            f"The frames are {len(text):,} characters long; at most {MAX_TEXT:,} are read. "
            'Write runs of frames as spans, such as "1-250".'
        )
    if not text.strip():
        raise SpansError(f"No frames are given; write {_EXAMPLE}.", text=text)
    if text.count(",") >= MAX_PIECES:
        raise SpansError(
            f"The frames have {text.count(',') + 1:,} pieces; at most {MAX_PIECES:,} are read. "
            'Write runs of frames as spans, such as "1-250".',
            text=text,
        )
    runs: list[range] = []
    position = 1
    for piece in text.split(","):
        runs.append(_Piece(text, piece, position).read())
        position += len(piece) + 1
    _check_count(sum(map(len, runs)), text, limit)
    return runs


def _check_count(count: int, text: str, limit: int) -> None:
    if count > limit:
        raise SpansError(
            f'Frames "{_short(text)}" are {count:,} frames; a job may have {limit:,}. '
            "Split them into several jobs.",
            text=text,
        )


class _Piece:
    """One piece of a typed text and the ways in which it can be wrong."""

    def __init__(self, text: str, piece: str, position: int) -> None:
        self._text = text
        self._piece = piece.strip()
        self._position = position + len(piece) - len(piece.lstrip())

    def read(self) -> range:
        """The run this piece names."""
        if not self._piece:
            self._refuse("nothing stands between two commas", "take one comma away")
        match = _PIECE.fullmatch(re.sub(r"\s+(?=[-x])|(?<=[-x])\s+", "", self._piece.lower()))
        if match is None:
            self._refuse("this is not a frame or a span", f"write {_EXAMPLE}")
        first, last, step = match.groups()
        start = self._frame(first)
        end = start if last is None else self._frame(last)
        if start > end:
            self._refuse("the span runs backwards", f'write "{last}-{first}"')
        return range(start, end + 1, self._step(step))

    def _frame(self, digits: str) -> int:
        if len(digits.lstrip("-0")) > _DIGITS or abs(int(digits)) > HIGHEST_FRAME:
            self._refuse(
                f"{_short(digits)} is no frame that Blender has",
                f"use frames from -{HIGHEST_FRAME} to {HIGHEST_FRAME}",
            )
        return int(digits)

    def _step(self, digits: str | None) -> int:
        if digits is None:
            return 1
        stripped = digits.lstrip("0")
        if not stripped:
            self._refuse("a step of 0 never moves on", 'use "x1" or more')
        if len(stripped) > _DIGITS:
            self._refuse("the step is too large", f"use a step up to {2 * HIGHEST_FRAME}")
        return int(stripped)

    def _refuse(self, reason: str, remedy: str) -> NoReturn:
        shown = f'"{_short(self._piece)}" ' if self._piece else ""
        raise SpansError(
            f'Frames "{_short(self._text)}": {shown}at character {self._position}: '
            f"{reason}; {remedy}.",
            text=self._text,
            piece=self._piece,
            position=self._position,
        )


def _short(text: str) -> str:
    """A text fit for a message: printable and not endless."""
    cut = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(char if char.isprintable() else "?" for char in cut)
