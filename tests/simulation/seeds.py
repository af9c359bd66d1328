"""Seeds as tests run them: in groups, halves of which lie in two modules for two processes."""

from __future__ import annotations

from .world import simulate

GROUPS = 20
SEEDS_OF_A_GROUP = 10


def keep_their_promises(group: int) -> None:
    """Simulate the seeds of a group; what is broken says how to replay it."""
    for seed in range(group * SEEDS_OF_A_GROUP, (group + 1) * SEEDS_OF_A_GROUP):
        verdict = simulate(seed)

        assert not verdict.broken, (
            f"{verdict.broken}\nreplay it: python -m tests.simulation --seed {seed}\n"
            f"{verdict.trace}"
        )
