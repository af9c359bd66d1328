"""`/api/blobs/{sha256}`: files by their content."""

from __future__ import annotations

import hashlib

import pytest

from tests.integration.api.manager import Manager, is_problem

BYTES = bytes(range(256)) * 20
SHA = hashlib.sha256(BYTES).hexdigest()
PATH = f"/api/blobs/{SHA}"


@pytest.fixture
def kept(shared: Manager) -> Manager:
    shared.upload(BYTES)
    return shared


def test_a_new_file_is_created_and_a_known_one_is_there_already(manager: Manager):
    assert manager.http.put(PATH, content=BYTES).status_code == 201
    assert manager.http.put(PATH, content=BYTES).status_code == 200
    assert manager.http.put(PATH, content=b"").status_code == 200
    assert manager.http.get(PATH).content == BYTES


def test_a_large_file_comes_and_goes_in_pieces(shared: Manager):
    content = BYTES * 1000

    sha256 = shared.upload(content)

    with shared.http.stream("GET", f"/api/blobs/{sha256}") as answer:
        assert b"".join(answer.iter_bytes(65536)) == content


def test_head_tells_the_size_and_sends_nothing(kept: Manager):
    answer = kept.http.head(PATH)

    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(BYTES)))
    assert answer.content == b""


def test_get_sends_the_bytes_as_they_are(kept: Manager):
    answer = kept.http.get(PATH)

    assert answer.content == BYTES
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "expected", "told"),
    [
        ("bytes=0-99", BYTES[:100], "bytes 0-99/5120"),
        ("bytes=100-", BYTES[100:], "bytes 100-5119/5120"),
        ("bytes=-20", BYTES[-20:], "bytes 5100-5119/5120"),
        ("bytes=5119-9999", BYTES[-1:], "bytes 5119-5119/5120"),
    ],
)
def test_a_range_is_sent_alone(kept: Manager, asked: str, expected: bytes, told: str):
    answer = kept.http.get(PATH, headers={"Range": asked})

    assert (answer.status_code, answer.content) == (206, expected)
    assert answer.headers["content-range"] == told


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("bytes=6000-", 416, "no_such_range"),
        ("bytes=9-5", 400, "bad_range"),
        ("bytes=x-y", 400, "bad_range"),
        ("bytes=", 400, "bad_range"),
    ],
)
def test_a_range_that_is_none_is_a_problem(kept: Manager, asked: str, status: int, code: str):
    answer = kept.http.get(PATH, headers={"Range": asked})

    is_problem(answer, status, code)
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(BYTES)}"


@pytest.mark.parametrize("asked", ["lines=1-2", "pages=1", "x"])
def test_a_range_of_something_else_than_bytes_is_ignored(kept: Manager, asked: str):
    answer = kept.http.get(PATH, headers={"Range": asked})

    assert (answer.status_code, answer.content) == (200, BYTES)


def test_other_bytes_than_announced_leave_nothing(manager: Manager):
    for wrong in (BYTES[:-1], BYTES + b"x", b"", b"x" * len(BYTES)):
        is_problem(manager.http.put(PATH, content=wrong), 422, "hash_differs")

    assert [p for p in manager.settings.blobs.rglob("*") if p.is_file()] == []
    is_problem(manager.http.get(PATH), 404, "no_such_blob")
    assert manager.http.head(PATH).status_code == 404


def test_the_empty_file_is_a_file(shared: Manager):
    sha256 = shared.upload(b"")

    assert shared.http.get(f"/api/blobs/{sha256}").content == b""
    assert shared.http.head(f"/api/blobs/{sha256}").headers["content-length"] == "0"


@pytest.mark.parametrize(
    "sha256", ["x", SHA.upper(), SHA + "0", "%2e%2e%2ffarm.db", "..%5Cx", "%00"]
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_is_no_hash_is_not_found(shared: Manager, method: str, sha256: str):
    answer = shared.http.request(method, f"/api/blobs/{sha256}", content=b"x")

    assert is_problem(answer, 404, answer.json()["code"])["code"] in {"no_such_blob", "not_found"}


def test_a_file_of_unknown_length_is_refused(manager: Manager):
    told = is_problem(manager.http.put(PATH, content=iter([BYTES])), 411, "length_required")

    assert "Content-Length" in told["detail"]
    assert "curl -T FILE" in told["detail"]
    assert manager.http.head(PATH).status_code == 404


def test_l14_a_file_beyond_the_limit_is_refused(tmp_path):
    manager = Manager(tmp_path / "manager", largest_upload_bytes=100)

    is_problem(manager.http.put(PATH, content=BYTES), 413, "too_large")

    assert manager.upload(b"x" * 100)
    manager.close()
