"""Edits that count only while a job is as its editor saw it; too many requests; sorted pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from framefarm.farm.settings import ConnectionLimits
from tests.integration.api.manager import Manager, is_edited_only_as_seen, is_problem
from tests.integration.api.people import bearer
from tests.integration.other_machine import other_machine

ANY = "0.0.0.0"  # noqa: S104  what others reach is what is tested


def tag_of(manager: Manager, job: int) -> str:
    return str(manager.http.get(f"/api/jobs/{job}").headers["etag"])


EDITS: dict[str, dict[str, Any]] = {
    "cancel": {},
    "pause": {"json": {"now": True}},
    "resume": {},
    "priority": {"json": {"priority": 7}},
    "limit": {"json": {"max_workers": 7}},
    "deadline": {"json": {"deadline": "2036-12-01T18:00:00Z"}},
    "retry": {"json": {"all": True}},
    "": {},
}


@pytest.mark.parametrize("edit", EDITS)
def test_edit_of_what_was_changed_meanwhile_is_refused(shared: Manager, edit: str):
    job = shared.trial()["id"]
    if edit == "resume":
        shared.http.post(f"/api/jobs/{job}/pause").raise_for_status()
    seen = tag_of(shared, job)
    shared.http.post(f"/api/jobs/{job}/priority", json={"priority": 60}).raise_for_status()
    path, method = f"/api/jobs/{job}/{edit}".rstrip("/"), "POST" if edit else "DELETE"

    def asked(tag: str) -> httpx.Response:
        return shared.http.request(method, path, headers={"If-Match": tag}, **EDITS[edit])

    before = shared.job(job)
    told = is_problem(asked(seen), 412, "changed")
    assert tag_of(shared, job) in told["detail"]
    is_problem(asked('"nothing", W/"weak"'), 412, "changed")
    assert shared.job(job) == before

    now = asked(f'"else", {tag_of(shared, job)}')
    assert now.status_code == (200 if edit else 204), now.text
    if edit:
        assert now.headers["etag"] == tag_of(shared, job)
        shared.http.delete(f"/api/jobs/{job}").raise_for_status()


def test_any_tag_and_none_match(shared: Manager):
    job = shared.trial()["id"]
    path = f"/api/jobs/{job}/priority"

    for headers in ({"If-Match": "*"}, {}):
        answer = shared.http.post(path, json={"priority": 3}, headers=headers)
        assert answer.status_code == 200
    shared.http.delete(f"/api/jobs/{job}", headers={"If-Match": "*"}).raise_for_status()
    gone = shared.http.delete(f"/api/jobs/{job}", headers={"If-Match": "*"})
    is_problem(gone, 404, "no_such_job")


def test_worker_that_was_changed_meanwhile_is_not_renamed(shared: Manager):
    with shared.worker(name="anvil"):
        seen = {"If-Match": shared.http.get("/api/workers/anvil").headers["etag"]}
    tag = {"workers": ["anvil"], "action": "tag", "tags": ["fast"]}
    shared.http.post("/api/workers/steer", json=tag).raise_for_status()
    path = "/api/workers/anvil/rename"

    is_problem(shared.http.post(path, json={"name": "box"}, headers=seen), 412, "changed")
    now = {"If-Match": shared.http.get("/api/workers/anvil").headers["etag"]}
    renamed = shared.http.post(path, json={"name": "box"}, headers=now)

    assert renamed.json()["name"] == "box"
    assert renamed.headers["etag"] == shared.http.get("/api/workers/box").headers["etag"]


def worker_state(manager: Manager, name: str) -> str:
    return str(manager.http.get(f"/api/workers/{name}").raise_for_status().json()["state"])


@pytest.mark.parametrize("action", ["disable", "drain", "restart", "tag", "revoke"])
def test_worker_that_was_steered_meanwhile_is_not_steered_again(manager: Manager, action: str):
    body: dict[str, Any] = {"workers": ["anvil"], "action": action}
    if action == "tag":
        body["tags"] = ["slow"]
    path = "/api/workers/anvil/revoke" if action == "revoke" else "/api/workers/steer"
    with manager.worker(name="anvil") as worker:
        seen = {"If-Match": manager.http.get("/api/workers/anvil").headers["etag"]}
        drain = {"workers": ["anvil"], "action": "drain"}
        manager.http.post("/api/workers/steer", json=drain).raise_for_status()
        worker.hear("drain")

        is_problem(manager.http.post(path, json=body, headers=seen), 412, "changed")
        assert worker_state(manager, "anvil") == "draining"
        assert worker.hears() == []

        now = {"If-Match": manager.http.get("/api/workers/anvil").headers["etag"]}
        assert manager.http.post(path, json=body, headers=now).status_code == 200


def test_what_a_worker_does_changes_no_tag(manager: Manager):
    manager.trial("1-2")
    with manager.worker(name="anvil") as worker:
        idle = manager.http.get("/api/workers/anvil").headers["etag"]
        worker.finish(worker.lease())
        worker.lease()
        busy = manager.http.get("/api/workers/anvil").headers["etag"]
    assert busy == idle


def test_one_tag_does_not_stand_for_several_workers(manager: Manager):
    with manager.worker(name="a"), manager.worker(name="b", boot_id="b"):
        seen = {"If-Match": manager.http.get("/api/workers/a").headers["etag"]}
        for which in ({"workers": ["a", "b"]}, {"all": True}):
            body = {"action": "disable", **which}
            answer = manager.http.post("/api/workers/steer", json=body, headers=seen)
            assert "name that one only" in is_problem(answer, 422, "if_match")["detail"]
        assert {worker_state(manager, name) for name in "ab"} == {"idle"}


SESSION_EDITS: dict[str, dict[str, Any]] = {
    "more": {"json": {"workers": 1}},
    "release": {"json": {"all": True}},
    "prefetch": {"json": {"all": True}},
    "": {},
}


@pytest.mark.parametrize("edit", SESSION_EDITS)
def test_session_that_was_changed_meanwhile_is_not_changed_again(manager: Manager, edit: str):
    with manager.worker(name="anvil"):
        job = manager.trial()["id"]
        made = manager.http.post("/api/sessions", json={"job": job, "workers": 1})
        path = f"/api/sessions/{made.raise_for_status().json()['id']}"
        manager.http.post(f"{path}/more", json={"workers": 1}).raise_for_status()
        method, where = "POST" if edit else "DELETE", f"{path}/{edit}".rstrip("/")

        def asked(tag: str) -> httpx.Response:
            return manager.http.request(
                method, where, headers={"If-Match": tag}, **SESSION_EDITS[edit]
            )

        before = manager.http.get(path)
        is_problem(asked(made.headers["etag"]), 412, "changed")
        assert manager.http.get(path).json() == before.json()

        now = asked(before.headers["etag"])
        assert now.status_code == (200 if edit else 204), now.text
        if edit:
            assert now.headers["etag"] == manager.http.get(path).headers["etag"]


def test_account_that_was_changed_meanwhile_is_not_changed_again(shared: Manager):
    shared.http.post("/api/users", json={"name": "ada"}).raise_for_status()
    path = "/api/users/ada"
    before = shared.http.get(path).headers["etag"]
    shared.http.post(f"{path}/tokens", json={"name": "t"}).raise_for_status()

    is_edited_only_as_seen(shared.http, path, {"role": "viewer"}, {"role": "admin"}, before)


def test_people_come_in_pages(manager: Manager):
    names = [f"user{number}" for number in range(7)]
    for number, name in enumerate(names):
        role = "viewer" if number % 2 else "artist"
        manager.http.post("/api/users", json={"name": name, "role": role}).raise_for_status()
    manager.http.patch("/api/users/user3", json={"disabled": True}).raise_for_status()

    def listed(**asked: Any) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            query = {**asked, "limit": 2, "cursor": cursor}
            page = manager.http.get("/api/users", params=query).raise_for_status().json()
            found += [one["name"] for one in page["users"]]
            cursor = page["next"]
            if cursor is None:
                return found

    assert listed() == names
    assert listed(role="viewer") == names[1::2]
    assert listed(disabled="true") == ["user3"]
    assert listed(role="viewer", disabled="false") == ["user1", "user5"]
    assert listed(sort="-name") == names[::-1]
    assert listed(sort="created") == names
    assert listed(sort="-created", role="artist") == names[::-2]
    assert listed(sort="role") == [*names[::-2], *names[-2::-2]]
    is_problem(manager.http.get("/api/users?limit=0"), 422, "invalid_request")
    is_problem(manager.http.get("/api/users?cursor=%00"), 422, "invalid_request")
    is_problem(manager.http.get("/api/users?cursor=x"), 422, "bad_cursor")
    is_problem(manager.http.get("/api/users?sort=age"), 422, "invalid_request")
    is_problem(manager.http.get("/api/users?role=king"), 422, "invalid_request")


def test_progress_changes_no_tag(manager: Manager):
    job = manager.trial("1-3")["id"]
    with manager.worker() as worker:
        lease = worker.lease()
        running = tag_of(manager, job)
        assert worker.finish(lease) == "accepted"
        assert manager.job(job)["stages"][0]["done"] == 1
        assert tag_of(manager, job) == running


# --- how many requests ----------------------------------------------------------------------------


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Manager]:
    """A manager that answers five requests at once, and one more a minute."""
    limits = ConnectionLimits(requests_per_s=1 / 60, requests_at_once=5)
    made = Manager(tmp_path, host=ANY, connections=limits)
    yield made
    made.close()


def test_too_many_requests_of_a_person_wait_and_say_for_how_long(slow: Manager):
    tokens = {}
    for name in ("ada", "bob"):
        slow.http.post("/api/users", json={"name": name}).raise_for_status()
        made = slow.http.post(f"/api/users/{name}/tokens", json={"name": "t"}).json()
        tokens[name] = bearer(made["token"])

    answers = [slow.http.get("/api/jobs", headers=tokens["ada"]) for _ in range(7)]

    assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
    told = is_problem(answers[-1], 429, "too_many_requests")
    assert "go on after 6" in told["detail"]
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 60
    assert slow.http.get("/api/jobs", headers=tokens["bob"]).status_code == 200
    assert {slow.http.get("/api/jobs").status_code for _ in range(20)} == {200}


def test_too_many_requests_of_a_stranger_hold_up_no_worker(slow: Manager):
    port = int(slow.http.base_url.port or 0)
    with other_machine() as elsewhere, slow.worker() as worker:
        answers = [elsewhere.ask(port, "GET", "/api/health", {})[0] for _ in range(7)]
        key = {"Authorization": f"Bearer {worker.key}"}
        as_worker = [elsewhere.ask(port, "GET", f"/api/blobs/{'0' * 64}", key) for _ in range(20)]

    assert answers == [200] * 5 + [429] * 2
    assert {status for status, _, _ in as_worker} == {403}


# --- pages ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    made = Manager(tmp_path_factory.mktemp("listed"))
    for number in range(9):
        names = {"name": f"shot {'abc'[number % 3]}_{number}", "owner": "ab"[number % 2]}
        made.trial(priority=(number * 7) % 4, **names)
    made.http.post("/api/jobs/3/cancel").raise_for_status()
    yield made
    made.close()


def pages(manager: Manager, limit: int, **query: Any) -> list[dict[str, Any]]:
    """All pages, one after the other."""
    found: list[dict[str, Any]] = []
    cursor: Any = None
    while True:
        asked = {**query, "limit": limit, **({"cursor": cursor} if cursor is not None else {})}
        page = manager.http.get("/api/jobs", params=asked).raise_for_status().json()
        assert len(page["jobs"]) <= limit
        found += page["jobs"]
        cursor = page["next"]
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 100])
@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "priority", "-priority", "project"])
def test_pages_of_any_size_hold_each_job_once_and_in_order(listed: Manager, sort: str, limit: int):
    found = pages(listed, limit, sort=sort)

    by = sort.removeprefix("-")
    newest_first = sorted(found, key=lambda job: -job["id"])
    assert found == sorted(newest_first, key=lambda job: job[by], reverse=sort.startswith("-"))
    assert {job["id"] for job in found} == set(range(1, 10))


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"owner": "a"}, {1, 3, 5, 7, 9}),
        ({"state": "cancelled"}, {3}),
        ({"state": ["cancelled", "queued"]}, set(range(1, 10))),
        ({"state": ["cancelled", "done"]}, {3}),
        ({"name": "shot B"}, {2, 5, 8}),
        ({"name": "_"}, set(range(1, 10))),
        ({"name": "%"}, set()),
        ({"project": ""}, set(range(1, 10))),
        ({"project": "film"}, set()),
        ({"kind": "trial", "owner": "b", "name": "a"}, {4}),
        ({"kind": "render"}, set()),
    ],
)
def test_filters_leave_those_that_match_all_of_them(
    listed: Manager, asked: dict[str, Any], ids: set[int]
):
    assert {job["id"] for job in pages(listed, 2, **asked)} == ids


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"sort": "owner"}, "invalid_request"),
        ({"sort": "--id"}, "invalid_request"),
        ({"cursor": "abc"}, "bad_cursor"),
        ({"cursor": "1.5"}, "bad_cursor"),
        ({"cursor": "5", "sort": "name"}, "bad_cursor"),
        ({"cursor": "W10=", "sort": "name"}, "bad_cursor"),
        ({"cursor": "WyJhIiwgImIiXQ==", "sort": "name"}, "bad_cursor"),
        ({"cursor": "WyJhIiwgMV0=", "sort": "priority"}, "bad_cursor"),
        ({"cursor": "WyJcdWQ4MDAiLCAxXQ==", "sort": "name"}, "bad_cursor"),
        ({"cursor": "WyJcdTAwMDAiLCAxXQ==", "sort": "name"}, "bad_cursor"),
        ({"limit": "0"}, "invalid_request"),
        ({"limit": "1001"}, "invalid_request"),
        ({"state": "gone"}, "invalid_request"),
        ({"name": "a\0b"}, "invalid_request"),
        ({"name": "a" * 201}, "invalid_request"),
    ],
    ids=str,
)
def test_page_that_cannot_be_is_refused(listed: Manager, asked: dict[str, str], code: str):
    is_problem(listed.http.get("/api/jobs", params=asked), 422, code)


@pytest.mark.parametrize("cursor", ["9" * 30, "-" + "9" * 30, "0", "-1"])
def test_cursor_beyond_all_jobs_is_a_page(listed: Manager, cursor: str):
    assert listed.http.get("/api/jobs", params={"cursor": cursor}).status_code == 200
