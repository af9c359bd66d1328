"""The whole farm in one process and in fast time: whatever fails, its promises hold (L1 to L14)."""

from __future__ import annotations

import pytest

from .world import SHORT_MINUTES, World

GROUPS = 20
SEEDS_OF_A_GROUP = 10


@pytest.mark.parametrize("group", range(GROUPS))
def test_promises_hold_whatever_fails(group: int):
    for seed in range(group * SEEDS_OF_A_GROUP, (group + 1) * SEEDS_OF_A_GROUP):
        verdict = World(seed).run(SHORT_MINUTES)

        assert not verdict.broken, (
            f"{verdict.broken}\nreplay it: python -m tests.simulation --seed {seed}\n"
            f"{verdict.trace}"
        )


def test_a_seed_always_tells_the_same_story():
    stories: list[list[str]] = [[], []]
    for story in stories:
        World(5, story.append).run(2.0)

    assert stories[0] == stories[1]
    assert len(stories[0]) > 50
