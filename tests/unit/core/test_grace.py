"""Nothing expires until renewals have been possible for a lease's whole life (L7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.grace import MOST_HELD_S, Disturbance, GraceLimits, Moment, Watch

LIMITS = GraceLimits(quiet_s=4.0, step_s=1.0)
HOUR, DAY = 3_600.0, 86_400.0


def at(monotonic_s: float, *, step_s: float = 0.0, outages: int = 0) -> Moment:
    return Moment(monotonic_s, 1.7e9 + monotonic_s + step_s, outages)


def watch(*rounds: Moment) -> Watch:
    made = Watch(LIMITS)
    for moment in rounds:
        made = made.after(moment)
    return made


def test_l7_the_first_round_after_a_start_gives_every_lease_its_whole_life():
    assert Watch(LIMITS).disturbance(at(100.0)) is Disturbance.START


def test_rounds_in_time_disturb_nothing():
    assert watch(at(0.0), at(1.0)).disturbance(at(2.5)) is None


def test_l7_a_round_that_could_not_be_written_is_an_outage_until_one_is():
    failed = watch(at(0.0)).after_failure().after_failure()

    assert failed.disturbance(at(1.0)) is Disturbance.OUTAGE
    assert failed.after(at(1.0)).disturbance(at(2.0)) is None


def test_l7_refused_writes_of_others_are_an_outage_too():
    assert watch(at(0.0)).disturbance(at(1.0, outages=1)) is Disturbance.OUTAGE


def test_l7_a_late_round_says_that_the_manager_was_stopped():
    assert watch(at(0.0)).disturbance(at(60.0)) is Disturbance.STOPPED


@pytest.mark.parametrize("step_s", [HOUR, -HOUR, DAY, -DAY, 2.0, -2.0])
def test_l7_a_step_of_the_clock_is_seen_in_both_directions(step_s: float):
    seen = watch(at(0.0))

    assert seen.disturbance(at(1.0, step_s=step_s)) is Disturbance.CLOCK
    after = seen.after(at(1.0, step_s=step_s))
    assert after.disturbance(at(2.0, step_s=step_s)) is None


def test_a_suspended_machine_looks_like_a_step_because_its_monotonic_clock_stood_still():
    assert watch(at(0.0)).disturbance(at(1.0, step_s=8 * HOUR)) is Disturbance.CLOCK


@given(st.lists(st.floats(0.1, 3.9), max_size=30), st.floats(-0.0005, 0.0005))
def test_a_clock_that_is_slewed_never_disturbs(pauses: list[float], slew: float):
    seen, now = watch(at(0.0)), 0.0
    for pause in pauses:
        now += pause
        moment = at(now, step_s=now * slew)
        assert seen.disturbance(moment) is None
        seen = seen.after(moment)


def test_the_limits_follow_from_the_life_of_a_lease():
    limits = GraceLimits.of_lease(30.0, 1.0)

    assert limits.quiet_s == 4.0 < 30.0 / 3
    assert limits.step_s == 1.0


def test_l7_nothing_ends_while_workers_may_not_come_and_leases_begin_anew_then():
    held = watch(at(0.0), at(1.0)).hold(2.0, come_by_s=40.0)

    assert held is not None
    assert held.hold(40.0, come_by_s=40.0) is None
    assert held.disturbance(at(40.0)) is Disturbance.TOLD_TO_WAIT
    assert held.after(at(40.0)).disturbance(at(41.0)) is None


def test_nobody_who_was_told_to_wait_holds_nothing_up():
    assert watch(at(0.0)).hold(1.0, come_by_s=0.0) is None


def test_l14_whoever_knocks_for_ever_keeps_no_leases_alive():
    knocked, held_s, ends = watch(at(0.0)), 0, 0
    for second in range(1, 6 * int(MOST_HELD_S)):
        held = knocked.hold(float(second), come_by_s=second + 60.0)
        if held is not None:
            knocked, held_s = held, held_s + 1
            continue
        # After one begin anew, leases end as they always do.
        ends += knocked.disturbance(at(float(second))) is None
        knocked = knocked.after(at(float(second)))

    assert held_s < 3.1 * MOST_HELD_S
    assert ends > 2.5 * MOST_HELD_S
