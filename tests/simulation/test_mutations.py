"""The simulation can fail: rules broken on purpose are found, here those that are found at once."""

from __future__ import annotations

import pytest

from .mutations import broken
from .world import simulate

SEEDS = range(8)


@pytest.mark.parametrize(
    "mutation",
    [
        "L9.same_worker_again",
        "L11.loser_goes_on",
        "L12.worst_first",
        "L12.last_span_first",
        "L13.hurried_connections",
        "L13.long_pauses",
        "sessions.others_first",
    ],
)
def test_a_broken_rule_is_found(mutation: str):
    with broken(mutation):
        assert any(simulate(seed).broken for seed in SEEDS)
