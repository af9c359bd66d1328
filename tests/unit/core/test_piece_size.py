"""Pieces of a large work grow while they are quick and shrink while they are slow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.piece_size import PieceSize


def settle(row_s: float) -> PieceSize:
    """What becomes of the size when each row takes so long."""
    size = PieceSize()
    for _ in range(20):
        size.note(size.rows * row_s)
    return size


def test_pieces_take_about_thirty_milliseconds_whatever_a_row_takes():
    assert settle(0.0001).rows == 300
    assert settle(0.0003).rows == 100


def test_pieces_are_bounded():
    assert settle(1.0).rows == 50
    assert settle(1e-9).rows == 1_000


def test_a_clock_that_stands_still_tells_nothing():
    size = PieceSize()
    size.note(0.0)
    assert size.rows == 200


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=20))
def test_one_slow_piece_halves_the_next_at_most(took: list[float]):
    size = PieceSize()
    for seconds in took:
        before = size.rows
        size.note(seconds)
        assert before / 2 - 1 <= size.rows <= before * 2
