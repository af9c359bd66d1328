"""Units of later stages become pending once, when all they need is there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framefarm.core.spans import Spans
from framefarm.db import tables as t
from framefarm.farm.fetching import files_of_leases
from framefarm.farm.inputs import inputs_of_units
from tests.integration.farm.bench import Bench, weave


def test_a_segment_is_pending_when_its_last_frame_is_there(bench: Bench):
    job = bench.film("1-4", segment=2)
    leases = [bench.take() for _ in range(4)]

    bench.finish(leases[0])
    bench.finish(leases[2])
    assert bench.stage(job, 1).pending == 0
    assert {row.unit: row.have for row in bench.rows(t.inputs)} == {0: 1, 1: 1}

    bench.finish(leases[3])

    assert bench.news.work
    assert [(row.first, row.last) for row in bench.rows(t.spans)] == [(1, 1)]
    assert bench.stage(job, 1).state == "ready"
    assert bench.stage(job, 2).state == "waiting"


def test_frames_of_one_group_count_together(bench: Bench):
    job = bench.film("1-6", segment=3)
    leases = [bench.take() for _ in range(6)]

    bench.finishes([bench.result(lease) for lease in leases])

    assert bench.stage(job, 1).pending == 2
    assert bench.rows(t.inputs) == []


def test_the_last_segment_may_be_shorter(bench: Bench):
    job = bench.film("1-5", segment=2)

    bench.work_off()

    assert [bench.stage(job, at).done for at in range(3)] == [5, 3, 1]
    assert bench.job(job).state == "done"


def test_a_late_success_unlocks_too(bench: Bench):
    job = bench.film("1-2", segment=2)
    first = bench.take("w1")
    bench.expire(first)
    bench.release(bench.take("w2"))
    while (lease := bench.claim("w2")) is not None:
        if lease.units.first == 2:
            bench.finish(lease)
    assert bench.finish(first) == "accepted_late"

    assert bench.stage(job, 1).pending == 1


def test_a_segments_lease_names_its_frames_in_order(bench: Bench):
    job = bench.film("10-50x10", segment=3)
    for lease in reversed([bench.take() for _ in range(5)]):
        bench.finish(lease)

    segments = [bench.take(), bench.take()]

    given_ = [
        [
            (file.unit, file.name)
            for file in bench.do(
                inputs_of_units,
                bench.catalog,
                bench.catalog.known(lease.stage_id),
                lease.units,
            )
        ]
        for lease in sorted(segments, key=lambda lease: lease.units.first)
    ]
    assert given_ == [
        [(0, "10.bin"), (0, "20.bin"), (0, "30.bin")],
        [(1, "40.bin"), (1, "50.bin")],
    ]
    assert bench.stage(job, 1).leased == 2


def test_a_frames_lease_names_no_inputs(bench: Bench):
    bench.film("1-2")
    lease = bench.take()
    bench.finish(lease)

    stage = bench.catalog.known(lease.stage_id)

    assert bench.do(inputs_of_units, bench.catalog, stage, lease.units) == ()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(units=st.integers(1, 9), group=st.integers(1, 4), choices=st.data())
def test_every_order_of_finishing_unlocks_each_unit_once(units: int, group: int, choices):
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        job = bench.store(weave(units, group), largest=1)
        open_leases, done = [], []
        while True:
            while (lease := bench.claim()) is not None:
                open_leases.append(lease)
            if not open_leases:
                break
            count = choices.draw(st.integers(1, len(open_leases)))
            order = choices.draw(st.permutations(open_leases))
            bench.finishes([bench.result(lease) for lease in order[:count]])
            done += order[:count]
            open_leases = list(order[count:])
            bench.check()

        stages = [bench.stage(job, at) for at in range(3)]
        for stage in stages:
            mine = [lease.units.first for lease in done if lease.stage_id == stage.id]
            assert sorted(mine) == list(Spans.restore(stage.units))
        assert bench.job(job).state == "done"
        bench.close()


def test_a_worker_needs_the_inputs_of_the_leases_it_holds_and_no_others(bench: Bench):
    bench.film("10-50x10", segment=3)
    frames = [bench.take() for _ in range(5)]
    for lease in frames:
        bench.finish(lease)
    first, second = bench.take(worker="one"), bench.take(worker="two")

    one = bench.do(files_of_leases, bench.catalog, "one")
    two = bench.do(files_of_leases, bench.catalog, "two")

    given_ = {
        lease.worker_id: {
            file.sha256
            for file in bench.do(
                inputs_of_units, bench.catalog, bench.catalog.known(lease.stage_id), lease.units
            )
        }
        for lease in (first, second)
    }
    assert given_ == {"one": one, "two": two}
    assert one
    assert not one & two
    bench.finish(first)
    assert bench.do(files_of_leases, bench.catalog, "one") == set()
