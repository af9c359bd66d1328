"""How long a job still takes as a whole: all of its stages, not only the one that renders.

Later stages are worked on while the earlier ones are, so of a stage that still waits for another
only its last unit comes on top: a movie's last segment after the last frame, and then the movie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select

from framefarm.core.estimate import Estimate
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.stage_rows import stages_of

Estimator = Callable[[Any, int], Estimate | None]
"""How long a stage still takes with so many slots, None when that is not known."""

SlotCount = Callable[[Connection, Any], int]
"""With how many slots a stage is taken to go on; 0 when nobody would be at it."""

_LATELY = 1_000
"""Of so many stages, the newest, it is learnt how long a kind of unit takes."""

_NOTHING = Estimate(0.0, 0.0, 0.0)
_SLOTS = Prepared(
    select(func.count()).where(
        t.leases.c.stage_id == bindparam("stage"),
        literal_column("leases.state || ''") == literal_column("'active'"),
    )
)
_USUAL = Prepared(
    select(func.sum(t.stages.c.seconds), func.sum(t.stages.c.done)).where(
        t.stages.c.kind == bindparam("kind"),
        t.stages.c.done > 0,
        t.stages.c.id > select(func.max(t.stages.c.id)).scalar_subquery() - _LATELY,
    )
)


def slots_at_it(connection: Connection, stage: Any) -> int:
    """How many slots are at a stage just now."""
    [[slots]] = _SLOTS.rows(connection, stage=stage.id)
    return int(slots)


class WholeEstimates:
    """Estimates of whole jobs, during one look at several.

    Args:
        connection: For reading.
        estimate: Of one stage of which some is done.
        slots: With how many slots it goes on; by default those that are at it.
    """

    def __init__(
        self, connection: Connection, estimate: Estimator, slots: SlotCount = slots_at_it
    ) -> None:
        self._connection = connection
        self._estimate = estimate
        self._slots = slots
        self._usual: dict[str, float] = {}

    def of(self, job_id: int) -> Estimate | None:
        """How long a job still takes.

        Returns:
            None when that is not known: none of what comes first is done, or nobody is at it.
        """
        return whole(self.ends(stages_of(self._connection, [job_id])[job_id]))

    def ends(self, stages: Iterable[Any]) -> list[Estimate | None]:
        """In how long each stage of a job ends, in their order; None where that is not known.

        Args:
            stages: Rows of all stages of a job, in order.
        """
        found: list[Estimate | None] = []
        so_far: Estimate | None = None
        for stage in stages:
            if not units_left(stage):
                found.append(_NOTHING)
                continue
            # What waits for something of which nothing is known, of that nothing is known.
            unknown = None in found
            part = None if unknown else self._part(stage, waits=so_far is not None)
            so_far = part if so_far is None or part is None else _after(so_far, part)
            found.append(so_far)
        return found

    def _part(self, stage: Any, *, waits: bool) -> Estimate | None:
        return _exactly(self._seconds(stage)) if waits else self._now(stage)

    def _now(self, stage: Any) -> Estimate | None:
        """Of a stage that waits for no other."""
        slots = self._slots(self._connection, stage)
        found = self._estimate(stage, slots) if slots else None
        if found is not None or stage.position == 0:
            return found
        return _exactly(self._seconds(stage) * -(-units_left(stage) // max(1, slots)))

    def _seconds(self, stage: Any) -> float:
        """Of one unit: as in this stage before, else as in others of its kind, 0 if unknown."""
        if stage.done:
            return float(stage.seconds / stage.done)
        if stage.kind not in self._usual:
            [[seconds, done]] = _USUAL.rows(self._connection, kind=stage.kind)
            self._usual[stage.kind] = seconds / done if done else 0.0
        return self._usual[stage.kind]


def units_left(stage: Any) -> int:
    """How many units of a stage are neither done nor given up."""
    return int(stage.total - stage.done - stage.failed - stage.cancelled)


def whole(ends: Iterable[Estimate | None]) -> Estimate | None:
    """In how long a job ends whose stages end so; None when that is not known."""
    last = _NOTHING
    for end in ends:
        if end is None:
            return None
        last = max(last, end, key=lambda one: one.likely_s)
    return last


def _after(one: Estimate, other: Estimate) -> Estimate:
    return Estimate(
        one.low_s + other.low_s, one.likely_s + other.likely_s, one.high_s + other.high_s
    )


def _exactly(seconds: float) -> Estimate:
    return Estimate(seconds, seconds, seconds)
