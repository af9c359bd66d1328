"""How a simulation went."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """How a simulation went.

    Attributes:
        seed: Its seed.
        broken: What is wrong, empty when nothing is.
        simulated_s: How much time passed in it.
        cpu_s: What it took here.
        renders, extra_renders, excused: Units rendered, those among them that had been rendered
            before, and how many of these the faults explain.
        commits: Transactions.
        trace: The latest lines.
    """

    seed: int
    broken: str
    simulated_s: float
    cpu_s: float
    renders: int
    extra_renders: int
    excused: int
    commits: int
    steps: int
    trace: str
