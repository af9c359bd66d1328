"""What a slot that asks for work says of itself, and what it is given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from framefarm.core.requirements import Ability, Requirements
from framefarm.core.spans import Spans

Others = Callable[[Requirements, frozenset[str], int], bool]
"""Whether, of those connected, a worker that is none of these, and has more than so many bytes of
memory, could do a stage."""


def nobody_else(_asked: Requirements, _avoid: frozenset[str], _more_than_bytes: int) -> bool:
    """The answer of a farm of one worker."""
    return False


class ClaimRequest(msgspec.Struct, frozen=True):
    """A slot that wants work.

    Attributes:
        ability: What it can do.
        warm: SHA-256 of the .blend its Blender holds open.
        cached: SHA-256 of the .blends its worker holds on disk.
        seconds_per_unit: What units of a stage took on this worker, by stage id.
        peers: Slots of the farm, this one included, that do such work.
        others: Who else could do it; asked only about units that went wrong here.
        lease_s: How long the lease lives without a heartbeat.
        barred: Kinds of stage and Blenders that this worker gets none of (L9).
        probation: Those of which it gets one unit, to show itself (L9).
        resting: Stages of which it gets nothing for now, since it failed at them (L13).
    """

    worker_id: str
    slot: str
    ability: Ability
    warm: str | None = None
    cached: frozenset[str] = frozenset()
    seconds_per_unit: dict[int, float] = {}
    peers: int = 1
    others: Others = nobody_else
    lease_s: float = 30.0
    barred: frozenset[tuple[str, str]] = frozenset()
    probation: frozenset[tuple[str, str]] = frozenset()
    resting: frozenset[int] = frozenset()


class ClaimedLease(msgspec.Struct, frozen=True):
    """A lease as it was stored.

    Attributes:
        seal: See `framefarm.farm.seals`.
        opens: Whether what it left pending is for slots that were kept from it before.
    """

    lease_id: str
    stage_id: int
    job_id: int
    worker_id: str
    slot: str
    units: Spans
    attempt: int
    tail: bool = False
    seal: str = ""
    opens: bool = False
