"""What people may ask: every route for every role, and another's things for an artist."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from framefarm.core.accounts import is_token
from tests.integration.api.manager import Manager, is_problem, of, picture, result_file
from tests.integration.api.people import People, bearer
from tests.integration.api.test_roles import EVERYONE, all_routes, concrete

NOT_FOR_PEOPLE = {
    ("WEBSOCKET", "/api/workers/connect"),
    ("PUT", "/api/leases/{lease}/units/{unit}"),
}
OWN = {
    *EVERYONE,
    ("GET", "/api/me"),
    ("PUT", "/api/me/password"),
    ("GET", "/api/me/logins"),
    ("DELETE", "/api/me/logins"),
    ("DELETE", "/api/me/logins/{login}"),
    ("POST", "/api/me/tokens"),
    ("DELETE", "/api/me/tokens/{token}"),
    ("GET", "/password"),
    ("HEAD", "/password"),
    ("GET", "/api/notifications"),
    ("GET", "/api/notifications/targets"),
    ("POST", "/api/notifications/targets"),
    ("GET", "/api/notifications/targets/{target}"),
    ("PATCH", "/api/notifications/targets/{target}"),
    ("DELETE", "/api/notifications/targets/{target}"),
    ("POST", "/api/notifications/targets/{target}/test"),
    ("GET", "/api/docs"),
    ("HEAD", "/api/docs"),
    ("GET", "/api/openapi.json"),
    ("HEAD", "/api/openapi.json"),
}
READING = {
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/{job_id}"),
    ("GET", "/api/jobs/{job_id}/why"),
    ("GET", "/api/jobs/{job_id}/units"),
    ("GET", "/api/jobs/{job_id}/stages"),
    ("GET", "/api/jobs/{job_id}/stages/{kind}"),
    ("GET", "/api/jobs/{job_id}/frames"),
    ("GET", "/api/jobs/{job_id}/frames/{frame}"),
    ("GET", "/api/jobs/{job_id}/files"),
    ("GET", "/api/jobs/{job_id}/log"),
    ("GET", "/api/jobs/{job_id}/frames/{frame}/log"),
    ("GET", "/api/jobs/{job_id}/frames/{frame}/thumbnail"),
    ("GET", "/api/jobs/{job_id}/frames/{frame}/image"),
    ("GET", "/api/jobs/{job_id}/events"),
    ("GET", "/api/events"),
    ("GET", "/api/blobs"),
    ("GET", "/api/leases"),
    ("GET", "/api/leases/{lease}"),
    ("GET", "/api/pools"),
    ("GET", "/api/pools/{pool}"),
    ("GET", "/api/jobs/{job_id}/download"),
    ("GET", "/api/projects"),
    ("GET", "/api/projects/{project_id}"),
    ("GET", "/api/sequences"),
    ("GET", "/api/sequences/{sequence_id}"),
    ("GET", "/api/shots"),
    *(
        ("GET", f"/api/shots/{{shot_id}}{what}")
        for what in ("", "/versions", "/frames", "/files", "/movie", "/download", "/notes")
    ),
    ("GET", "/api/shots/{shot_id}/notes/{note}"),
    ("GET", "/api/shots/{shot_id}/frames/{frame}"),
    ("GET", "/api/shots/{shot_id}/frames/{frame}/thumbnail"),
    ("GET", "/api/render-tasks/{task_key}/progress"),
    ("GET", "/api/render-tasks/{task_key}/download"),
    ("GET", "/api/blobs/{sha256}"),
}
HEADS = {
    ("HEAD", path)
    for method, path in READING
    if path.endswith(("/{sha256}", "/log", "/image", "/thumbnail", "/movie", "/download"))
    or path == "/api/shots/{shot_id}/frames/{frame}"
} - {("HEAD", "/api/jobs/{job_id}/log")}
READING |= HEADS
HANDING_IN = {
    ("POST", "/api/jobs"),
    ("POST", "/api/render-tasks/run_task"),
    ("POST", "/api/render-tasks/run_task/"),
    ("PUT", "/api/blobs/{sha256}"),
    ("POST", "/api/uploads"),
    ("PUT", "/api/uploads/chunks"),
}
STEERING = {
    *(
        ("POST", f"/api/jobs/{{job_id}}/{verb}")
        for verb in ("cancel", "pause", "resume", "priority", "limit", "deadline", "retry")
    ),
    ("POST", "/api/jobs/steer"),
    ("DELETE", "/api/jobs/{job_id}"),
    ("DELETE", "/api/blobs/{sha256}"),
    ("DELETE", "/api/leases/{lease}"),
}
SHOTS = {
    *(("POST", f"/api/{kind}") for kind in ("projects", "sequences", "shots")),
    *(
        (method, f"/api/{kind}s/{{{kind}_id}}")
        for kind in ("project", "sequence", "shot")
        for method in ("PATCH", "DELETE")
    ),
    ("POST", "/api/shots/update"),
    ("POST", "/api/shots/{shot_id}/notes"),
    ("PATCH", "/api/shots/{shot_id}/notes/{note}"),
    ("DELETE", "/api/shots/{shot_id}/notes/{note}"),
}
WORKERS = {("GET", "/api/workers"), ("GET", "/api/workers/{worker}")}
SESSIONS = {("GET", "/api/sessions"), ("GET", "/api/sessions/{session_id}")}
ASKING_FOR_WORKERS = {
    ("POST", "/api/sessions"),
    ("POST", "/api/sessions/{session_id}/more"),
    ("POST", "/api/sessions/{session_id}/release"),
    ("POST", "/api/sessions/{session_id}/prefetch"),
    ("DELETE", "/api/sessions/{session_id}"),
}
ALLOWED = {
    "viewer": OWN | READING | WORKERS | SESSIONS,
    "artist": OWN | READING | HANDING_IN | STEERING | SESSIONS | ASKING_FOR_WORKERS | SHOTS,
}
ENDS = {("POST", "/api/logout"), ("POST", "/logout")}
"""Ends what it is asked with, so it is not among those that are walked over."""

OF_BROWSERS = {("POST", "/password")}
"""Tells a token to log in in a browser; see the tests of that page."""

WAYS = ("token", "read token", "submit token", "login", "token of a login")
NAMES = {"artist": "ada", "viewer": "vic", "admin": "root"}


@pytest.fixture
def job(people: People) -> Iterator[int]:
    """Ada's job, with a done unit that has a picture."""
    body = {"kind": "trial", "settings": {"units": "1-2", "largest_lease": 1}}
    made = people.ask("ada", "POST", "/api/jobs", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["owner"] == "ada"
    number = int(made.json()["id"])
    yield number
    people.ask("root", "DELETE", f"/api/jobs/{number}")


def routes(people: People) -> list[tuple[str, str]]:
    found = [route for route in all_routes(people.manager) if route not in NOT_FOR_PEOPLE]
    assert ALLOWED["artist"] | ALLOWED["viewer"] <= set(found)
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("role", ["artist", "viewer", "admin"])
def test_role_opens_what_it_is_for_and_nothing_else(people: People, role: str, way: str):
    """Every route, from another machine; what is refused is refused as not allowed."""
    shown, port = people.shown(NAMES[role], way), int(people.manager.http.base_url.port or 0)
    walked = [route for route in routes(people) if route not in ENDS | OF_BROWSERS]
    opened = set()
    for method, path in walked:
        status, _, body = people.elsewhere.ask(port, method, concrete(path), shown)
        refused = status == 403 and (method == "HEAD" or b'"not_allowed"' in body)
        assert refused or status not in {401, 403}, (method, path, body)
        if not refused:
            opened.add((method, path))

    assert opened == allowed(role, way, walked)


def allowed(role: str, way: str, walked: list[tuple[str, str]]) -> set[tuple[str, str]]:
    of_role = (set(walked) if role == "admin" else ALLOWED[role]) - ENDS
    reading = {route for route in of_role if route[0] in {"GET", "HEAD"}} | EVERYONE - ENDS
    if way == "read token":
        return of_role & reading
    return of_role & (reading | HANDING_IN) if way == "submit token" else of_role


@pytest.mark.parametrize("way", WAYS)
def test_logging_out_ends_what_it_is_asked_with_and_nothing_else(people: People, way: str):
    port = int(people.manager.http.base_url.port or 0)
    shown, others = people.shown("vic", way), [people.shown("vic", one) for one in WAYS]

    assert people.elsewhere.ask(port, "POST", "/api/logout", shown)[0] == 204

    assert people.elsewhere.ask(port, "GET", "/api/jobs", shown)[0] == 401
    for other in others:
        assert people.elsewhere.ask(port, "GET", "/api/jobs", other)[0] == 200


def test_nobody_is_a_worker(people: People):
    result = ("PUT", f"/api/leases/{'0' * 32}/units/1")

    for who in ("ada", "vic"):
        is_problem(people.ask(who, *result, content=b"{}\n"), 403, "not_allowed")
    is_problem(people.ask("root", *result, content=b"{}\n"), 401, "worker_key")


def test_without_a_token_another_machine_is_told_how_to_get_one(people: People):
    status, _, body = people.elsewhere.ask(
        int(people.manager.http.base_url.port or 0), "GET", "/api/jobs", {}
    )

    assert status == 403
    assert b"framefarm login URL" in body
    assert b"framefarm users token NAME" in body


OTHERS = [(m, p) for m, p in sorted(ALLOWED["artist"]) if "{job_id}" in p]


WITH_BODY: dict[str, dict[str, Any]] = {
    "priority": {"priority": 1},
    "limit": {"max_workers": 1},
    "deadline": {"deadline": None},
}


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_job_of_another_artist_is_as_if_it_were_not_there(
    people: People, job: int, method: str, path: str
):
    real = path.replace("{job_id}", str(job)).replace("{frame}", "1")
    body = WITH_BODY.get(path.rpartition("/")[2])

    answer = people.ask("bob", method, real, json=body)

    missing = people.ask("bob", method, real.replace(f"/{job}", "/987654"), json=body)
    if method == "HEAD":
        assert (answer.status_code, answer.content) == (404, b"")
        assert missing.status_code == 404
    else:
        told = is_problem(answer, 404, "no_such_job")
        assert told["detail"].replace(str(job), "987654") == missing.json()["detail"]
    assert people.manager.job(job)["state"] == "queued"


OTHERS_SESSION = [(m, p) for m, p in sorted(ALLOWED["artist"]) if "{session_id}" in p]
SESSION_BODY = {"more": {"workers": 1}, "release": {"all": True}, "prefetch": {"all": True}}


@pytest.mark.parametrize(("method", "path"), OTHERS_SESSION)
def test_session_of_another_artist_is_as_if_it_were_not_there(
    people: People, job: int, method: str, path: str
):
    asked = {"job": job, "workers": 1}
    made = people.ask("ada", "POST", "/api/sessions", json=asked).raise_for_status().json()["id"]
    body = SESSION_BODY.get(path.rpartition("/")[2])

    answer = people.ask("bob", method, path.replace("{session_id}", str(made)), json=body)

    told = is_problem(answer, 404, "no_such_session")
    missing = people.ask("bob", method, path.replace("{session_id}", "987654"), json=body)
    assert told["detail"].replace(str(made), "987654") == missing.json()["detail"]
    assert people.ask("ada", "GET", f"/api/sessions/{made}").json()["status"] == "working"
    listed = {who: _sessions_of(people, who) for who in ("ada", "bob", "vic")}
    assert listed == {"ada": [made], "bob": [], "vic": [made]}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_lease_of_another_artist_is_as_if_it_were_not_there(people: People, job: int, method: str):
    with people.manager.worker(name="lender") as worker:
        lease = worker.lease()["lease"]

        told = is_problem(people.ask("bob", method, f"/api/leases/{lease}"), 404, "no_such_lease")
        missing = people.ask("bob", method, f"/api/leases/{'0' * 32}")

        assert told["detail"].replace(lease, "0" * 32) == missing.json()["detail"]
        [still] = people.ask("ada", "GET", f"/api/leases?job={job}").json()["leases"]
        assert still["id"] == lease
        assert people.ask("vic", "GET", f"/api/leases/{lease}").json() == still
        is_problem(people.ask("vic", "DELETE", f"/api/leases/{lease}"), 403, "not_allowed")
        read = people.token("ada", scope="read")
        is_problem(people.ask(read, "DELETE", f"/api/leases/{lease}"), 403, "not_allowed")
        assert people.ask("ada", "DELETE", f"/api/leases/{lease}").status_code == 204


def _sessions_of(people: People, who: str) -> list[int]:
    answer = people.ask(who, "GET", "/api/sessions?ended=false").raise_for_status()
    return [one["id"] for one in answer.json()["sessions"]]


def test_artist_asks_for_workers_for_own_jobs_only(people: People, job: int):
    body = {"job": job, "workers": 1}

    theirs = people.ask("bob", "POST", "/api/sessions", json=body)
    missing = people.ask("bob", "POST", "/api/sessions", json={**body, "job": 987654})

    told = is_problem(theirs, 404, "no_such_job")
    assert told["detail"].replace(str(job), "987654") == missing.json()["detail"]
    is_problem(people.ask("vic", "POST", "/api/sessions", json=body), 403, "not_allowed")


@pytest.mark.parametrize(
    "spelled", ["{}.0", "+{}", " {}", "{}%20", "0x{:x}", "%D9%A1", "1_0", "-1"]
)
def test_number_has_one_spelling(people: People, job: int, spelled: str):
    """What the check reads as another number than the route must not pass."""
    answer = people.ask("bob", "GET", f"/api/jobs/{spelled.format(job)}")

    assert answer.status_code in {403, 404, 422}


def test_artist_sees_the_own_jobs_only(people: People, job: int):
    def listed(who: str, query: str = "") -> set[int]:
        answer = people.ask(who, "GET", f"/api/jobs{query}").raise_for_status()
        return {one["id"] for one in answer.json()["jobs"]}

    assert job in listed("ada") & listed("vic") & listed("root")
    assert job in listed("root", "?owner=ada")
    assert job not in listed("bob")
    assert job not in listed("bob", "?owner=ada")


def test_artist_hands_in_for_nobody_else(people: People):
    body = {"kind": "trial", "settings": {"units": "1"}, "owner": "bob"}

    is_problem(people.ask("ada", "POST", "/api/jobs", json=body), 403, "not_allowed")
    run = "/api/render-tasks/run_task"
    is_problem(people.ask("ada", "POST", f"{run}?owner=bob", content=b"x"), 403, "not_allowed")
    form = {"files": {"blend": ("a.blend", b"BLENDER")}, "data": {"owner": "bob"}}
    is_problem(people.ask("ada", "POST", run, **form), 403, "not_allowed")
    made = people.ask("root", "POST", "/api/jobs", json=body)
    assert made.json()["owner"] == "bob"
    people.ask("root", "DELETE", f"/api/jobs/{made.json()['id']}")


def test_fingerprint_finds_no_job_of_anybody_else(people: People):
    body = {"kind": "trial", "settings": {"units": "1"}, "fingerprint": "a" * 64}
    first = people.ask("ada", "POST", "/api/jobs", json=body)

    again = people.ask("ada", "POST", "/api/jobs", json=body)
    other = people.ask("bob", "POST", "/api/jobs", json=body)

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert again.json()["id"] == first.json()["id"] != other.json()["id"]
    for made in (first, other):
        people.ask("root", "DELETE", f"/api/jobs/{made.json()['id']}")


def test_artist_fetches_files_of_the_own_jobs_only(people: People, job: int):
    image = picture()
    with people.manager.worker() as worker:
        lease = worker.lease()
        name = f"trial_{of(lease)['unit']:04d}.png"
        put = worker.put(lease, (name, "image", image))
        assert put.status_code == 200, put.text
    sha256 = result_file("a", "image", image).sha256

    for who, status in {"ada": 200, "bob": 404, "vic": 200, "root": 200}.items():
        assert people.ask(who, "GET", f"/api/blobs/{sha256}").status_code == status
    assert people.manager.job(job)["owner"] == "ada"


def test_read_only_token_changes_nothing(people: People, job: int):
    token = people.token("ada", scope="read")

    assert people.ask(token, "GET", f"/api/jobs/{job}").status_code == 200
    answer = people.ask(token, "POST", f"/api/jobs/{job}/cancel")
    assert "may only read" in is_problem(answer, 403, "not_allowed")["detail"]
    is_problem(people.ask(token, "POST", "/api/me/tokens", json={"name": "x"}), 403, "not_allowed")


@pytest.mark.parametrize(
    "end",
    [
        lambda people, view: people.manager.http.delete(f"/api/users/cyd/tokens/{view['id']}"),
        lambda people, _: people.manager.http.patch("/api/users/cyd", json={"disabled": True}),
        lambda people, _: people.manager.http.delete("/api/users/cyd"),
    ],
)
def test_token_counts_no_more_at_once(people: People, end: Callable[[People, Any], httpx.Response]):
    token = people.add("cyd", "artist")
    view = people.ask(token, "GET", "/api/me").json()["user"]["tokens"][0]
    assert people.ask(token, "GET", "/api/jobs").status_code == 200

    assert end(people, view).is_success

    is_problem(people.ask(token, "GET", "/api/jobs"), 401, "token")
    people.manager.http.delete("/api/users/cyd")


def test_role_that_was_changed_counts_at_once(people: People):
    token = people.add("cyd", "admin")
    assert people.ask(token, "GET", "/api/users").status_code == 200

    people.manager.http.patch("/api/users/cyd", json={"role": "viewer"}).raise_for_status()

    is_problem(people.ask(token, "GET", "/api/users"), 403, "not_allowed")
    people.manager.http.delete("/api/users/cyd")


def test_token_ends_when_it_was_to_end(people: People, monkeypatch: pytest.MonkeyPatch):
    token = people.token("ada", days=1)
    assert people.ask(token, "GET", "/api/jobs").status_code == 200

    monkeypatch.setattr("framefarm.api.people.time.time", lambda: 4e9)

    is_problem(people.ask(token, "GET", "/api/jobs"), 401, "token")


def test_token_makes_none_that_outlives_it(people: People):
    short = people.token("ada", days=1)
    for asked in ({}, {"days": 2}):
        answer = people.ask(short, "POST", "/api/me/tokens", json={"name": "t", **asked})
        assert "ends in 1.0 days" in is_problem(answer, 403, "not_allowed")["detail"]

    made = people.ask(short, "POST", "/api/me/tokens", json={"name": "t", "days": 0.5})

    assert made.status_code == 201
    lasting = people.token("ada")
    assert people.ask(lasting, "POST", "/api/me/tokens", json={"name": "t"}).status_code == 201


def test_events_of_whom_was_shut_out_end(people: People):
    token = people.add("cyd", "artist")
    body = {"kind": "trial", "settings": {"units": "1"}}
    job = people.ask(token, "POST", "/api/jobs", json=body).json()["id"]
    with people.manager.http.stream(
        "GET", f"/api/jobs/{job}/events", headers=bearer(token)
    ) as following:
        lines = following.iter_lines()
        assert next(lines) == "event: job"
        people.manager.http.delete("/api/users/cyd").raise_for_status()
        with pytest.raises(httpx.HTTPError):
            list(lines)
    people.manager.http.delete(f"/api/jobs/{job}")


def test_guesses_are_slowed_down(tmp_path: Any):
    manager = Manager(tmp_path)
    try:
        guess = "ff_0123456789_" + "x" * 32
        codes = [
            manager.http.get("/api/jobs", headers=bearer(f"{guess[:-2]}{last}")).json()["code"]
            for last in range(10, 42)
        ]
        assert codes == ["token"] * 30 + ["too_many_guesses"] * 2
    finally:
        manager.close()


def test_no_token_is_kept_or_told_again(people: People):
    token = people.token("ada")
    secret = token[14:]
    people.ask(token, "GET", "/api/jobs").raise_for_status()

    assert is_token(token)
    for path in ("/api/users", "/api/users/ada", "/api/me"):
        told = people.ask("root", "GET", path).text
        assert secret not in told
    folder = people.manager.settings.data_dir
    with sqlite3.connect(folder / "farm.db") as database:
        dump = "\n".join(database.iterdump())
    assert secret not in dump
    assert token[3:13] in dump
    [mine] = [
        one
        for one in people.manager.http.get("/api/users/ada").json()["tokens"]
        if one["prefix"] == token[3:13]
    ]
    assert mine["last_used_at"] is not None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": ""}, 422, "invalid_request"),
        ({"name": "a b"}, 422, "invalid_request"),
        ({"name": "../etc"}, 422, "invalid_request"),
        ({"name": "x" * 81}, 422, "invalid_request"),
        ({"name": "new", "role": "king"}, 422, "invalid_request"),
        ({"name": "new", "email": "nowhere"}, 422, "invalid_request"),
        ({"name": "new", "email": "a@b\nBcc: c@d"}, 422, "invalid_request"),
        ({"name": "new", "more": 1}, 422, "invalid_request"),
        ({"name": "Ada"}, 409, "user_exists"),
    ],
)
def test_user_that_cannot_be_is_refused(
    people: People, body: dict[str, Any], status: int, code: str
):
    is_problem(people.manager.http.post("/api/users", json=body), status, code)


def test_names_with_wildcards_are_not_others(people: People):
    """`_` stands for any character in SQL's LIKE."""
    assert people.manager.http.post("/api/users", json={"name": "a_a"}).status_code == 201
    people.manager.http.delete("/api/users/a_a").raise_for_status()


def test_who_is_not_there_is_told(people: People):
    http = people.manager.http
    is_problem(http.get("/api/users/nobody"), 404, "no_such_user")
    is_problem(http.patch("/api/users/nobody", json={}), 404, "no_such_user")
    is_problem(http.delete("/api/users/nobody"), 404, "no_such_user")
    is_problem(http.post("/api/users/nobody/tokens", json={"name": "t"}), 404, "no_such_user")
    is_problem(http.delete("/api/users/ada/tokens/999999"), 404, "no_such_token")
    is_problem(http.delete(f"/api/users/ada/tokens/{'9' * 30}"), 404, "no_such_token")
    is_problem(http.post("/api/users/ada/tokens", json={"name": ""}), 422, "invalid_request")
    is_problem(http.post("/api/me/tokens", json={"name": "t"}), 403, "not_allowed")
    assert http.get("/api/me").json() == {"user": None}
