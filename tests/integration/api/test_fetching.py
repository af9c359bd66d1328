"""A worker on another machine gets the files that its leases need, and no others."""

from __future__ import annotations

import hashlib

from tests.integration.api.far import Far
from tests.integration.api.manager import Worker, until
from tests.integration.api.test_held_files import job_of

SCENE, SECRET = b"a scene", b"somebody else's"


def test_a_worker_gets_the_file_of_its_lease_whole_and_in_ranges(far: Far):
    scene = far.manager.upload(SCENE)
    job_of(far.manager, scene)
    with far.manager.worker() as worker:
        worker.lease()

        assert far.get(worker, scene) == (200, SCENE)
        assert far.get(worker, scene, Range="bytes=2-") == (206, SCENE[2:])


def test_a_worker_that_lost_its_line_still_gets_the_file_of_its_lease(far: Far):
    scene = far.manager.upload(SCENE)
    job_of(far.manager, scene)
    with far.manager.worker() as worker:
        worker.lease()
    _until_gone(far, worker)

    assert far.get(worker, scene) == (200, SCENE)


def _until_gone(far: Far, worker: Worker) -> None:
    def gone() -> bool:
        [row] = far.manager.http.get("/api/workers", params={"name": "worker"}).json()["workers"]
        assert row["id"] == worker.id
        return not row["connected"]

    until(gone, "the departure")


def test_a_worker_gets_no_file_of_another_workers_lease_nor_hears_whether_it_is_there(far: Far):
    scene, secret = far.manager.upload(SCENE), far.manager.upload(SECRET)
    job_of(far.manager, scene, "1")
    with far.manager.worker(name="a") as worker, far.manager.worker(name="b", boot_id="b") as other:
        worker.lease()
        job_of(far.manager, secret, "1")
        other.lease()

        assert far.refuses(worker, secret)
        assert far.refuses(other, scene)
        assert far.refuses(worker, hashlib.sha256(b"never uploaded").hexdigest())
        assert far.get(other, secret) == (200, SECRET)


def test_a_worker_without_a_lease_gets_nothing(far: Far):
    scene = far.manager.upload(SCENE)
    job_of(far.manager, scene)
    with far.manager.worker() as worker:
        assert far.refuses(worker, scene)
        worker.lease()
        assert far.get(worker, scene) == (200, SCENE)


def test_a_file_is_a_workers_no_more_when_its_lease_has_ended(far: Far):
    scene = far.manager.upload(SCENE)
    job_of(far.manager, scene, "1")
    with far.manager.worker() as worker:
        assert worker.finish(worker.lease()) == "accepted"
    _until_gone(far, worker)

    assert far.refuses(worker, scene)
