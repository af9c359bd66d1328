"""Who is given what, in which order (L1, L2, L9, L12)."""

from __future__ import annotations

import re

import pytest

from framefarm.core.requirements import Pool, Requirements
from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.blame import Blame
from framefarm.farm.claims import new_ids
from framefarm.farm.new_jobs import Wishes, settle_blender
from tests.integration.farm.bench import Bench, ask

WARM = "a" * 64


def test_l1_a_lease_is_stored_as_it_was_given(bench: Bench):
    bench.trial("5-9")

    lease = bench.take("w1", slot="gpu", seconds_per_unit={1: 1.0}, lease_s=30.0)

    [row] = bench.rows(t.leases)
    assert (row.id, row.worker_id, row.slot) == (lease.lease_id, "w1", "gpu")
    assert (row.units, row.attempt, row.state) == ("5-7", 1, "active")
    assert row.expires_at == pytest.approx(row.leased_at + 30.0)
    assert len(lease.lease_id) == 32


def test_nothing_is_given_when_nothing_is_pending(bench: Bench):
    assert bench.claim() is None
    bench.trial("1")
    assert bench.claim() is not None
    assert bench.claim() is None


def test_l12_units_come_in_their_order(bench: Bench):
    bench.trial("1-4,10")

    assert [lease.units.first for lease in bench.work_off()] == [1, 2, 3, 4, 10]


def test_l12_spread_begins_with_every_sixteenth_and_the_last(bench: Bench):
    bench.trial("1-40", order="spread")

    units = [lease.units.first for lease in bench.work_off()]

    assert units[:4] == [1, 17, 33, 40]
    assert sorted(units) == list(range(1, 41))


def test_l12_the_higher_priority_comes_first_then_the_older_job(bench: Bench):
    low, high, later = (bench.trial("1", priority=p) for p in (10, 90, 90))

    assert [bench.take().job_id for _ in range(3)] == [high, later, low]


def test_l12_a_later_stage_of_a_job_comes_before_its_earlier_one(bench: Bench):
    job = bench.film("1-4", segment=2)
    for _ in range(2):
        bench.finish(bench.take())

    lease = bench.take()

    assert lease.stage_id == bench.stage(job, 1).id
    assert lease.units == Spans.of(0, 0)


def test_l12_within_one_priority_a_slot_stays_with_its_warm_file(bench: Bench):
    older = bench.trial("1-9")
    warm = bench.trial("1-9", warm=WARM)

    assert bench.take(warm=WARM).job_id == warm
    assert bench.take(warm="b" * 64).job_id == older
    assert bench.take().job_id == older


def test_l12_a_warm_file_does_not_hold_a_slot_back_from_a_higher_priority(bench: Bench):
    bench.trial("1-9", warm=WARM)
    urgent = bench.trial("1-9", priority=90)

    assert bench.take(warm=WARM).job_id == urgent


def test_only_kinds_that_a_slot_runs_are_given_to_it(bench: Bench):
    bench.film("1-2")

    assert bench.claim(kinds=frozenset({"movie", "join"})) is None
    assert bench.claim(kinds=frozenset({"render"})) is not None


def test_a_stage_waits_until_its_blender_is_settled_and_goes_to_a_slot_that_has_it(bench: Bench):
    job = bench.trial("1-2", wanted="5.0")
    assert bench.claim(blenders=frozenset({"5.0", "4.5"})) is None

    bench.do(settle_blender, bench.stage(job).id, "5.0")

    assert bench.claim(blenders=frozenset({"4.5"})) is None
    assert bench.claim(blenders=frozenset()) is None
    assert bench.claim(blenders=frozenset({"4.5", "5.0"})) is not None


def test_a_settled_blender_stays(bench: Bench):
    job = bench.trial("1-2", wanted="5.0")

    bench.do(settle_blender, bench.stage(job).id, "5.0")
    bench.do(settle_blender, bench.stage(job).id, "5.1")

    assert bench.stage(job).blender == "5.0"


def test_the_first_lease_of_an_unknown_speed_is_one_unit(bench: Bench):
    bench.trial("1-1000")

    assert len(bench.take().units) == 1


def test_a_lease_holds_about_thirty_seconds_of_work(bench: Bench):
    job = bench.trial("1-1000")
    stage = bench.stage(job).id

    assert len(bench.take(seconds_per_unit={stage: 3.0}).units) == 10
    assert len(bench.take(seconds_per_unit={stage: 100.0}).units) == 1


def test_leases_shrink_near_the_end(bench: Bench):
    job = bench.trial("1-64")
    speed = {bench.stage(job).id: 0.001}

    sizes = []
    while lease := bench.claim(seconds_per_unit=speed, peers=4):
        sizes.append(len(lease.units))

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 8
    assert sizes[-1] == 1
    assert sum(sizes) == 64


def test_a_lease_is_never_larger_than_its_stage_allows(bench: Bench):
    job = bench.trial("1-64", largest=3)

    assert len(bench.take(seconds_per_unit={bench.stage(job).id: 0.001}).units) == 3


def test_l2_claims_of_one_group_never_share_a_unit(bench: Bench):
    job = bench.trial("1-10,20-30x5,40")
    speed = {bench.stage(job).id: 1.0}
    slots = [ask(f"w{n}", seconds_per_unit=speed, peers=3) for n in range(30)]

    leases = [lease for lease in bench.claims(slots) if lease is not None]

    units = [unit for lease in leases for unit in lease.units]
    assert sorted(units) == [*range(1, 11), 20, 25, 30, 40]
    assert bench.stage(job).pending == 0


def test_claims_of_unlike_slots_in_one_group_share_what_is_pending(bench: Bench):
    bench.trial("1-3")
    unlike = [
        ask("w1", kinds=frozenset({"trial"})),
        ask("w2", kinds=frozenset({"trial", "movie"})),
        ask("w3", kinds=frozenset({"trial", "join"})),
        ask("w4", kinds=frozenset({"trial"})),
    ]

    leases = bench.claims(unlike)

    assert sorted(lease.units.first for lease in leases if lease) == [1, 2, 3]
    assert leases.count(None) == 1


def test_the_first_lease_starts_its_job(bench: Bench):
    job = bench.trial("1-3")
    assert bench.job(job).state == "queued"

    bench.take()

    assert bench.job(job).state == "running"
    assert bench.job(job).started_at is not None


# --- units that failed elsewhere --------------------------------------------------------------


def test_l9_a_failed_unit_is_tried_by_another_worker(bench: Bench):
    bench.trial("1")
    bench.fail(bench.take("w1"))

    assert bench.claim("w1", others=lambda *_: True) is None
    again = bench.take("w2", others=lambda *_: True)

    assert (again.units, again.attempt) == (Spans.of(1, 1), 2)


def test_l9_a_worker_that_failed_a_unit_still_gets_those_on_both_sides_of_it(bench: Bench):
    bench.trial("1-9", order="spread")
    while (lease := bench.take("w1", others=lambda *_: True)).units.first != 5:
        bench.finish(lease)
    bench.fail(lease)

    # 2-8x2 lies around unit 5 and does not hold it; nobody has tried any of it.
    left = [bench.take("w1", others=lambda *_: True) for _ in range(3)]

    assert [(lease.units.first, lease.attempt) for lease in left] == [(3, 1), (7, 1), (2, 1)]


def test_l9_a_worker_that_failed_a_unit_still_gets_the_others(bench: Bench):
    bench.trial("1-2")
    bench.fail(bench.take("w1"))

    assert bench.take("w1", others=lambda *_: True).units == Spans.of(2, 2)


def test_l9_of_units_made_anew_together_a_worker_leaves_only_the_one_that_it_failed(bench: Bench):
    _pending_again(bench, failed=3, by="w1")

    first = bench.take("w1", others=lambda *_: True, seconds_per_unit={1: 1.0})
    waits = bench.claim("w1", others=lambda *_: True)
    other = bench.take("w2", others=lambda *_: True)
    rest = bench.take("w1", others=lambda *_: True, seconds_per_unit={1: 1.0})

    assert (str(first.units), waits) == ("1-2", None)
    assert other.units == Spans.of(3, 3)
    assert rest.units.first == 4


def test_l9_who_takes_a_failed_unit_says_that_the_rest_is_free_for_who_failed_it(bench: Bench):
    _pending_again(bench, failed=3, by="w1")

    opens = [bench.take("w2", others=lambda *_: True).opens for _ in range(6)]

    assert opens == [False, False, True, False, False, False]


def _pending_again(bench: Bench, *, failed: int, by: str) -> None:
    """Units 1 to 6 wait in one piece, as after a lease of all ended; one was failed before."""
    job = bench.trial("1-6")
    for _ in range(failed - 1):
        bench.take("gone")
    bench.fail(bench.take(by))
    bench.cancel(job)
    bench.retry(job)
    bench.do(lambda c: c.execute(t.faults.update().values(forgiven=False)))
    assert len(bench.rows(t.spans)) == 1


def test_l9_the_only_worker_may_try_again_what_it_failed(bench: Bench):
    bench.trial("1")
    bench.fail(bench.take("w1"))

    assert bench.take("w1", others=lambda *_: False).attempt == 2


def test_l9_two_workers_that_both_failed_a_unit_do_not_wait_for_each_other(bench: Bench):
    bench.trial("1")
    present = {"w1", "w2"}

    def others(_asked: Requirements, avoid: frozenset[str], _bytes: int) -> bool:
        return bool(present - avoid)

    bench.fail(bench.take("w1", others=others))
    bench.fail(bench.take("w2", others=others))

    assert bench.take("w1", others=others).attempt == 3


def test_l9_who_could_do_it_instead_is_asked_for_the_kind_and_the_blender(bench: Bench):
    job = bench.trial("1", wanted="5.0")
    bench.do(settle_blender, bench.stage(job).id, "5.0")
    bench.fail(bench.take("w1"))
    asked = []

    bench.claim("w1", others=lambda *question: asked.append(question) or True)

    assert asked == [(Requirements("trial", "5.0"), frozenset({"w1"}), 0)]


def test_l9_a_lost_worker_may_try_the_same_unit_again(bench: Bench):
    bench.trial("1")
    bench.expire(bench.take("w1"))

    assert bench.take("w1", others=lambda *_: True).attempt == 2


def test_a_worker_that_fails_everything_does_not_slow_the_claims_of_others(bench: Bench):
    bench.blame = Blame(elsewhere=lambda *_: True)
    job = bench.trial("1-400", largest=1)
    for _ in range(300):
        bench.fail(bench.take("bad", others=lambda *_: False))
    statements = bench.count_statements()

    assert bench.claim("bad", others=lambda *_: True) is not None
    for lease in bench.claims([ask("good", others=lambda *_: True) for _ in range(100)]):
        assert lease is not None

    assert bench.stage(job).leased == 101
    # A load of spans and one of their faults for each 50 spans, and one update a carved span.
    assert statements.count < 300


def test_l12_owners_share_the_slots_of_one_priority(bench: Bench):
    ada = bench.trial("1-100", wishes=Wishes(owner="ada"))
    grace = bench.trial("1-100", wishes=Wishes(owner="grace"))

    together = [lease.job_id for lease in bench.claims([ask(f"w{n}") for n in range(6)]) if lease]
    one_by_one = [bench.take(f"v{n}").job_id for n in range(4)]

    assert sorted(together) == [ada] * 3 + [grace] * 3
    assert sorted(one_by_one) == [ada] * 2 + [grace] * 2


def test_l12_a_higher_priority_is_not_held_back_by_fair_share(bench: Bench):
    bench.trial("1-9", wishes=Wishes(owner="ada"))
    urgent = bench.trial("1-9", priority=90, wishes=Wishes(owner="grace"))

    assert [bench.take(f"w{n}").job_id for n in range(3)] == [urgent] * 3


def test_l12_a_warm_slot_leaves_an_owner_only_while_another_has_fewer_slots(bench: Bench):
    warm = bench.trial("1-100", warm=WARM, wishes=Wishes(owner="ada"))
    leases = [bench.take(f"w{n}", warm=WARM) for n in range(4)]
    other = bench.trial("1-100", wishes=Wishes(owner="grace"))

    went_to = []
    for n, lease in enumerate(leases):
        bench.finish(lease)
        went_to.append(bench.take(f"w{n}", warm=WARM).job_id)

    assert sorted(went_to) == [warm] * 2 + [other] * 2


def test_l12_a_file_on_the_disk_is_preferred_within_one_priority(bench: Bench):
    older = bench.trial("1-9", warm="b" * 64)
    held = bench.trial("1-9", warm=WARM)
    urgent = bench.trial("1-2", warm="c" * 64, priority=90)

    got = [bench.take(cached=frozenset({WARM})).job_id for _ in range(3)]

    assert got == [urgent, urgent, held]
    assert bench.take().job_id == older


@pytest.mark.parametrize(
    ("wishes", "lacking", "having"),
    [
        (
            Wishes(tags=("big", "eu")),
            {"tags": frozenset({"big"})},
            {"tags": frozenset({"big", "eu"})},
        ),
        (Wishes(pool=Pool.OWN), {"pool": Pool.FRIENDS}, {"pool": Pool.OWN}),
        (Wishes(pool=Pool.FRIENDS), {"pool": Pool.PUBLIC}, {"pool": Pool.OWN}),
        (Wishes(min_memory_bytes=100), {"memory_bytes": 99}, {"memory_bytes": 100}),
    ],
)
def test_a_job_goes_only_where_its_wishes_are_met(
    bench: Bench, wishes: Wishes, lacking: dict[str, object], having: dict[str, object]
):
    bench.trial("1-9", wishes=wishes)

    assert bench.claim("w1", **lacking) is None
    assert bench.claim("w2", **having) is not None


def test_a_job_for_gpus_renders_on_them_and_encodes_anywhere(bench: Bench):
    bench.film("1-2", segment=1, wishes=Wishes(gpu=True))

    assert bench.claim("processor") is None
    frame = bench.take("card", gpu=True)
    bench.finish(frame)
    assert bench.take("processor").stage_id != frame.stage_id


def test_l9_what_ran_out_of_memory_is_tried_only_where_there_is_more(bench: Bench):
    bench.blame = Blame(elsewhere=lambda *_: True)
    bench.trial("1")
    lease = bench.take("w1", memory_bytes=1000)
    bench.fail(lease, reason="out_of_memory", memory_bytes=1000)

    assert bench.claim("w2", memory_bytes=1000) is None
    assert bench.claim("w2", memory_bytes=1040) is None
    assert bench.claim("w3", memory_bytes=2000) is not None


def test_l9_a_barred_worker_gets_other_work_and_one_on_probation_a_single_unit(bench: Bench):
    barred = bench.trial("1-90")
    film = bench.film("1-90")
    speeds = {bench.stage(job).id: 0.1 for job in (barred, film)}
    trials = frozenset({("trial", "")})

    elsewhere = bench.take("w1", seconds_per_unit=speeds, barred=trials)
    shown = bench.take("w2", seconds_per_unit=speeds, probation=trials)

    assert (elsewhere.job_id, len(elsewhere.units) > 1) == (film, True)
    assert (shown.job_id, len(shown.units)) == (barred, 1)


def test_l13_a_worker_that_rests_from_a_stage_gets_another(bench: Bench):
    resting, other = bench.trial("1-9"), bench.trial("1-9")

    lease = bench.take("w1", resting=frozenset({bench.stage(resting).id}))

    assert lease.job_id == other


@pytest.mark.parametrize("waiting", [100, 1_000])
def test_a_claim_asks_the_database_as_little_however_many_jobs_wait(bench: Bench, waiting: int):
    bench.trial("1-9")
    few = bench.count_statements()
    bench.take("w1")
    asked_of_one = few.count
    for number in range(waiting):
        bench.trial("1-9", priority=number % 7)
    many = bench.count_statements()

    bench.take("w2")

    assert many.count <= asked_of_one


def test_ids_of_leases_rise_with_the_time_and_cannot_be_guessed_from_each_other():  # L1
    ids = [one for n in range(200) for one in new_ids(1_800_000_000.0 + n / 1_000, 1)]

    assert ids == sorted(ids)
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    assert len({one[12:] for one in ids}) == 200
    same_moment = set(new_ids(1_800_000_000.0, 200))
    assert len(same_moment) == 200
    assert len({one[:12] for one in same_moment}) == 1
    assert len({one[12:] for one in same_moment}) == 200
    assert new_ids(1_800_000_000.0, 0) == []
