"""Whether somebody uses the machine, from what its sensors say. Pure.

It takes little to see that it is in use and a while of quiet to believe that it is not, so that the
worker neither begins a frame in a short pause nor stops for a mail that is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class IdleLimits:
    """What counts as use.

    Attributes:
        busy_load: Share of all cores that others take, above which the machine is in use.
        quiet_load: Below this it is quiet; between the two nothing changes.
        busy_s: How long it must be busy; key and mouse count at once.
        quiet_s: How long it must be quiet, and untouched, to be free.
    """

    busy_load: float = 0.25
    quiet_load: float = 0.10
    busy_s: float = 10.0
    quiet_s: float = 180.0


@dataclass(frozen=True, slots=True)
class Sensed:
    """What the sensors say.

    Attributes:
        at: Monotonic seconds.
        load: Share of all cores that processes take which are not ours, 0.0 to 1.0.
        untouched_s: Since key or mouse were used; None where the system does not tell.
    """

    at: float
    load: float
    untouched_s: float | None = None


@dataclass(frozen=True, slots=True)
class Idleness:
    """What is made of it so far.

    Attributes:
        in_use: Somebody uses the machine. So it is believed at first.
        quiet_since, busy_since: When it became so, None when it is not.
    """

    in_use: bool = True
    quiet_since: float | None = None
    busy_since: float | None = None


def sense(state: Idleness, sensed: Sensed, limits: IdleLimits) -> Idleness:
    """Take in what the sensors say now."""
    busy, quiet = sensed.load > limits.busy_load, sensed.load < limits.quiet_load
    state = replace(
        state,
        busy_since=_since(state.busy_since, sensed.at, holds=busy),
        quiet_since=_since(state.quiet_since, sensed.at, holds=quiet),
    )
    untouched_s = sensed.untouched_s
    if _lasted(state.busy_since, sensed.at, limits.busy_s) or (
        untouched_s is not None and untouched_s < limits.busy_s
    ):
        return replace(state, in_use=True)
    touched = untouched_s is not None and untouched_s < limits.quiet_s
    if _lasted(state.quiet_since, sensed.at, limits.quiet_s) and not touched:
        return replace(state, in_use=False)
    return state


def _since(before: float | None, now: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now if before is None else before


def _lasted(since: float | None, now: float, seconds: float) -> bool:
    return since is not None and now - since >= seconds
