"""Who is to blame when a unit goes wrong (L9, L13)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.blame import (
    BlameLimits,
    Fault,
    Lot,
    enough_memory,
    judge,
    judge_losses,
    rest_s,
)
from framefarm.core.sizes import GIB

LIMITS = BlameLimits()


def errors(*workers: str, reason: str = "error") -> list[Fault]:
    return [Fault(worker, reason) for worker in workers]


class Farm:
    """Workers with their memory, who could all do the unit."""

    def __init__(self, **memory_bytes: int) -> None:
        self.memory = memory_bytes

    def __call__(self, avoid: frozenset[str], more_than: int) -> bool:
        return any(
            name not in avoid and enough_memory(memory, more_than)
            for name, memory in self.memory.items()
        )


def farm(*names: str) -> Farm:
    return Farm(**dict.fromkeys(names, 0))


def test_l9_the_first_retry_goes_in_front_and_later_ones_to_the_end():
    assert judge(errors("a"), LIMITS, farm("a", "b")).lot is Lot.AGAIN_FIRST
    assert judge(errors("a", "b"), LIMITS, farm("a", "b", "c")).lot is Lot.AGAIN_LAST


def test_l9_errors_on_three_different_workers_make_a_unit_failed():
    many = farm(*"abcdef")

    assert not judge(errors("a", "b"), LIMITS, many).failed
    assert judge(errors("a", "b", "c"), LIMITS, many).failed


def test_l9_errors_of_one_worker_count_once_while_others_could_do_it():
    assert not judge(errors("a", "a", "a", "a"), LIMITS, farm("a", "b")).failed


def test_l9_who_could_do_it_and_never_comes_keeps_no_unit_for_ever():
    tries = errors(*"abababababab")
    here = farm("a", "b", "in another session")

    assert not judge(tries[:-1], LIMITS, here).failed
    assert judge(tries, LIMITS, here).why == (
        "It went wrong 12 times; it is not tried again by itself."
    )
    assert not judge(errors(*"abababababab", reason="placement"), LIMITS, here).failed


@pytest.mark.parametrize("tries", [["a", "b", "a"], ["b", "a", "b"]])
def test_l9_with_two_workers_a_unit_is_tried_three_times_in_all(tries: list[str]):
    two = farm("a", "b")

    assert [judge(errors(*tries[:n]), LIMITS, two).failed for n in (1, 2, 3)] == [
        False,
        False,
        True,
    ]


def test_l9_a_lone_worker_tries_three_times():
    assert not judge(errors("a", "a"), LIMITS, farm("a")).failed
    assert judge(errors("a", "a", "a"), LIMITS, farm("a")).failed


def test_l9_what_blender_refuses_fails_at_once():
    assert judge(errors("a", reason="refused"), LIMITS, farm(*"abc")).failed


def test_l9_losses_cost_nothing_until_the_fifth():
    lost = errors(*"abcdefg", reason="lost")

    assert not judge_losses(lost[:4], LIMITS).failed
    verdict = judge_losses(lost[:5], LIMITS)
    assert verdict.failed
    assert "5 workers were lost" in verdict.why


def test_l9_losses_do_not_count_as_errors():
    assert not judge([*errors("a", "b", reason="lost"), Fault("c", "error")], LIMITS, farm()).failed


def test_l9_a_unit_that_killed_three_different_workers_is_quarantined():
    assert not judge_losses(errors("a", "b", "b", reason="killed"), LIMITS).failed
    verdict = judge_losses(errors("a", "b", "c", reason="killed"), LIMITS)
    assert verdict.failed
    assert "Quarantined: 3 workers died" in verdict.why


def test_l9_another_device_than_asked_for_is_never_the_units_fault():
    placed = errors("a", "b", "c", "d", reason="placement")

    assert not judge(placed, LIMITS, farm(*"abcde")).failed
    # Somewhere it has to end.
    assert judge(placed, LIMITS, farm(*"abcd")).failed


def test_l9_what_ran_out_of_memory_waits_for_a_worker_with_more():
    ran_out = [Fault("small", "out_of_memory", 8 * GIB, 8 * GIB)]

    assert not judge(ran_out, LIMITS, Farm(small=8 * GIB, large=16 * GIB)).failed


def test_l9_what_no_worker_has_memory_for_fails_with_its_peak_and_what_to_do():
    ran_out = [Fault("small", "out_of_memory", 8 * GIB, 9 * GIB)]

    verdict = judge(ran_out, LIMITS, Farm(small=8 * GIB, same=8 * GIB, nearly=int(8.3 * GIB)))

    assert verdict.failed
    assert "8 GiB" in verdict.why
    assert "9 GiB" in verdict.why
    assert "add a worker with more memory" in verdict.why


def test_memory_that_is_not_known_may_be_enough():
    assert enough_memory(0, 8 * GIB)
    assert enough_memory(8 * GIB, 0)
    assert not enough_memory(8 * GIB, 8 * GIB)
    assert enough_memory(9 * GIB, 8 * GIB)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["error", "placement", "crashed"])),
        min_size=1,
        max_size=30,
    ),
    st.sets(st.sampled_from("abcd"), min_size=1),
)
def test_l9_every_unit_comes_to_an_end(tries: list[tuple[str, str]], names: set[str]):
    """Each worker that could do it has its turn; then it is over."""
    here = farm(*names)
    faults = [Fault(worker, reason) for worker, reason in tries]
    if len(faults) >= 3 and {fault.worker_id for fault in faults} >= names:
        assert judge(faults, LIMITS, here).failed


def test_quarantines_double_up_to_a_day():
    lasts = [LIMITS.quarantine_for(strikes) for strikes in (1, 2, 3, 9, 500)]

    assert lasts == [600.0, 1_200.0, 2_400.0, 86_400.0, 86_400.0]


def test_l13_a_worker_that_fails_again_and_again_rests_ever_longer_up_to_a_cap():
    assert rest(1, 0.9) == 0.0
    assert [rest(n, 0.0) for n in (2, 3, 4)] == [0.5, 1.0, 2.0]
    assert [rest(n, 1.0) for n in (2, 3, 4)] == [1.0, 2.0, 4.0]
    assert rest(50, 1.0) == 30.0
    assert rest(50, 1.0, longest_rest_s=7.0) == 7.0


def test_l13_where_no_worker_is_better_the_pauses_end_after_a_minute_in_all():
    pauses = [rest(n, 1.0, sound_elsewhere=False) for n in range(1, 100)]

    assert pauses[:7] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert set(pauses[7:]) == {0.0}
    assert rest(5, 1.0, sound_elsewhere=False, rests_in_all_s=7.0) == 0.0


def rest(failures: int, die: float, *, sound_elsewhere: bool = True, **limits: float) -> float:
    return rest_s(failures, die, BlameLimits(**limits), sound_elsewhere=lambda: sound_elsewhere)
