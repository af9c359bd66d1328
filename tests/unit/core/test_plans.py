from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.orders import Order
from framefarm.core.plans import (
    Dependent,
    JobPlan,
    Needs,
    PlanError,
    StagePlan,
    dependents,
    inputs_of,
    plan_job,
    plan_render,
    plan_trial,
)
from framefarm.core.spans import Spans, SpansError

frame_sets = st.sets(st.integers(-40, 400), min_size=1, max_size=200).map(Spans.from_units)


def stage(units: str, needs: Needs | None = None) -> StagePlan:
    made = Spans.parse(units)
    return StagePlan("step", made, (made,), needs)


def test_render_without_a_movie_is_one_stage():
    plan = plan_render(Spans.parse("1-250"), order="sequential", movie=False)

    assert [one.kind for one in plan.stages] == ["render"]
    assert plan.stages[0].needs is None


def test_a_movie_adds_segments_and_the_joining_of_them():
    plan = plan_render(Spans.parse("1-100"), order=Order.SPREAD, movie=True)

    assert [(one.kind, str(one.units)) for one in plan.stages] == [
        ("render", "1-100"),
        ("movie", "0-2"),
        ("join", "0"),
    ]
    assert len(plan.stages[0].order) == 5
    assert str(inputs_of(plan, 1, 0)) == "1-48"
    assert str(inputs_of(plan, 1, 2)) == "97-100"
    assert str(inputs_of(plan, 2, 0)) == "0-2"
    assert not inputs_of(plan, 0, 7)


def test_a_segment_counts_frames_that_exist_and_not_their_numbers():
    plan = plan_render(Spans.parse("1-10,300,310-400x5"), movie=True, segment_frames=6)

    assert str(inputs_of(plan, 1, 1)) == "7-10,300,310"
    assert dependents(plan, 0, 310) == [Dependent(1, 1, 6)]
    assert dependents(plan, 0, 400) == [Dependent(1, 4, 6)]


@given(frame_sets, st.integers(1, 60), st.sampled_from(Order))
def test_dependents_and_inputs_are_each_others_mirror(frames, segment, order):
    plan = plan_render(frames, order=order, movie=True, segment_frames=segment)

    for frame in frames:
        [(later, unit, count)] = dependents(plan, 0, frame)
        inputs = inputs_of(plan, later, unit)
        assert frame in inputs
        assert count == len(inputs)
    for number in plan.stages[1].units:
        assert dependents(plan, 1, number) == [Dependent(2, 0, len(plan.stages[1].units))]
    assert sum(len(inputs_of(plan, 1, k)) for k in plan.stages[1].units) == len(frames)
    assert dependents(plan, 2, 0) == []


def test_a_stage_that_needs_all_waits_for_every_unit():
    plan = JobPlan((stage("1-3"), stage("7-8", Needs(0))))

    assert dependents(plan, 0, 2) == [Dependent(1, 7, 3), Dependent(1, 8, 3)]
    assert str(inputs_of(plan, 1, 8)) == "1-3"


def test_two_stages_may_need_the_same_one():
    plan = JobPlan((stage("1-4"), stage("0-1", Needs(0, 2)), stage("0", Needs(0))))

    assert dependents(plan, 0, 3) == [Dependent(1, 1, 2), Dependent(2, 0, 4)]


def test_a_unit_that_is_not_in_the_plan_is_refused():
    plan = plan_render(Spans.parse("1-10"), movie=True)

    with pytest.raises(SpansError):
        dependents(plan, 0, 11)
    with pytest.raises(SpansError):
        inputs_of(plan, 1, 5)


@pytest.mark.parametrize(
    "stages",
    [
        (),
        (StagePlan("empty", Spans(), ()),),
        (StagePlan("short", Spans.of(1, 3), (Spans.of(1, 2),)),),
        (StagePlan("twice", Spans.of(1, 3), (Spans.of(1, 3), Spans.of(2, 2))),),
        (StagePlan("other", Spans.of(1, 3), (Spans.of(2, 4),)),),
        (StagePlan("overlap", Spans.of(1, 4), (Spans.of(1, 2), Spans.of(2, 3))),),
        (StagePlan("many", Spans.of(1, 101), tuple(Spans.of(n, n) for n in range(1, 102))),),
        (stage("1", Needs(0)),),
        (stage("1"), stage("1", Needs(-1))),
        (stage("1"), stage("1", Needs(2)), stage("1")),
        (stage("1-4"), stage("0-1", Needs(0, 3)), stage("0-2", Needs(0, 3))),
        (stage("1-4"), stage("0-1", Needs(0, 0))),
    ],
)
def test_an_impossible_plan_is_refused(stages):
    with pytest.raises(PlanError):
        JobPlan(stages)


def test_no_frames_and_no_segment_length_are_refused():
    with pytest.raises(PlanError, match="at least one frame"):
        plan_render(Spans(), movie=True)
    with pytest.raises(PlanError, match="at least 1 frame"):
        plan_render(Spans.of(1, 2), movie=True, segment_frames=0)


def test_an_unknown_order_or_kind_is_refused_with_the_known_ones():
    with pytest.raises(PlanError, match='no order "x"; use sequential, spread, listed'):
        plan_render(Spans.of(1, 2), order="x")
    with pytest.raises(PlanError, match='no job kind "paint"; use render, trial'):
        plan_job("paint", Spans.of(1, 2))


def test_the_registry_plans_by_kind():
    assert plan_job("trial", Spans.of(1, 5)) == plan_trial(Spans.of(1, 5))
    assert len(plan_job("render", Spans.of(1, 5), movie=True).stages) == 3


def test_a_million_frames_are_planned_as_spans():
    plan = plan_render(Spans.of(1, 1_000_000), order="spread", movie=True)

    assert str(plan.stages[1].units) == "0-20833"
    assert dependents(plan, 0, 1_000_000) == [Dependent(1, 20833, 16)]
