"""Which slots a stage may go to, and what is said of those it may not."""

from __future__ import annotations

import pytest

from framefarm.core.requirements import (
    Ability,
    Pool,
    Requirements,
    requirements_of,
    trusted_enough,
    unmet,
)
from framefarm.core.sizes import GIB

ANYTHING = Ability(frozenset({"render", "movie"}), frozenset({"4.5", "5.0"}))


def test_a_pool_trusts_itself_and_those_above_it():
    trusted = {(w, a) for w in Pool for a in Pool if trusted_enough(w, a)}

    assert trusted == {
        (Pool.OWN, Pool.OWN),
        (Pool.OWN, Pool.FRIENDS),
        (Pool.OWN, Pool.PUBLIC),
        (Pool.FRIENDS, Pool.FRIENDS),
        (Pool.FRIENDS, Pool.PUBLIC),
        (Pool.PUBLIC, Pool.PUBLIC),
    }


def test_a_queue_can_be_read_back_and_differs_when_anything_asked_does():
    plain = Requirements("render")
    others = [
        Requirements("movie"),
        Requirements("render", blender="5.0"),
        Requirements("render", pool=Pool.PUBLIC),
        Requirements("render", tags=("a",)),
        Requirements("render", min_memory_bytes=1),
        Requirements("render", gpu=True),
        Requirements("render", owner="ada"),
    ]

    assert [requirements_of(one.queue) for one in (plain, *others)] == [plain, *others]
    assert len({one.queue for one in (plain, *others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Requirements("join"), ["no join work"]),
        (Requirements("render", blender="4.2"), ["no Blender 4.2", "4.5, 5.0", "install 4.2"]),
        (
            Requirements("render", tags=("big", "eu")),
            ["lacks the tag big,eu", "workers tag big,eu NAME"],
        ),
        (Requirements("render", min_memory_bytes=16 * GIB), ["8 GiB", "16 GiB"]),
        (Requirements("render", gpu=True), ["asks for a GPU", "--slots gpu:0"]),
    ],
)
def test_what_is_lacking_is_said_with_what_would_change_it(asked: Requirements, words: list[str]):
    slot = Ability(ANYTHING.kinds, ANYTHING.blenders, memory_bytes=8 * GIB)

    [reason] = unmet(asked, slot)

    assert not slot.suits(asked)
    assert all(word in reason for word in words)


def test_a_less_trusted_worker_is_told_which_pool_would_do():
    stranger = Ability(ANYTHING.kinds, ANYTHING.blenders, Pool.PUBLIC)

    [reason] = unmet(Requirements("render", blender="5.0"), stranger)

    assert "pool public" in reason
    assert "--pool public" in reason


def test_everything_that_is_lacking_is_said_at_once():
    slot = Ability(frozenset({"movie"}), pool=Pool.PUBLIC)

    assert len(unmet(Requirements("render", tags=("x",), gpu=True), slot)) == 4


def test_unknown_memory_suits_every_job_and_movies_need_no_gpu():
    assert ANYTHING.suits(Requirements("render", min_memory_bytes=1 << 50))
    assert ANYTHING.suits(Requirements("movie", gpu=True))
