"""Requests with an Idempotency-Key: sent again, they make nothing twice and are answered alike."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.people import People

KEY = "5f0c1f1c-6a0e-4c0b-9d6e-"
RUN = "/api/render-tasks/run_task/"
TRIAL = {"kind": "trial", "settings": {"units": "1-3"}}

Send = Callable[[httpx.Client, dict[str, str]], httpx.Response]


def key(name: str) -> dict[str, str]:
    return {"Idempotency-Key": f"{KEY}{name}"}


def posting(path: str, body: dict[str, Any]) -> Send:
    return lambda http, headers: http.post(path, json=body, headers=headers)


MAKING: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "job": ("/api/jobs", TRIAL, {**TRIAL, "name": "another"}),
    "user": ("/api/users", {"name": "eve"}, {"name": "eva"}),
    "token": ("/api/users/ada/tokens", {"name": "laptop"}, {"name": "desk"}),
    "project": ("/api/projects", {"name": "Film"}, {"name": "Other"}),
    "sequence": (
        "/api/sequences",
        {"project": "Film", "name": "sq01"},
        {"project": "Film", "name": "sq02"},
    ),
    "shot": (
        "/api/shots",
        {"project": "Film", "name": "010"},
        {"project": "Film", "name": "020"},
    ),
    "note": ("/api/shots/1/notes", {"text": "a"}, {"text": "b"}),
    "invite": ("/api/workers/invites", {"uses": 3}, {"uses": 4}),
}


@pytest.fixture
def farm(manager: Manager) -> Manager:
    manager.http.post("/api/users", json={"name": "ada"}).raise_for_status()
    shot = {"project": "First", "name": "001"}
    manager.http.post("/api/shots", json=shot).raise_for_status()
    return manager


_PLACES = ("projects", "sequences", "shots", "shot_notes")


def count(manager: Manager) -> list[int]:
    """How many jobs, users, tokens, invitations and so on there are."""
    with sqlite3.connect(manager.settings.data_dir / "farm.db") as database:
        return [
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("jobs", "users", "tokens", "join_tokens", *_PLACES)
        ]


@pytest.mark.parametrize("kind", MAKING)
def test_same_request_makes_one_thing_and_is_answered_the_same(farm: Manager, kind: str):
    path, body, other = MAKING[kind]
    first = farm.http.post(path, json=body, headers=key(kind))
    made = count(farm)

    again = [farm.http.post(path, json=body, headers=key(kind)) for _ in range(3)]

    assert first.status_code == 201, first.text
    assert {(one.status_code, one.content) for one in again} == {(201, first.content)}
    assert "idempotent-replayed" not in first.headers
    assert all(one.headers["idempotent-replayed"] == "true" for one in again)
    assert count(farm) == made
    told = is_problem(
        farm.http.post(path, json=other, headers=key(kind)), 422, "idempotency_key_reused"
    )
    assert "needs its own" in told["detail"]
    assert count(farm) == made


def test_same_key_on_another_route_is_another_request(farm: Manager):
    assert farm.http.post("/api/jobs", json=TRIAL, headers=key("x")).status_code == 201

    is_problem(
        farm.http.post("/api/workers/invites", json={}, headers=key("x")),
        422,
        "idempotency_key_reused",
    )
    is_problem(
        farm.http.post("/api/render-tasks/run_task/?name=x", json=TRIAL, headers=key("x")),
        422,
        "idempotency_key_reused",
    )


def test_without_a_key_each_request_counts(farm: Manager):
    ids = {farm.http.post("/api/jobs", json=TRIAL).json()["id"] for _ in range(3)}

    assert len(ids) == 3


def test_answer_outlives_the_manager_and_the_thing_goes_on(tmp_path: Path):
    answers = []
    for _ in range(2):
        manager = Manager(tmp_path)
        try:
            answers.append(manager.http.post("/api/jobs", json=TRIAL, headers=key("restart")))
            if len(answers) == 1:
                manager.http.post(f"/api/jobs/{answers[0].json()['id']}/pause").raise_for_status()
            assert len(manager.http.get("/api/jobs").json()["jobs"]) == 1
            assert manager.job(answers[0].json()["id"])["state"] == "paused"
        finally:
            manager.close()

    assert answers[0].content == answers[1].content
    assert answers[0].json()["state"] == "queued"


def test_task_is_started_once_however_its_form_is_written(
    shared: Manager, blends: dict[str, bytes]
):
    def send(name: str = "a.blend", content: bytes = blends["plain"], **fields: str) -> Any:
        form = {"frames": "1", "movie": "none", **fields}
        return shared.http.post(
            RUN, files={"blend": (name, content)}, data=form, headers=key("task")
        )

    first = send()
    again = [send(), send()]

    assert first.status_code == 201, first.text
    assert {one.content for one in again} == {first.content}
    assert {one.headers["location"] for one in again} == {first.headers["location"]}
    assert shared.http.get(first.json()["progress"]).json()["job"] == first.json()["job"]
    for other in (
        {"frames": "2"},
        {"name": "b.blend"},
        {"content": blends["film"]},
        {"samples": "3"},
    ):
        is_problem(send(**other), 422, "idempotency_key_reused")  # type: ignore[arg-type]
    assert list((shared.settings.blobs / "incoming").iterdir()) == []
    shared.http.delete(f"/api/jobs/{first.json()['job']}")


def test_what_was_refused_may_be_mended_and_sent_again(farm: Manager):
    bad = {"kind": "trial", "settings": {"units": "9-1"}}

    assert farm.http.post("/api/jobs", json=bad, headers=key("mended")).status_code == 422
    made = farm.http.post("/api/jobs", json=TRIAL, headers=key("mended"))

    assert made.status_code == 201


def test_many_at_once_make_one(farm: Manager):
    """Those that come while the first is answered are told to ask again."""
    before = count(farm)
    found: list[httpx.Response] = []
    ready = threading.Barrier(6)

    def send() -> None:
        with httpx.Client(base_url=farm.server.url, timeout=60) as http:
            ready.wait()
            found.append(http.post("/api/jobs", json=TRIAL, headers=key("many")))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert count(farm)[0] == before[0] + 1
    assert len({one.content for one in found if one.status_code == 201}) == 1
    for one in found:
        if one.status_code != 201:
            is_problem(one, 409, "idempotency_key_busy")
            assert one.headers["retry-after"] == "1"
    again = farm.http.post("/api/jobs", json=TRIAL, headers=key("many"))
    assert again.status_code == 201


def test_key_is_its_owners(people: People):
    def send(who: str) -> dict[str, Any]:
        answer = people.ask(who, "POST", "/api/jobs", json=TRIAL, headers=key("owners"))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    made = {who: send(who)["id"] for who in ("ada", "bob", "root")}

    assert len(set(made.values())) == 3
    assert {who: send(who)["id"] for who in made} == made
    for job in made.values():
        people.ask("root", "DELETE", f"/api/jobs/{job}")


def test_token_that_ends_is_told_none_that_outlives_it_again(people: People):
    """What was answered to another token of the same person does not count for one that ends."""

    def ask(token: str) -> httpx.Response:
        body = {"name": "for ever"}
        return people.ask(token, "POST", "/api/me/tokens", json=body, headers=key("outlives"))

    lasting, ending = people.token("ada"), people.token("ada", days=1)

    made = ask(lasting)

    assert made.status_code == 201, made.text
    assert ask(lasting).content == made.content
    is_problem(ask(ending), 403, "not_allowed")


def test_secret_of_an_answer_is_not_on_the_disk(farm: Manager):
    token = farm.http.post(
        "/api/users/ada/tokens", json={"name": "t"}, headers=key("secret")
    ).json()["token"]
    again = farm.http.post("/api/users/ada/tokens", json={"name": "t"}, headers=key("secret"))

    assert again.json()["token"] == token
    farm.close()
    for path in farm.settings.data_dir.glob("farm.db*"):
        content = path.read_bytes()
        assert token[14:].encode() not in content
        assert key("secret")["Idempotency-Key"].encode() not in content


def test_answer_is_forgotten_after_a_day(farm: Manager, monkeypatch: pytest.MonkeyPatch):
    first = farm.http.post("/api/jobs", json=TRIAL, headers=key("old"))
    monkeypatch.setattr("framefarm.farm.answers.KEPT_S", -1.0)

    again = farm.http.post("/api/jobs", json=TRIAL, headers=key("old"))

    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]


@pytest.mark.parametrize(
    "bad", ["", "short", "x" * 201, "with a blank in it 123456", "ümläute" * 4]
)
def test_key_that_is_none_is_refused(farm: Manager, bad: str):
    headers = {"Idempotency-Key": bad.encode()}

    answer = farm.http.post("/api/jobs", json=TRIAL, headers=headers)  # type: ignore[arg-type]

    assert "such as a UUID" in is_problem(answer, 422, "idempotency_key")["detail"]
