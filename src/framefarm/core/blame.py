"""Who is to blame when a unit goes wrong: the unit, the worker, or nobody (L9, L13). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from framefarm.core.sizes import told_size

LOST = "lost"
"""The worker vanished while it held the unit; rarely the unit's fault."""

KILLED = "killed"
"""The worker's process died while it was at this very unit."""

OUT_OF_MEMORY = "out_of_memory"
PLACEMENT = "placement"

DISK = "disk"
"""It wrote more than it may, or filled the worker's disk."""

NEVER_BETTER = frozenset({"refused"})
"""Reasons another attempt cannot change: Blender says the file has no camera, no such scene."""

_MORE_MEMORY = 1.05
"""A unit that ran out of memory is only tried where there is at least this much more."""

_TRIES_A_WORKER = 4
"""So often for each of the workers that may fail at a unit it is tried before it is given up."""


@dataclass(frozen=True, slots=True)
class BlameLimits:
    """The numbers of L9 and L13.

    Attributes:
        losses: Workers that may be lost with a unit before it fails.
        workers: Different workers on which a unit may go wrong; where fewer could do it, how often
            it is tried in all.
        alike: Different units that fail the same way on as many workers, before any succeeds,
            until their job is held; 0 is never. It takes at least `rests_in_all_s`.
        hold_s: After so long a held job is tried again with one unit; each failure doubles it.
        longest_hold_s: At most this long.
        charges: Units that a worker may fail and others finish before it is quarantined.
        quarantine_s: How long the first quarantine lasts; each further strike doubles it.
        longest_quarantine_s: At most this long.
        longest_rest_s: A worker's pause after failures of one stage at most (L13).
        rests_in_all_s: Where every worker fails at a stage, its pauses end after so long together.
    """

    losses: int = 5
    workers: int = 3
    alike: int = 10
    hold_s: float = 120.0
    longest_hold_s: float = 1_800.0
    charges: int = 3
    quarantine_s: float = 600.0
    longest_quarantine_s: float = 86_400.0
    longest_rest_s: float = 30.0
    rests_in_all_s: float = 60.0

    def quarantine_for(self, strikes: int) -> float:
        """Seconds that the quarantine of a worker's so manieth strike lasts."""
        doubled = self.quarantine_s * 2.0 ** min(strikes - 1, 60)
        return min(doubled, self.longest_quarantine_s)

    def hold_for(self, holds: int) -> float:
        """Seconds until a job that was held so many times running is tried again."""
        return min(self.hold_s * 2.0 ** min(holds - 1, 60), self.longest_hold_s)


class Lot(StrEnum):
    """What becomes of a unit that went wrong. `again_first`: in front of all others."""

    AGAIN_FIRST = "again_first"
    AGAIN_LAST = "again_last"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fault:
    """One attempt that went wrong, as far as it matters here.

    Attributes:
        memory_bytes: What it was allowed, if it ran out of memory.
        peak_memory_bytes: What it took.
    """

    worker_id: str
    reason: str
    memory_bytes: int = 0
    peak_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the unit, and why in words where the last fault's own do not say it."""

    lot: Lot
    why: str = ""

    @property
    def failed(self) -> bool:
        """Whether the unit is given up."""
        return self.lot is Lot.FAILED


Another = Callable[[frozenset[str], int], bool]
"""Whether a worker that is none of these, and has a slot with more than so many bytes of memory,
could do the unit."""


def enough_memory(have_bytes: int, not_enough_bytes: int) -> bool:
    """Whether a slot has clearly more memory than what was not enough; 0 means unknown."""
    return not 0 < have_bytes < not_enough_bytes * _MORE_MEMORY


def judge(faults: Sequence[Fault], limits: BlameLimits, another: Another) -> Verdict:
    """Decide what becomes of a unit after its latest fault.

    Args:
        faults: All that count of it, oldest first; at least one.
        limits: The numbers.
        another: Whether others could do it.
    """
    if faults[-1].reason in NEVER_BETTER:
        return Verdict(Lot.FAILED)
    errors = [fault for fault in faults if fault.reason not in (LOST, KILLED)]
    return (
        _after_deaths(faults, limits)
        or _after_errors(errors, limits, another)
        or Verdict(Lot.AGAIN_LAST if len(errors) > 1 else Lot.AGAIN_FIRST)
    )


def judge_losses(faults: Sequence[Fault], limits: BlameLimits) -> Verdict:
    """What becomes of a unit whose worker was lost: others try it first, unless it had enough."""
    return _after_deaths(faults, limits) or Verdict(Lot.AGAIN_FIRST)


def _after_deaths(faults: Sequence[Fault], limits: BlameLimits) -> Verdict | None:
    killed = {fault.worker_id for fault in faults if fault.reason == KILLED}
    if len(killed) >= limits.workers:
        why = (
            f"Quarantined: {len(killed)} workers died while they were at it. It is not tried again "
            "by itself; look at its log, then retry it."
        )
        return Verdict(Lot.FAILED, why)
    if sum(fault.reason in (LOST, KILLED) for fault in faults) >= limits.losses:
        return Verdict(Lot.FAILED, f"{limits.losses} workers were lost while they worked on it.")
    return None


def _after_errors(errors: Sequence[Fault], limits: BlameLimits, another: Another) -> Verdict | None:
    if not errors:
        return None
    # Another device than asked for is the worker's doing, never the unit's.
    blaming = {fault.worker_id for fault in errors if fault.reason != PLACEMENT}
    if len(blaming) >= limits.workers:
        return Verdict(Lot.FAILED)
    not_enough = max(fault.memory_bytes for fault in errors)
    if not_enough and not another(frozenset(), not_enough):
        return Verdict(Lot.FAILED, _too_large(errors, not_enough))
    tried = frozenset(fault.worker_id for fault in errors)
    if len(errors) >= limits.workers and not another(tried, not_enough):
        return Verdict(Lot.FAILED)
    its_own = sum(fault.reason != PLACEMENT for fault in errors)
    if its_own >= limits.workers * _TRIES_A_WORKER:
        # Who else could do it may be in another job's session for days.
        return Verdict(
            Lot.FAILED, f"It went wrong {its_own} times; it is not tried again by itself."
        )
    return None


def _too_large(errors: Sequence[Fault], allowed_bytes: int) -> str:
    peak = max(fault.peak_memory_bytes for fault in errors)
    took = f" (it took {told_size(peak)} before it was stopped)" if peak else ""
    return (
        f"{told_size(allowed_bytes)} of memory were not enough{took}, and no worker has more. "
        "Make the scene smaller, or add a worker with more memory, then retry it."
    )


def rest_s(
    failures: int, die: float, limits: BlameLimits, *, sound_elsewhere: Callable[[], bool]
) -> float:
    """How long a worker rests from a stage after units of it failed one after the other (L13).

    None after the first, which may be any unit's fault. Then half of 1, 2, 4 ... seconds, and a
    random part of the other half: a pause of nearly nothing would not be one.

    Pauses keep a bad worker from going through a job while good ones are at it. Where no worker is
    better they give passing trouble time to pass, and then only keep a broken job from ending: 20
    frames that fail three times each on the one worker there is took 20 minutes.

    Args:
        failures: Since its last success in the stage.
        die: Random number from 0 up to 1.
        limits: The numbers.
        sound_elsewhere: Whether a worker could do it that does not fail at it as well.
    """
    if failures <= 1:
        return 0.0
    earlier = (_ceiling_s(number, limits) for number in range(2, min(failures, 1_000)))
    if sum(earlier) >= limits.rests_in_all_s and not sound_elsewhere():
        return 0.0
    return _ceiling_s(failures, limits) * (0.5 + die / 2)


def _ceiling_s(failures: int, limits: BlameLimits) -> float:
    return min(limits.longest_rest_s, 2.0 ** min(failures - 2, 30))
