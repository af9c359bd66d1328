from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.orders import Order, parse_listed, plan_order
from framefarm.core.spans import Span, Spans, SpansError

sets = st.lists(
    st.builds(
        lambda first, size, step: Span(first, first + size, step),
        st.integers(-50, 200),
        st.integers(0, 200),
        st.integers(1, 5),
    ),
    max_size=4,
).map(Spans)


@given(sets, st.sampled_from(Order), st.lists(sets, max_size=3))
def test_passes_hold_each_unit_exactly_once(units, order, listed):
    passes = plan_order(units, order, listed)

    assert all(passes)
    assert sorted(unit for one in passes for unit in one) == list(units)


def test_sequential_is_one_pass():
    assert plan_order(Spans.parse("1-250"), "sequential") == [Spans.parse("1-250")]


def test_nothing_is_no_pass():
    assert [plan_order(Spans(), order) for order in Order] == [[], [], []]


def test_spread_begins_with_both_ends_and_every_16th_and_then_halves_the_gaps():
    passes = plan_order(Spans.parse("1-100"), Order.SPREAD)

    assert [str(one) for one in passes] == [
        "1-97x16,100",
        "9-89x16",
        "5-93x8",
        "3-99x4",
        "2-98x2",
    ]


@given(sets)
def test_spread_never_leaves_a_gap_over_twice_its_step(units):
    """After each pass a preview of the whole shot exists, at that pass's resolution."""
    position = {unit: index for index, unit in enumerate(units)}
    done: list[int] = []
    for number, one in enumerate(plan_order(units, Order.SPREAD)):
        done = sorted([*done, *(position[unit] for unit in one)])
        assert done[0] == 0
        assert done[-1] == len(units) - 1
        if len(units) > 16:
            widest = max(b - a for a, b in pairwise(done))
            assert widest <= 16 >> number


def test_spread_of_any_number_of_frames_is_a_handful_of_spans():
    # So many that nothing could look at each of them.
    passes = plan_order(Spans.of(1, 10**15), Order.SPREAD)

    assert len(passes) == 5
    assert all(len(one.spans) <= 2 for one in passes)


def test_listed_follows_the_text_and_appends_what_it_left_out():
    listed = parse_listed("300,1-10,5,400-410x5")

    passes = plan_order(Spans.parse("1-12,300,400-410x5"), Order.LISTED, listed)

    assert [str(one) for one in passes] == ["300", "1-10", "400-410x5", "11-12"]


def test_listed_groups_pieces_which_ascend():
    assert [str(one) for one in parse_listed("5,9,20-30,1")] == ["5,9,20-30", "1"]


def test_listed_refuses_what_is_no_frames():
    with pytest.raises(SpansError):
        parse_listed("5,x")


def test_a_list_that_jumps_back_too_often_is_refused():
    longest = ",".join(str(n) for n in range(99, 0, -1))
    assert len(plan_order(Spans.of(1, 200), "listed", parse_listed(longest))) == 100
    with pytest.raises(SpansError, match="jump back 99 times; an order may do so 98 times"):
        parse_listed("100," + longest)


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="sideways"):
        plan_order(Spans.of(1, 2), "sideways")
