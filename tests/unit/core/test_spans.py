from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.spans import Span, Spans, SpansError

span_values = st.builds(
    lambda first, size, step: Span(first, first + size, step),
    st.integers(-60, 60),
    st.integers(0, 80),
    st.integers(1, 7),
)
span_lists = st.lists(span_values, max_size=5)


def units_of(spans: list[Span]) -> set[int]:
    return {unit for s in spans for unit in range(s.first, s.last + 1, s.step)}


def assert_is(spans: Spans, units: set[int]) -> None:
    """The set holds these units, and is in its canonical form."""
    assert list(spans) == sorted(units)
    assert len(spans) == spans.count == len(units)
    assert bool(spans) == bool(units)
    assert all(left.last < right.first for left, right in pairwise(spans.spans))
    assert spans == Spans.from_units(units)
    assert hash(spans) == hash(Spans.from_units(units))


@given(span_lists)
def test_a_set_holds_exactly_the_units_of_its_spans(spans):
    assert_is(Spans(spans), units_of(spans))


@given(span_lists, span_lists)
def test_union_difference_and_intersection_equal_those_of_python_sets(left, right):
    a, b = units_of(left), units_of(right)
    one, two = Spans(left), Spans(right)

    assert_is(one | two, a | b)
    assert_is(one - two, a - b)
    assert_is(one & two, a & b)


@given(span_lists, span_lists)
def test_membership_index_and_at_agree_with_the_sorted_units(spans, other):
    made, units = Spans(spans), sorted(units_of(spans))

    assert [made.at(i) for i in range(len(units))] == units
    assert [made.index_of(u) for u in units] == list(range(len(units)))
    for unit in units_of(other):
        assert (unit in made) == (unit in units)


@given(span_lists, st.integers(-2, 120), st.integers(-2, 120))
def test_carve_and_slice_equal_those_of_a_list(spans, n, stop):
    made, units = Spans(spans), sorted(units_of(spans))

    taken, rest = made.carve(n)
    cut = max(0, n)

    assert_is(taken, set(units[:cut]))
    assert_is(rest, set(units[cut:]))
    assert_is(made.slice(n, stop), set(units[cut : max(cut, stop)]))


@given(span_lists, st.integers(1, 40), st.integers(0, 40))
def test_every_picks_each_nth_unit(spans, step, offset):
    made, units = Spans(spans), sorted(units_of(spans))

    assert_is(made.every(step, offset), set(units[offset::step]))


@given(span_lists)
def test_text_reads_back_as_the_same_set(spans):
    made = Spans(spans)

    assert Spans.restore(str(made)) == made
    if made:
        assert Spans.parse(str(made)) == made


@given(st.text(alphabet="0123456789-,x ab\t", max_size=30))
def test_any_text_is_read_or_refused(text):
    with suppress(SpansError):
        made = Spans.parse(text)
        assert made
        assert Spans.parse(str(made)) == made


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1-250,300,310-400x5", "1-250,300,310-400x5"),
        (" 1 - 3 , 5 ", "1-3,5"),
        ("3,2,1", "1-3"),
        ("1-10x4", "1-9x4"),
        ("1-2x5", "1"),
        ("-5--1", "-5--1"),
        ("-10-20x2", "-10-20x2"),
        ("-3", "-3"),
        ("1-6x5", "1,6"),
        ("1-99x2,2-100x2", "1-100"),
        ("1-7X2", "1-7x2"),
        ("007", "7"),
        ("1-12x2,1-12x3", "1,3-5,7,9-11"),
    ],
)
def test_parse_prints_the_canonical_text(text, printed):
    assert str(Spans.parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5-1", ['"5-1" at character 1', "backwards", 'write "1-5"']),
        ("1,,2", ['Frames "1,,2"', "at character 3", "take one comma away"]),
        ("1,2,", ["at character 5", "take one comma away"]),
        ("1x0", ['"1x0" at character 1', 'write "1-250"']),
        ("1-9x0", ["step of 0", '"x1" or more']),
        ("a", ['"a" at character 1', 'write "1-250"']),
        ("1-5, 7-z", ['"7-z" at character 6']),
        ("1 2", ['"1 2" at character 1']),
        ("", ["No frames are given"]),
        ("  ", ["No frames are given"]),
        ("1-1000000000", ["1000000000 is no frame that Blender has", "1048574"]),
        ("-2000000", ["is no frame"]),
        ("9" * 5000, ["is no frame", "..."]),
        ("1-5x" + "9" * 5000, ["step is too large"]),
        ("٣", ["not a frame"]),
        ("1\x1b[31m", ["1?[31m"]),
    ],
)
def test_bad_text_is_refused_with_its_place_and_a_remedy(text, said):
    with pytest.raises(SpansError) as refusal:
        Spans.parse(text)

    for part in said:
        assert part in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_the_error_carries_the_piece_and_its_position():
    with pytest.raises(SpansError) as refusal:
        Spans.parse("1-5, 9-7")

    assert (refusal.value.piece, refusal.value.position) == ("9-7", 6)
    assert refusal.value.text == "1-5, 9-7"
    assert refusal.value.code == "bad_frames"
    assert not refusal.value.retryable


def test_more_units_than_the_limit_are_refused():
    assert len(Spans.parse("1-100", limit=100)) == 100
    with pytest.raises(SpansError, match="101 frames; a job may have 100"):
        Spans.parse("1-101", limit=100)


def test_too_many_pieces_and_too_long_texts_are_refused():
    assert len(Spans.parse(",".join(["1"] * 10_000))) == 1
    with pytest.raises(SpansError, match="10,001 pieces"):
        Spans.parse(",".join(["1"] * 10_001))
    with pytest.raises(SpansError, match="65,537 characters"):
        Spans.parse("1" * 65_537)


def test_a_result_of_too_many_spans_is_refused_and_not_built():
    with pytest.raises(SpansError, match="more than 200,000 separate spans"):
        Spans.parse("1-1000000x2,1-1000000x3")


def test_ten_thousand_overlapping_pieces_are_read():
    text = ",".join(f"{n}-{n + 7}x{n % 3 + 1}" for n in range(5000, 0, -1))
    assert set(Spans.parse(text)) == {
        unit for n in range(1, 5001) for unit in range(n, n + 8, n % 3 + 1)
    }


def test_a_million_units_stay_a_handful_of_spans():
    frames = Spans.parse("1-1000000")

    taken, rest = frames.carve(300)
    back = rest.union(Spans.of(17, 17))

    assert str(taken) == "1-300"
    assert str(back) == "17,301-1000000"
    assert str(frames - Spans.of(500, 600)) == "1-499,601-1000000"
    assert str(frames - Spans.of(1, 999_999, 2)) == "2-1000000x2"
    assert str(Spans.of(1, 999_999, 2) | Spans.of(2, 1_000_000, 2)) == "1-1000000"


def test_restore_is_not_bound_by_the_limits_for_people():
    wide = Spans.of(0, 50_000_000)
    many = Spans.from_units(n * n for n in range(20_000))

    assert Spans.restore(str(wide)) == wide
    assert Spans.restore(str(many)) == many
    assert not Spans.restore("")


@pytest.mark.parametrize("text", ["a", "1,,2", "1-", ",", " 1"])
def test_restore_refuses_what_was_not_printed_by_it(text):
    with pytest.raises(SpansError):
        Spans.restore(text)


def test_a_span_is_normalised():
    assert Span(1, 10, 4) == Span(1, 9, 4)
    assert Span(5, 7, 9) == Span(5, 5)
    assert Span(5, 7, 9).step == 1
    assert len(Span(1, 9, 4)) == 3


@pytest.mark.parametrize(("first", "last", "step"), [(2, 1, 1), (1, 2, 0), (1, 2, -1)])
def test_an_impossible_span_is_refused(first, last, step):
    with pytest.raises(SpansError):
        Span(first, last, step)
    with pytest.raises(SpansError):
        Spans.of(first, last, step)


def test_the_empty_set_has_no_first_last_or_index():
    empty = Spans()

    assert not empty
    assert str(empty) == ""
    with pytest.raises(IndexError):
        _ = empty.first
    with pytest.raises(IndexError):
        _ = empty.last
    with pytest.raises(IndexError):
        empty.at(0)
    with pytest.raises(IndexError):
        Spans.of(1, 5).at(-1)
    with pytest.raises(SpansError, match="Unit 3 is not among 1-2"):
        Spans.of(1, 2).index_of(3)


def test_a_long_set_has_a_short_representation():
    assert repr(Spans.of(1, 5)) == "Spans('1-5')"
    assert len(repr(Spans.from_units(n * n for n in range(1000)))) < 100


def test_a_set_is_not_equal_to_its_text():
    assert Spans.of(1, 2) != "1-2"
