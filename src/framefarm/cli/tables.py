"""Plain tables that fit 80 columns; drawing them takes no library."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

_GAP = "  "
_WIDEST = 120


def text_width() -> int:
    """Columns to fill: the terminal's, 80 where there is none."""
    return min(_WIDEST, shutil.get_terminal_size((80, 24)).columns)


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    flexible: int,
    right: Sequence[int] = (),
    width: int | None = None,
) -> str:
    """Lay out rows under headings.

    Args:
        heads: One for each column.
        rows: Cells, one text each.
        flexible: Index of the column that is cut when a line would be too long.
        right: Indexes of columns aligned to the right.
        width: Columns of the page; the terminal's by default.

    Returns:
        Lines without a line feed at the end.
    """
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    room = (width or text_width()) - len(_GAP) * (len(widths) - 1)
    spare = room - (sum(widths) - widths[flexible])
    widths[flexible] = max(min(widths[flexible], spare), len(heads[flexible]), 4)
    lines = []
    for row in (heads, *rows):
        cells = [
            _cell(text, widths[index], to_right=index in right) for index, text in enumerate(row)
        ]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def _cell(text: str, width: int, *, to_right: bool) -> str:
    flat = " ".join(text.split())
    cut = flat if len(flat) <= width else flat[: width - 1] + "…"
    return cut.rjust(width) if to_right else cut.ljust(width)
