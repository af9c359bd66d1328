"""Wrong join tokens are slowed down, address by address."""

from __future__ import annotations

import pytest

from framefarm.api.guesses import Guesses


def test_a_few_wrong_tokens_are_looked_at_at_once_and_then_none_for_a_while():
    guesses = Guesses(most=3, window_s=60)
    for now in (0.0, 1.0):
        guesses.note("10.0.0.5", now)
        assert guesses.wait_s("10.0.0.5", now) == 0
    guesses.note("10.0.0.5", 2.0)

    assert guesses.wait_s("10.0.0.5", 2.0) == 58
    assert guesses.wait_s("10.0.0.6", 2.0) == 0
    assert guesses.wait_s("10.0.0.5", 60.0) == 0


def test_as_many_a_minute_go_through_as_were_allowed_and_no_more():
    guesses = Guesses(most=5, window_s=60)
    looked_at = 0
    for second in range(600):
        if guesses.wait_s("10.0.0.5", second) == 0:
            looked_at += 1
            guesses.note("10.0.0.5", second)

    assert looked_at == 50


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("fd00::1", "fd00::ffff:2", True),
        ("fd00::1%eth0", "fd00::2", True),
        ("fd00::1", "fd00:0:0:1::1", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("", "", True),
    ],
)
def test_who_counts_as_one(one: str, other: str, same: bool):  # noqa: FBT001
    guesses = Guesses(most=1, window_s=60)
    guesses.note(one, 0.0)

    assert (guesses.wait_s(other, 0.0) > 0) is same


def test_the_addresses_remembered_are_bounded():
    guesses = Guesses(most=1, window_s=60)
    for number in range(20_000):
        guesses.note(f"10.0.{number >> 8}.{number & 255}", 0.0)

    assert guesses.wait_s("10.0.0.1", 0.0) == 0
    assert guesses.wait_s("10.0.78.31", 0.0) > 0
