"""What a job consists of: stages of units, and which units need which.

A plan is pure: settings in, stages out. A new kind of work adds a planner here to
`PLANNERS` and an executor in the agent.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from framefarm.core.errors import FrameFarmError
from framefarm.core.orders import MAX_PASSES, Order, plan_order
from framefarm.core.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SEGMENT_FRAMES = 48
"""Frames of one movie segment: two seconds, and one group of pictures for the encoder."""


class PlanError(FrameFarmError):
    """Settings from which no job can be planned."""

    code = "bad_plan"


@dataclass(frozen=True, slots=True)
class Needs:
    """What the units of a stage need before they can be worked on.

    Attributes:
        stage_index: The earlier stage whose units are needed.
        group: Unit number k (counted from 0, ascending) needs the units number
            `k * group` up to `(k + 1) * group`, not included, of that stage, counted the same
            way. None: each unit needs all of them.
    """

    stage_index: int
    group: int | None = None


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of a job.

    Attributes:
        kind: What is done with a unit: `render`, `movie`, `join`, ...
        units: The units.
        order: The same units as passes, in the order of work.
        needs: What they wait for; None when they can start at once.
    """

    kind: str
    units: Spans
    order: tuple[Spans, ...]
    needs: Needs | None = None


class Dependent(NamedTuple):
    """A unit that needs another one.

    Attributes:
        stage_index: Its stage.
        unit: The unit.
        inputs: How many units it needs in all.
    """

    stage_index: int
    unit: int
    inputs: int


@dataclass(frozen=True, slots=True)
class JobPlan:
    """The stages of a job; a stage only needs stages before it.

    Raises:
        PlanError: No stage, a stage without units, an order that leaves units out, or needs
            that cannot be met.
    """

    stages: tuple[StagePlan, ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise PlanError("A job needs at least one stage.")
        for index, stage in enumerate(self.stages):
            _check_units(stage)
            if stage.needs is not None:
                _check_needs(self.stages, index, stage.needs)


def _check_units(stage: StagePlan) -> None:
    if not stage.units:
        raise PlanError(f"Stage {stage.kind} has no units; give the job at least one frame.")
    if len(stage.order) > MAX_PASSES or not _hold_each_once(stage.units, stage.order):
        raise PlanError(
            f"The order of stage {stage.kind} must hold each of its units once, "
            f"in at most {MAX_PASSES} passes."
        )


def _hold_each_once(units: Spans, passes: Sequence[Spans]) -> bool:
    # Pairs are compared, and the passes not joined, because what two passes of `spread`
    # have in common is one span, while joined they are a span for nearly every unit.
    return (
        sum(map(len, passes)) == len(units)
        and all(one.intersection(units) == one for one in passes)
        and not any(one.intersection(two) for one, two in combinations(passes, 2))
    )


def _check_needs(stages: Sequence[StagePlan], index: int, needs: Needs) -> None:
    kind = stages[index].kind
    if not 0 <= needs.stage_index < index:
        raise PlanError(f"Stage {kind} can only need a stage before it.")
    if needs.group is None:
        return
    if needs.group < 1:
        raise PlanError(f"Stage {kind} must need at least one unit for each of its own.")
    groups = -(-len(stages[needs.stage_index].units) // needs.group)
    if groups != len(stages[index].units):
        raise PlanError(
            f"Stage {kind} has {len(stages[index].units)} units, "
            f"but the units it needs make {groups} groups of {needs.group}."
        )


def inputs_of(plan: JobPlan, stage_index: int, unit: int) -> Spans:
    """The units, all of one earlier stage, that a unit needs. O(spans).

    Returns:
        The units, ascending; empty when it needs nothing. The stage they are of is
        `plan.stages[stage_index].needs.stage_index`.

    Raises:
        SpansError: The stage has no such unit.
    """
    stage = plan.stages[stage_index]
    number = stage.units.index_of(unit)
    if stage.needs is None:
        return Spans()
    earlier = plan.stages[stage.needs.stage_index].units
    group = stage.needs.group
    return earlier if group is None else earlier.slice(number * group, (number + 1) * group)


def dependents(plan: JobPlan, stage_index: int, unit: int) -> list[Dependent]:
    """The units that need a unit, asked whenever one has been finished.

    O(spans) for each stage, and one entry for each unit of a stage which needs all.

    Raises:
        SpansError: The stage has no such unit.
    """
    units = plan.stages[stage_index].units
    number, total = units.index_of(unit), len(units)
    found: list[Dependent] = []
    for later, stage in enumerate(plan.stages):
        if stage.needs is None or stage.needs.stage_index != stage_index:
            continue
        group = stage.needs.group
        if group is None:
            found += [Dependent(later, waiting, total) for waiting in stage.units]
        else:
            k = number // group
            inputs = min(group, total - k * group)
            found.append(Dependent(later, stage.units.at(k), inputs))
    return found


def plan_render(
    frames: Spans,
    *,
    order: Order | str = Order.SEQUENTIAL,
    movie: bool = False,
    segment_frames: int = SEGMENT_FRAMES,
    listed: Sequence[Spans] | None = None,
) -> JobPlan:
    """Plan the rendering of an animation.

    Args:
        frames: Frames to render, at least one.
        order: Order of the frames.
        movie: Whether the frames become a movie. Then segments of `segment_frames` frames are
            encoded while later frames still render, and the last stage joins them.
        segment_frames: Frames of one segment; the last one may be shorter.
        listed: The order that `listed` follows.

    Returns:
        Stages `render` (a unit is a frame) and, for a movie, `movie` (a unit is a segment,
        numbered from 0) and `join` (unit 0).

    Raises:
        PlanError: No frames, a segment of no frames, or an unknown order.
    """
    render = StagePlan("render", frames, _passes(frames, order, listed))
    if not movie:
        return JobPlan((render,))
    if segment_frames < 1:
        raise PlanError(f"A movie segment needs at least 1 frame, not {segment_frames}.")
    if not frames:
        return JobPlan((render,))  # raises, with the message for it
    segments = Spans.of(0, -(-len(frames) // segment_frames) - 1)
    return JobPlan(
        (
            render,
            StagePlan("movie", segments, (segments,), Needs(0, segment_frames)),
            StagePlan("join", Spans.of(0, 0), (Spans.of(0, 0),), Needs(1)),
        )
    )


def plan_trial(units: Spans, *, order: Order | str = Order.SEQUENTIAL) -> JobPlan:
    """Plan a job that only shows that the farm works: each unit waits a little and answers.

    Raises:
        PlanError: No units, or an unknown order.
    """
    return JobPlan((StagePlan("trial", units, _passes(units, order, None)),))


def _passes(units: Spans, order: Order | str, listed: Sequence[Spans] | None) -> tuple[Spans, ...]:
    try:
        return tuple(plan_order(units, order, listed))
    except ValueError:
        raise PlanError(f'There is no order "{order}"; use {", ".join(Order)}.') from None


PLANNERS: Mapping[str, Callable[..., JobPlan]] = {
    "render": plan_render,
    "trial": plan_trial,
}
"""The planner of each kind of job: `planner(units, **settings)` gives the plan."""


def plan_job(kind: str, units: Spans, **settings: object) -> JobPlan:
    """Plan a job of any kind.

    Raises:
        PlanError: There is no such kind of job, or its planner refuses the settings.
    """
    planner = PLANNERS.get(kind)
    if planner is None:
        raise PlanError(f'There is no job kind "{kind}"; use {", ".join(sorted(PLANNERS))}.')
    return planner(units, **settings)
