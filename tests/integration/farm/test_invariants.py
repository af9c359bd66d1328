"""The check of the invariants finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, update

from framefarm.db import tables as t
from framefarm.farm.invariants import check_invariants
from framefarm.storage import BlobFolder
from tests.integration.farm.bench import Bench

Damage = Callable[[Connection], Any]


@pytest.fixture
def broken(tmp_path) -> Any:
    """A job with units in every place, that a test may damage."""
    bench = Bench(tmp_path)
    bench.film("1-8", segment=2)
    frames = frozenset({"render"})
    for _ in range(3):
        bench.finish(bench.take(kinds=frames))
    bench.fail(bench.take(kinds=frames), reason="refused")
    bench.expire(bench.take(kinds=frames))
    bench.take("w2", kinds=frames)
    bench.expire(bench.take(kinds=frames))
    bench.hello()
    bench.check()
    yield bench
    bench.close()


def one_span(**values: Any) -> Damage:
    row = {"stage_id": 1, "position": 9, "step": 1, "attempt": 9, **values}
    return lambda c: c.execute(insert(t.spans).values(row))


def stage(**values: Any) -> Damage:
    return lambda c: c.execute(update(t.stages).where(t.stages.c.position == 0).values(values))


def version(**values: Any) -> Damage:
    """The job becomes one of a shot of three versions, apart from what is damaged."""

    def damage(c: Connection) -> None:
        for name in ("Film", "Other"):
            row = {"name": name, "name_key": name, "status": "active", "created_at": 1.0}
            c.execute(insert(t.projects).values(row))
        shot = {"name": "010", "name_key": "010", "status": "final", "created_at": 1.0}
        c.execute(insert(t.shots).values(project_id=1, last_version=3, **shot))
        belongs = {"project_id": 1, "shot_id": 1, "version": 2}
        c.execute(update(t.jobs).values(belongs))
        assert check_invariants(c) == []
        c.execute(update(t.jobs).values(values))

    return damage


def quarantine(c: Connection, *, trial: bool = False, **values: Any) -> dict[str, Any]:
    worker = c.execute(t.workers.select()).one()
    lease = c.execute(t.leases.select().where(t.leases.c.state == "active")).one()
    facts = {"kind": "render", "blender": "", "reason": "it broke", "strikes": 1}
    times = {"since_at": 2.0, "until_at": 3.0, "trial_lease": lease.id if trial else ""}
    return {"worker_id": worker.id, **facts, **times, **values}


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (one_span(first=8, last=8), "unit 8 is pending, and pending too"),
        (version(project_id=9), "is of project 9, which is not there"),
        (version(shot_id=9), "is of shot 9, which is not in its project"),
        (version(project_id=2), "is of shot 1, which is not in its project"),
        (version(version=4), "is version 4, the last one is 3"),
        (version(version=None), "is version None, the last one is 3"),
        (one_span(first=1, last=1), "unit 1 is pending, and done too"),
        (one_span(first=99, last=99), "are not units of it"),
        (lambda c: c.execute(delete(t.spans)), "units are nowhere"),
        (lambda c: c.execute(delete(t.leases)), "leased is 1, counted 0"),
        (lambda c: c.execute(delete(t.results)), "done is 3, counted 0"),
        (lambda c: c.execute(update(t.faults).values(forgiven=True)), "failed is 1, counted 0"),
        (lambda c: c.execute(update(t.spans).values(attempt=1)), "which they have had"),
        (
            lambda c: c.execute(update(t.leases).values(attempt=1, next_attempt=2)),
            "which they have had",
        ),
        (lambda c: c.execute(delete(t.inputs)), "inputs there are {}, counted {1: 1}"),
        (lambda c: c.execute(update(t.inputs).values(have=2)), "inputs there are {1: 2}"),
        (one_span(stage_id=3, first=0, last=0), "are worked on before their inputs are there"),
        (stage(queue='{"kind":"bake"}'), "its queue is"),
        (lambda c: c.execute(update(t.jobs).values(gpu=True)), "its queue is"),
        (
            lambda c: c.execute(update(t.leases).values(tail=True, units="6,7")),
            "a tail lease holds",
        ),
        (
            lambda c: c.execute(insert(t.quarantines).values(**quarantine(c, until_at=1.0))),
            "has 1 strikes, from 2.0 until 1.0",
        ),
        (
            lambda c: c.execute(insert(t.quarantines).values(**quarantine(c, strikes=0))),
            "has 0 strikes",
        ),
        (
            lambda c: c.execute(insert(t.quarantines).values(**quarantine(c, trial=True))),
            "is tried with a lease of worker w2",
        ),
        (stage(claimable=False), "claimable is False, should be True"),
        (stage(pending=99), "pending is 99"),
        (stage(total=9), "total is 9, counted 8"),
        (stage(seconds=99.0), "seconds is 99.0"),
        (stage(state="done"), "state is done with 3 of 8 done"),
        (stage(state="waiting"), "it waits, but units of it"),
        (stage(cancelled=1), "cancelled is 1 in a job that is running"),
        (lambda c: c.execute(update(t.jobs).values(state="done")), "its stages all done: False"),
        (lambda c: c.execute(update(t.jobs).values(state="failed")), "pending or leased"),
    ],
)
def test_damage_is_found(broken: Bench, damage: Damage, found: str):
    broken.do(damage)

    with broken.engine.connect() as connection:
        faults = check_invariants(connection)

    assert any(found in fault for fault in faults), faults


def test_two_leases_of_one_unit_are_found(broken: Bench):
    def double(connection: Connection) -> None:
        row = connection.execute(t.leases.select().where(t.leases.c.state == "active")).one()
        connection.execute(insert(t.leases).values({**row._asdict(), "id": "0" * 32}))

    broken.do(double)

    with broken.engine.connect() as connection:
        assert any("is leased, and leased too" in f for f in check_invariants(connection))


def test_files_without_a_result_are_found(bench: Bench):
    job = bench.film("1-2")
    bench.finish(bench.take())
    with bench.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(update(t.files).values(unit=2))
        assert "1 files belong to no result" in check_invariants(connection)
        transaction.rollback()
    assert bench.stage(job).done == 1


def test_missing_short_and_changed_blobs_are_found(bench: Bench, tmp_path):
    blobs = BlobFolder(tmp_path / "blobs", low_water_bytes=0)
    bench.film("1-2")
    lease = bench.take()
    bench.finish(lease)
    [file] = bench.rows(t.files)
    path = blobs.path_of(file.sha256)

    def faults(*, hashes: bool = False) -> list[str]:
        with bench.engine.connect() as connection:
            return check_invariants(connection, blobs, hashes=hashes)

    assert faults() == [f"blob {file.sha256}: it is not there"]
    path.parent.mkdir()
    path.write_bytes(b"ab")
    assert faults() == [f"blob {file.sha256}: it has 2 bytes instead of 3"]
    path.write_bytes(b"abc")
    assert faults() == []
    assert "do not have its SHA-256" in faults(hashes=True)[0]


def test_a_job_with_nothing_left_to_do_that_goes_on_is_found(bench: Bench):
    bench.trial("1")
    with bench.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(delete(t.spans))
        connection.execute(update(t.stages).values(pending=0, claimable=False))
        found = check_invariants(connection)
        transaction.rollback()
    assert "job 1 is queued, but nothing of it is pending or leased" in found
