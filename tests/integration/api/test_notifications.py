"""Being told elsewhere, from the end of a job to a real server that is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framefarm.notify.mail_server import parse_mail_server
from tests.integration.api.manager import Manager, is_edited_only_as_seen, is_problem, until
from tests.integration.api.people import People
from tests.integration.notify.documented import is_from_the_farm
from tests.integration.notify.places import Hook, MailServer
from tests.integration.other_machine import other_machine

TARGETS = "/api/notifications/targets"
ANY = "0.0.0.0"  # noqa: S104  what others reach is what is tested


@pytest.fixture
def manager(tmp_path: Path, mail: MailServer) -> Iterator[Manager]:
    server = parse_mail_server(mail.url, "farm@studio.example")
    made = Manager(tmp_path / "manager", mail_server=server, notify_allow=("127.0.0.1",))
    yield made
    made.close()
    made.check()


@pytest.fixture
def told_people(tmp_path: Path, mail: MailServer) -> Iterator[People]:
    server = parse_mail_server(mail.url, "farm@studio.example")
    allowed = ("127.0.0.1",)
    with other_machine() as elsewhere:
        manager = Manager(tmp_path / "manager", host=ANY, mail_server=server, notify_allow=allowed)
        yield People(manager, elsewhere)
        manager.close()
        manager.check()


def add(manager: Manager, name: str = "me", **asked: Any) -> dict[str, Any]:
    answer = manager.http.post(TARGETS, json={"name": name, **asked})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def finish_one(manager: Manager, **job: Any) -> int:
    made = manager.trial("1", **job)
    with manager.worker() as worker:
        worker.finish(worker.lease())
    return int(made["id"])


def fail_one(manager: Manager, **job: Any) -> int:
    made = manager.trial("1", **job)
    for name in ("a", "b", "c"):
        with manager.worker(name=name, boot_id=name) as worker:
            worker.fail(worker.lease())
            if manager.job(made["id"])["state"] == "failed":
                break
    return int(made["id"])


def in_state(manager: Manager, state: str) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]]:
        answer = manager.http.get(f"/api/notifications?state={state}").raise_for_status()
        return list(answer.json()["notifications"])

    return list(until(look, f"something that is {state}"))


def test_a_job_that_is_done_is_told_by_mail(manager: Manager, mail: MailServer):
    made = add(manager, email="ada@studio.example")
    assert made["secret"] is None
    assert made["target"]["address"] == "ada@studio.example"

    job = finish_one(manager, name="shot 10")
    told = mail.next()

    assert told["Subject"] == f"Job {job} (shot 10) is done"
    assert told["To"] == "ada@studio.example"
    assert told["From"] == "FrameFarm <farm@studio.example>"
    assert "1 of 1 units" in told.get_content()  # type: ignore[attr-defined]
    [one] = in_state(manager, "sent")
    assert (one["event"], one["target_name"], one["reason"]) == ("job_done", "me", "")
    assert one["title"] == f"job {job} (shot 10) is done"
    assert one["sent_at"] >= one["at"]
    assert mail.mails.empty()


def test_hook_that_fails_twice_is_told_the_third_time_and_can_check_it(
    manager: Manager, hook: Hook, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("framefarm.core.notices._FIRST_RETRY_S", 0.01)
    hook.answers += [500, 500]
    made = add(manager, address=hook.url)
    assert made["target"]["address"] == f"http://127.0.0.1:{hook.port}/..."

    job = finish_one(manager)
    posts = [hook.next() for _ in range(3)]

    bodies = [json.loads(body) for _, body in posts]
    assert all(is_from_the_farm(made["secret"], *post) for post in posts)
    assert len({body["id"] for body in bodies}) == 1
    [event] = bodies[0]["events"]
    assert (event["event"], event["job"], event["done"]) == ("job_done", job, 1)
    in_state(manager, "sent")
    view = manager.http.get(f"{TARGETS}/{made['target']['id']}").json()
    assert (view["state"], view["reason"], view["waiting"]) == ("ok", "", 0)
    assert hook.posts.empty()


def test_a_job_that_failed_is_told_with_its_reason(manager: Manager, hook: Hook):
    add(manager, address=hook.url, tells=["job_failed"])
    finish_one(manager)

    job = fail_one(manager)
    _, body = hook.next()

    told = json.loads(body)
    assert [event["job"] for event in told["events"]] == [job]
    assert "it broke" in told["text"]


def test_whoever_wants_it_is_told_of_a_quota_that_is_nearly_used_up_and_of_what_is_refused(
    manager: Manager, hook: Hook
):
    manager.http.post("/api/users", json={"name": "ann"}).raise_for_status()
    made = manager.http.post("/api/users/ann/tokens", json={"name": "t"}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    target = {"name": "me", "address": hook.url, "tells": ["quota_near", "quota_refused"]}
    manager.http.post(TARGETS, json=target, headers=headers).raise_for_status()
    manager.http.patch("/api/users/ann", json={"quota": {"bytes": 10}}).raise_for_status()

    sent = [_send(manager, content, headers) for content in (b"123456789", b"ab")]

    assert sent == [201, 403]
    events = []
    while len(events) < 2:
        events += json.loads(hook.next()[1])["events"]
    near, refused = sorted(events, key=lambda event: event["event"])
    assert (near["event"], near["used_bytes"], near["most_bytes"]) == ("quota_near", 9, 10)
    assert refused["event"] == "quota_refused"
    assert "That leaves 1 byte, too little for an upload of 2 bytes" in refused["message"]


def _send(manager: Manager, content: bytes, headers: dict[str, str]) -> int:
    path = f"/api/blobs/{hashlib.sha256(content).hexdigest()}"
    return manager.http.put(path, content=content, headers=headers).status_code


def test_target_that_was_changed_meanwhile_is_neither_changed_nor_removed(
    manager: Manager, hook: Hook
):
    path = f"{TARGETS}/{add(manager, address=hook.url)['target']['id']}"

    is_edited_only_as_seen(manager.http, path, {"name": "you"}, {"name": "them"})


def test_target_that_is_asked_for_twice_with_one_key_is_made_once(manager: Manager, hook: Hook):
    key = {"Idempotency-Key": "5f0c1f1c-6a0e-4c0b-9d6e-target"}
    body = {"name": "me", "address": hook.url}

    first, second = (manager.http.post(TARGETS, json=body, headers=key) for _ in range(2))

    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"
    assert len(manager.http.get(TARGETS).json()["targets"]) == 1


def test_place_that_is_gone_is_shown_and_mended_by_a_test(manager: Manager, hook: Hook):
    hook.answers += [410, 500]
    target = add(manager, address=hook.url)["target"]["id"]
    finish_one(manager)
    [given_up] = in_state(manager, "given_up")
    assert "410" in given_up["reason"]
    [view] = manager.http.get(TARGETS).json()["targets"]
    assert (view["state"], view["next_try_at"]) == ("failed", None)

    tested = manager.http.post(f"{TARGETS}/{target}/test").raise_for_status().json()
    assert tested == {"sent": False, "reason": "it answered 500"}
    assert manager.http.get(f"{TARGETS}/{target}").json()["state"] == "failed"
    tested = manager.http.post(f"{TARGETS}/{target}/test").raise_for_status().json()

    assert tested == {"sent": True, "reason": ""}
    assert manager.http.get(f"{TARGETS}/{target}").json()["state"] == "ok"
    is_problem(manager.http.post(f"{TARGETS}/{target}/test"), 409, "too_soon")


def test_target_is_changed_and_removed(manager: Manager, hook: Hook):
    made = add(manager, address=hook.url)
    path = f"{TARGETS}/{made['target']['id']}"
    changes = {"name": "b", "tells": ["disk_low", "job_done"], "all_jobs": True}
    changed = manager.http.patch(path, json=changes).raise_for_status().json()
    assert changed["tells"] == ["job_done", "disk_low"]
    assert (changed["name"], changed["all_jobs"]) == ("b", True)
    other = Hook()
    manager.http.patch(path, json={"address": other.url}).raise_for_status()

    finish_one(manager, owner="somebody")
    headers, body = other.next()

    assert is_from_the_farm(made["secret"], headers, body)
    assert manager.http.delete(path).status_code == 204
    is_problem(manager.http.get(path), 404, "no_such_target")
    assert manager.http.get("/api/notifications").json()["notifications"] == []
    other.close()
    assert hook.posts.empty()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "invalid_request"),
        ({"name": ""}, "invalid_request"),
        ({"name": "n" * 81, "address": "https://hook.example"}, "invalid_request"),
        ({"name": "n", "tells": []}, "invalid_request"),
        ({"name": "n", "tells": ["test"]}, "invalid_request"),
        ({"name": "n", "kind": "mail"}, "invalid_request"),
        ({"name": "n", "address": "x" * 2_001}, "invalid_request"),
        ({"name": "n"}, "bad_address"),
        ({"name": "n", "email": "nobody"}, "bad_address"),
        ({"name": "n", "email": "a@b\r\nBcc: c@d"}, "bad_address"),
        ({"name": "n", "address": "file:///etc/passwd"}, "bad_address"),
        ({"name": "n", "address": "http://169.254.169.254/latest"}, "bad_address"),
        ({"name": "n", "address": "slack://nothing"}, "bad_address"),
        ({"name": "n", "address": "ntfys://h.example/t?to=x;attach=/etc/passwd"}, "bad_address"),
        ([], "invalid_request"),
    ],
    ids=str,
)
def test_target_that_makes_no_sense_is_refused(manager: Manager, asked: Any, code: str):
    is_problem(manager.http.post(TARGETS, json=asked), 422, code)

    assert manager.http.get(TARGETS).json()["targets"] == []


def test_targets_have_names_of_their_own_and_are_not_without_number(manager: Manager):
    for number in range(20):
        add(manager, f"n{number}", email="a@b.example")

    many = manager.http.post(TARGETS, json={"name": "x", "email": "a@b.example"})
    is_problem(many, 409, "too_many_targets")
    last = manager.http.get(TARGETS).json()["targets"][-1]["id"]
    manager.http.delete(f"{TARGETS}/{last}").raise_for_status()
    same = manager.http.post(TARGETS, json={"name": "n1", "email": "a@b.example"})
    is_problem(same, 409, "target_exists")
    first = manager.http.get(TARGETS).json()["targets"][0]["id"]
    renamed = manager.http.patch(f"{TARGETS}/{first}", json={"name": "n1"})
    is_problem(renamed, 409, "target_exists")


def test_history_comes_in_pages(manager: Manager, hook: Hook):
    add(manager, address=hook.url)
    target = add(manager, "other", address=hook.url, all_jobs=True)["target"]["id"]
    for _ in range(3):
        finish_one(manager)
    until(lambda: len(_page(manager, "?limit=500")[0]) == 6, "six notes")

    seen, cursor = [], ""
    while cursor is not None:
        page, next_ = _page(manager, f"?limit=2{cursor}")
        seen += [one["id"] for one in page]
        cursor = None if next_ is None else f"&cursor={next_}"

    assert len(seen) == 6
    assert seen == sorted(seen, reverse=True)
    assert len(_page(manager, f"?target={target}")[0]) == 3
    for query in ("limit=0", "limit=501", "state=x", "cursor=x", "target=x"):
        is_problem(manager.http.get(f"/api/notifications?{query}"), 422, "invalid_request")


def _page(manager: Manager, query: str) -> tuple[list[dict[str, Any]], int | None]:
    told = manager.http.get(f"/api/notifications{query}").raise_for_status().json()
    return list(told["notifications"]), told["next"]


# --- people -------------------------------------------------------------------------------------


def test_nobody_sees_or_changes_the_targets_of_others(told_people: People, hook: Hook):
    people = told_people
    made = people.ask("bob", "POST", TARGETS, json={"name": "bob's", "address": hook.url})
    assert made.status_code == 201, made.text
    path = f"{TARGETS}/{made.json()['target']['id']}"
    changes = {"json": {"name": "mine"}}

    for who in ("ada", "vic", "root"):
        assert people.ask(who, "GET", TARGETS).json()["targets"] == []
        for method, at, more in (
            ("GET", path, {}),
            ("PATCH", path, changes),
            ("DELETE", path, {}),
            ("POST", f"{path}/test", {}),
        ):
            is_problem(people.ask(who, method, at, **more), 404, "no_such_target")
        query = f"?target={made.json()['target']['id']}"
        told = people.ask(who, "GET", f"/api/notifications{query}").json()
        assert told["notifications"] == []
    is_problem(people.manager.http.get(path), 404, "no_such_target")
    assert people.ask("bob", "GET", path).json()["name"] == "bob's"
    assert hook.posts.empty()


def test_a_target_at_the_manager_itself_is_let_in_as_nobody_is(told_people: People, hook: Hook):
    """Where the loopback is allowed, it would be asked as by whoever sits at its machine."""
    people = told_people
    job = people.manager.trial("1", owner="bob")
    cancel = f"http://127.0.0.1:{people.manager.http.base_url.port}/api/jobs/{job['id']}/cancel"
    hook.answers.append((307, {"Location": cancel}))
    place = hook.url.removeprefix("http://").split("/")[0]

    for name, address in (("hook", cancel), ("service", f"gotify://{place}/token")):
        made = people.ask("ada", "POST", TARGETS, json={"name": name, "address": address})
        assert made.status_code == 201, made.text
        test = f"{TARGETS}/{made.json()['target']['id']}/test"
        told = people.ask("ada", "POST", test).raise_for_status().json()
        assert told == {"sent": False, "reason": told["reason"]}

    assert people.manager.job(job["id"])["state"] == "queued"


def test_people_choose_what_they_may_see(told_people: People, hook: Hook):
    people = told_people
    chosen = {"tells": ["worker_lost"]}, {"tells": ["disk_low"]}, {"all_jobs": True}
    allowed = {"ada": (False, False, False), "vic": (True, False, True), "root": (True,) * 3}

    for who, may in allowed.items():
        for number, (what, ok) in enumerate(zip(chosen, may, strict=True)):
            asked = {"name": f"n{number}", "address": hook.url, **what}
            answer = people.ask(who, "POST", TARGETS, json=asked)
            if ok:
                assert answer.status_code == 201, answer.text
            else:
                is_problem(answer, 403, "not_allowed")
    mine = people.ask("ada", "POST", TARGETS, json={"name": "n", "address": hook.url}).json()
    for what in chosen:
        changed = people.ask("ada", "PATCH", f"{TARGETS}/{mine['target']['id']}", json=what)
        is_problem(changed, 403, "not_allowed")


def test_mail_goes_to_the_address_of_the_account_and_nowhere_else(
    told_people: People, mail: MailServer
):
    people = told_people
    people.manager.http.patch("/api/users/ada", json={"email": "ada@studio.example"})
    elsewhere = {"name": "x", "email": "eve@evil.example"}
    is_problem(people.ask("ada", "POST", TARGETS, json=elsewhere), 422, "bad_address")
    for who in ("ada", "bob"):
        assert people.ask(who, "POST", TARGETS, json={"name": "mail"}).status_code == 201
        body = {"kind": "trial", "settings": {"units": "1"}}
        people.ask(who, "POST", "/api/jobs", json=body).raise_for_status()

    with people.manager.worker() as worker:
        for _ in range(2):
            worker.finish(worker.lease())

    assert mail.next()["To"] == "ada@studio.example"
    path = "/api/notifications?state=given_up"
    [lost] = until(lambda: people.ask("bob", "GET", path).json()["notifications"], "bob's note")
    assert lost["reason"] == "the account has no e-mail address"
    assert mail.mails.empty()


def test_token_that_only_reads_changes_no_target(told_people: People):
    token = told_people.token("ada", scope="read")

    asked = {"name": "x", "address": "https://hook.example/"}
    is_problem(told_people.ask(token, "POST", TARGETS, json=asked), 403, "not_allowed")
    assert told_people.ask(token, "GET", TARGETS).status_code == 200
    assert told_people.ask(token, "GET", "/api/notifications").status_code == 200


def test_workers_that_are_lost_and_a_disk_that_is_low_are_told(
    tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("framefarm.core.notices.EVERY_S", 0.0)
    monkeypatch.setattr("framefarm.farm.notify_sending.EVERY_S", 0.0)
    manager = Manager(
        tmp_path / "manager", lease_s=3.0, public_lease_s=3.0, notify_allow=("127.0.0.1",)
    )
    try:
        add(manager, address=hook.url, tells=["worker_lost", "disk_low"])
        with manager.worker(name="ants") as worker:
            worker.socket.socket.shutdown(2)
        told = json.loads(hook.next()[1])
    finally:
        manager.close()
    full = Manager(manager.settings.data_dir, low_water_bytes=1 << 60, notify_allow=("127.0.0.1",))
    try:
        low = json.loads(hook.next()[1])
    finally:
        full.close()

    assert [event["event"] for event in told["events"]] == ["worker_lost"]
    assert told["events"][0]["worker"] == "ants"
    assert [event["event"] for event in low["events"]] == ["disk_low"]
    assert hook.posts.empty()
