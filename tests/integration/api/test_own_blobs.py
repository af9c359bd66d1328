"""`/api/blobs`: one's own uploads, and giving them up."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.integration.api.manager import is_problem
from tests.integration.api.people import People

NOWHERE = "0" * 64


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(people: People, who: str, content: bytes) -> str:
    sha256 = hash_of(content)
    answer = people.ask(who, "PUT", f"/api/blobs/{sha256}", content=content)
    assert answer.status_code in {200, 201}
    return sha256


def listed(people: People, who: str, **asked: Any) -> dict[str, int]:
    answer = people.ask(who, "GET", "/api/blobs", params=asked).raise_for_status()
    return {one["sha256"]: one["size_bytes"] for one in answer.json()["blobs"]}


@pytest.fixture
def uploads(people: People) -> list[str]:
    for who in ("ada", "bob"):
        for sha256 in listed(people, who):
            people.ask(who, "DELETE", f"/api/blobs/{sha256}")
    return [put(people, "ada", content) for content in (b"one", b"three")]


def test_uploads_are_listed_by_pages_and_nobody_sees_anothers(people: People, uploads: list[str]):
    put(people, "bob", b"one")

    assert listed(people, "ada") == {hash_of(b"one"): 3, hash_of(b"three"): 5}
    assert listed(people, "bob") == {hash_of(b"one"): 3}
    assert listed(people, "root", user="ada") == listed(people, "ada")
    assert listed(people, "root") == {}
    is_problem(people.ask("bob", "GET", "/api/blobs?user=ada"), 403, "not_allowed")
    is_problem(people.ask("vic", "GET", "/api/blobs?user=ada"), 403, "not_allowed")
    is_problem(people.ask("root", "GET", "/api/blobs?user=nobody"), 404, "no_such_user")
    first = people.ask("ada", "GET", "/api/blobs?limit=1").json()
    rest = people.ask("ada", "GET", f"/api/blobs?limit=1&cursor={first['next']}").json()
    assert [page["blobs"][0]["sha256"] for page in (first, rest)] == sorted(uploads)
    assert rest["next"] is None


def test_on_the_own_machine_it_is_said_whose_are_meant(people: People, uploads: list[str]):
    del uploads
    told = is_problem(people.manager.http.get("/api/blobs"), 403, "not_allowed")

    assert "?user=NAME" in told["detail"]
    assert people.manager.http.get("/api/blobs?user=ada").status_code == 200


def test_an_upload_that_is_given_up_counts_no_more(people: People, uploads: list[str]):
    one, three = uploads
    put(people, "bob", b"one")

    assert people.ask("ada", "DELETE", f"/api/blobs/{one}").status_code == 204

    assert listed(people, "ada") == {three: 5}
    assert people.ask("ada", "GET", "/api/me").json()["user"]["upload_bytes"] == 5
    is_problem(people.ask("ada", "GET", f"/api/blobs/{one}"), 404, "no_such_blob")
    assert listed(people, "bob") == {one: 3}
    is_problem(people.ask("ada", "DELETE", f"/api/blobs/{one}"), 404, "no_such_blob")


def test_what_is_anothers_is_not_given_up(people: People, uploads: list[str]):
    is_problem(people.ask("bob", "DELETE", f"/api/blobs/{uploads[0]}"), 404, "no_such_blob")
    is_problem(people.ask("bob", "DELETE", f"/api/blobs/{NOWHERE}"), 404, "no_such_blob")
    as_ada = f"/api/blobs/{uploads[0]}?user=ada"
    is_problem(people.ask("bob", "DELETE", as_ada), 403, "not_allowed")
    assert len(listed(people, "ada")) == 2

    assert people.ask("root", "DELETE", as_ada).status_code == 204
    assert len(listed(people, "ada")) == 1


def test_an_upload_that_a_job_needs_is_kept_until_that_is_deleted(
    people: People, blends: dict[str, bytes]
):
    sha256 = put(people, "ada", blends["plain"])
    body = {
        "kind": "render",
        "blend": {"sha256": sha256, "name": "shot.blend"},
        "settings": {"frames": "1", "movie": "none"},
    }
    job = people.ask("ada", "POST", "/api/jobs", json=body).raise_for_status().json()["id"]

    told = is_problem(people.ask("ada", "DELETE", f"/api/blobs/{sha256}"), 409, "blob_needed")
    assert f"Job {job} needs this file; delete it first" in told["detail"]
    needed = people.ask("ada", "GET", "/api/blobs").json()["blobs"]
    assert {one["sha256"] for one in needed if one["needed"]} == {sha256}

    people.ask("ada", "DELETE", f"/api/jobs/{job}").raise_for_status()
    assert people.ask("ada", "DELETE", f"/api/blobs/{sha256}").status_code == 204
