"""How long a job still takes as a whole: all of its stages, not only the one that renders.

Later stages are worked on while the earlier ones are, so of a stage that still waits for another
only its last unit comes on top: a movie's last segment after the last frame, and then the movie.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select

from framefarm.core.estimate import Estimate
from framefarm.db import Prepared
from framefarm.db import tables as t

Estimator = Callable[[Any, int], Estimate | None]
"""How long a stage still takes with so many slots, None when that is not known."""

_LATELY = 1_000
"""Of so many stages, the newest, it is learnt how long a kind of unit takes."""

_NOTHING = Estimate(0.0, 0.0, 0.0)
_STAGES = Prepared(
    select(t.stages).where(t.stages.c.job_id == bindparam("job")).order_by(t.stages.c.position)
)
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


class WholeEstimates:
    """Estimates of whole jobs, during one look at several.

    Args:
        connection: For reading.
        estimate: Of one stage of which some is done.
    """

    def __init__(self, connection: Connection, estimate: Estimator) -> None:
        self._connection = connection
        self._estimate = estimate
        self._usual: dict[str, float] = {}

    def of(self, job_id: int) -> Estimate | None:
        """How long a job still takes with the slots it has.

        Returns:
            None when that is not known: none of what comes first is done, or nobody is at it.
        """
        whole, waits = _NOTHING, False
        for stage in _STAGES.rows(self._connection, job=job_id):
            if stage.done == stage.total:
                continue
            part = self._last_unit(stage) if waits else self._now(stage)
            if part is None:
                return None
            whole, waits = _after(whole, part), True
        return whole

    def _now(self, stage: Any) -> Estimate | None:
        """Of a stage that waits for no other."""
        [[slots]] = _SLOTS.rows(self._connection, stage=stage.id)
        found = self._estimate(stage, slots) if slots else None
        if found is not None or stage.position == 0:
            return found
        left = stage.total - stage.done
        return _exactly(self._seconds(stage) * -(-left // max(1, slots)))

    def _last_unit(self, stage: Any) -> Estimate:
        return _exactly(self._seconds(stage))

    def _seconds(self, stage: Any) -> float:
        """Of one unit: as in this stage before, else as in others of its kind, 0 if unknown."""
        if stage.done:
            return float(stage.seconds / stage.done)
        if stage.kind not in self._usual:
            [[seconds, done]] = _USUAL.rows(self._connection, kind=stage.kind)
            self._usual[stage.kind] = seconds / done if done else 0.0
        return self._usual[stage.kind]


def _after(one: Estimate, other: Estimate) -> Estimate:
    return Estimate(
        one.low_s + other.low_s, one.likely_s + other.likely_s, one.high_s + other.high_s
    )


def _exactly(seconds: float) -> Estimate:
    return Estimate(seconds, seconds, seconds)
