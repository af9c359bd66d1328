"""How many requests somebody may make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framefarm.api.rates import Rates


def test_burst_is_there_at_once_and_comes_back_in_time():
    rates = Rates(2.0, 3)

    assert [rates.take("ada", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rates.take("ada", 0.25) == 0.25
    assert rates.take("ada", 0.5) == 0.0
    assert [rates.take("ada", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_each_has_a_bucket_of_their_own():
    rates = Rates(1.0, 1)

    assert rates.take("ada", 0.0) == 0.0
    assert rates.take("bob", 0.0) == 0.0
    assert rates.take("ada", 0.0) == 1.0


def test_none_is_counted_when_any_number_may_come():
    assert {Rates(0.0, 1).take("ada", 0.0) for _ in range(1_000)} == {0.0}


def test_those_that_are_remembered_are_bounded():
    rates = Rates(1.0, 1)
    for number in range(20_000):
        rates.take(str(number), 0.0)

    assert len(rates._left) == 10_000


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 9))
def test_never_more_than_the_burst_and_what_time_allows(pauses: list[float], burst: int):
    rates, now, taken = Rates(2.0, burst), 0.0, 0
    for pause in pauses:
        now += pause
        wait_s = rates.take("ada", now)
        taken += wait_s == 0
        assert 0 <= wait_s <= 0.5
    assert taken <= burst + 2 * now + 1e-6
