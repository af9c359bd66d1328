"""Workers in the order in which they are taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.worker_line import Line


def first_letter(worker: str) -> str:
    return worker[0]


def test_the_first_of_the_kinds_are_taken_in_their_order():
    line = Line(["b1", "a1", "c1", "a2", "b2"], first_letter)

    assert line.count("ab") == 4
    assert line.take("ab", 3) == ["b1", "a1", "a2"]
    assert line.samples() == {"b": "b2", "c": "c1"}
    assert line.count("ab") == 1


def test_fewer_than_asked_for_are_left_where_they_are():
    line = Line(["a1", "b1"], first_letter)

    assert line.take("a", 2) == []
    assert line.take("x", 1) == []
    assert line.take("ab", 2) == ["a1", "b1"]


@given(st.lists(st.sampled_from("abc"), max_size=20), st.data())
def test_it_is_as_if_all_were_looked_at_one_by_one(letters: list[str], draws: st.DataObject):
    left = [f"{letter}{number}" for number, letter in enumerate(letters)]
    line = Line(left, first_letter)

    for _ in range(5):
        kinds = draws.draw(st.sets(st.sampled_from("abcd")))
        count = draws.draw(st.integers(1, 4))
        wanted = [worker for worker in left if worker[0] in kinds][:count]
        expected = wanted if len(wanted) == count else []
        assert line.take(sorted(kinds), count) == expected
        left = [worker for worker in left if worker not in expected]
        assert set(line.samples()) == {worker[0] for worker in left}
