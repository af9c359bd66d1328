"""How much of a large work to do at a time, so that others wait about equally long. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_FEWEST = 50
_MOST = 1_000
_AIMED_AT_S = 0.03


@dataclass
class PieceSize:
    """Rows to a piece: more while pieces are quick, fewer on a slow disk or a busy machine.

    Attributes:
        rows: In the next piece.
    """

    rows: int = 200

    def note(self, took_s: float) -> None:
        """A piece of so many rows took so long; changes by half or to the double at most."""
        if took_s <= 0:
            return
        wanted = self.rows * _AIMED_AT_S / took_s
        bounded = min(max(wanted, self.rows / 2), self.rows * 2)
        self.rows = round(min(max(bounded, _FEWEST), _MOST))
