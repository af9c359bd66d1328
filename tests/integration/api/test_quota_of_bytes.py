"""What a person's files may take: uploads are refused beyond it, results never."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from typing import Any

import httpx
import pytest
import zstandard

from framefarm.client.errors import FarmAnswerError
from framefarm.client.farm import Farm
from framefarm.protocol.chunks import encode_pack
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.people import bearer
from tests.integration.api.test_quotas import set_quota, submit

RUN = "/api/render-tasks/run_task/?frames=1&movie=none"


class Person:
    """Somebody with a token."""

    def __init__(self, manager: Manager, name: str) -> None:
        self.manager, self.name = manager, name
        manager.http.post("/api/users", json={"name": name}).raise_for_status()
        made = manager.http.post(f"/api/users/{name}/tokens", json={"name": "t"})
        self.token = made.raise_for_status().json()["token"]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.manager.http.request(method, path, headers=bearer(self.token), **more)

    def put(self, content: bytes) -> httpx.Response:
        sha256 = hashlib.sha256(content).hexdigest()
        return self.ask("PUT", f"/api/blobs/{sha256}", content=content)

    def used(self) -> tuple[int, int]:
        me = self.ask("GET", "/api/me").json()["user"]
        return me["upload_bytes"], me["result_bytes"]


@pytest.fixture
def ann(manager: Manager) -> Person:
    return Person(manager, "ann")


def rendered(manager: Manager, files: list[bytes], **job: Any) -> dict[str, Any]:
    """A job that is done, each unit with a file."""
    made = manager.trial(f"1-{len(files)}", **job)
    with manager.worker(name="brush") as worker:
        for content in files:
            lease = worker.lease()
            answer = worker.put(lease, ("log.txt", "log", content))
            assert answer.json()["answer"] == "accepted", answer.text
    return made


def test_an_upload_beyond_the_quota_is_refused_with_what_is_left(manager: Manager, ann: Person):
    set_quota(manager, "ann", bytes=1_000)
    assert ann.put(b"a" * 600).status_code == 201

    told = is_problem(ann.put(b"b" * 401), 403, "quota_exceeded")

    assert "leaves 400 bytes, too little for an upload of 401 bytes" in told["detail"]
    assert "framefarm delete" in told["detail"]
    assert "framefarm users quota ann --bytes N" in told["detail"]
    assert ann.used() == (600, 0)
    assert ann.put(b"a" * 600).status_code == 200
    assert ann.put(b"b" * 400).status_code == 201
    assert ann.used() == (1_000, 0)


def test_a_file_that_another_sent_counts_for_both(manager: Manager, ann: Person):
    bob = Person(manager, "bob")
    content = b"a" * 600
    assert bob.put(content).status_code == 201

    set_quota(manager, "ann", bytes=599)
    is_problem(ann.put(content), 403, "quota_exceeded")
    set_quota(manager, "ann", bytes=600)
    assert ann.put(content).status_code == 201

    assert ann.used() == bob.used() == (600, 0)


def test_chunks_are_refused_before_they_come(manager: Manager, ann: Person):
    content = random.Random(1).randbytes(3 << 20)
    set_quota(manager, "ann", bytes=len(content) - 1)

    with Farm(manager.server.url, token=ann.token) as farm:
        sent: list[int] = []
        with pytest.raises(FarmAnswerError) as refused:
            farm.upload_in_chunks(io.BytesIO(content), len(content), count=sent.append)

        assert refused.value.code == "quota_exceeded"
        assert sent == []
        set_quota(manager, "ann", bytes=len(content))
        farm.upload_in_chunks(io.BytesIO(content), len(content))
    assert ann.used() == (len(content), 0)


def test_chunks_of_no_file_are_refused_once_nothing_is_left(manager: Manager, ann: Person):
    pack = zstandard.ZstdCompressor().compress(encode_pack([b"of no file"]))
    set_quota(manager, "ann", bytes=1)
    assert ann.ask("PUT", "/api/uploads/chunks", content=pack).status_code == 204

    set_quota(manager, "ann", bytes=0)

    is_problem(ann.ask("PUT", "/api/uploads/chunks", content=pack), 403, "quota_exceeded")


def test_chunks_that_wait_for_their_file_are_not_without_end(manager: Manager, ann: Person):
    """A file of a small quota needs few; the rest would fill the disk for a day."""
    set_quota(manager, "ann", bytes=1_000)
    rng = random.Random(3)
    pack = encode_pack([rng.randbytes(10 << 20)])
    packed = zstandard.ZstdCompressor().compress(pack)

    answers = [ann.ask("PUT", "/api/uploads/chunks", content=packed) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [204, 204, 204, 403]
    told = is_problem(answers[-1], 403, "quota_exceeded")["detail"]
    assert "What ann sent of files that are not complete would take" in told
    assert ann.put(b"a" * 1_000).status_code == 201


def test_a_render_task_beyond_the_quota_leaves_no_job(
    manager: Manager, ann: Person, blends: dict[str, bytes]
):
    blend = blends["plain"]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("shot/a.blend", blend)
        archive.writestr("shot/notes.txt", "0" * 5_000)
    set_quota(manager, "ann", bytes=len(blend) - 1)

    is_problem(ann.ask("POST", RUN, content=blend), 403, "quota_exceeded")
    is_problem(ann.ask("POST", RUN, content=zipped.getvalue()), 403, "quota_exceeded")

    assert manager.http.get("/api/jobs").json()["jobs"] == []
    assert ann.used() == (0, 0)


def test_results_are_taken_beyond_the_quota_and_then_nothing_else(manager: Manager, ann: Person):
    set_quota(manager, "ann", bytes=500)
    other = manager.trial("1", owner="ann", priority=10)

    job = rendered(manager, [b"a" * 400, b"b" * 400], owner="ann")

    assert manager.job(job["id"])["state"] == "done"
    assert ann.used() == (0, 800)
    told = is_problem(submit(manager, "1", owner="ann"), 403, "quota_exceeded")
    assert "may take 500 bytes and take 800 bytes, so no job of theirs can begin" in told["detail"]
    is_problem(ann.put(b"x"), 403, "quota_exceeded")
    again = manager.http.post(f"/api/jobs/{job['id']}/retry", json={"all": True})
    is_problem(again, 403, "quota_exceeded")
    with manager.worker(name="brush") as worker:
        worker.finish(worker.lease())
    assert manager.job(other["id"])["state"] == "done"


def test_deleting_a_job_makes_room_at_once(manager: Manager, ann: Person):
    set_quota(manager, "ann", bytes=500)
    job = rendered(manager, [b"a" * 500], owner="ann")
    is_problem(submit(manager, "1", owner="ann"), 403, "quota_exceeded")

    ann.ask("DELETE", f"/api/jobs/{job['id']}").raise_for_status()

    assert ann.used() == (0, 0)
    assert submit(manager, "1", owner="ann").status_code == 201
