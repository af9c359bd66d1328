"""Logging in with a password, and what the browser's cookie opens from then on."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from framefarm.core.accounts import hash_token
from framefarm.farm import passwords
from framefarm.processes.threadpool import NICENESS
from tests.integration.api.door import OTHER, PASSWORD, Door, encrypted, manned_door
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.slow import Raw
from tests.integration.other_machine import OtherMachine, other_machine

pytestmark = pytest.mark.usefixtures("quickly_hashed")
ANY = "0.0.0.0"  # noqa: S104  what others reach is what is tested


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with manned_door(tmp_path) as made:
        yield made


def me(client: httpx.Client) -> str | None:
    user = client.get("/api/me").raise_for_status().json()["user"]
    return None if user is None else str(user["name"])


# --- getting in ---------------------------------------------------------------------------------


def test_browser_is_let_in_by_a_cookie_that_no_script_and_no_other_site_gets(door: Door):
    door.add("ada")
    with door.browser() as browser:
        answer = door.log_in(browser, "ADA")

        assert answer.status_code == 200
        assert answer.json()["user"]["name"] == "ada"
        [cookie] = answer.headers.get_list("set-cookie")
        name, _, attributes = cookie.partition("; ")
        assert name.startswith("framefarm=")
        told = {part.strip().lower() for part in attributes.split(";")}
        assert {"httponly", "samesite=lax", "path=/"} <= told
        assert not any(part.startswith("domain") for part in told)
        assert answer.headers["cache-control"] == "no-store"
        assert me(browser) == "ada"
        is_problem(browser.get("/api/users"), 403, "not_allowed")


def test_encrypted_the_cookie_is_the_hosts_own_and_never_sent_in_the_clear(tmp_path: Path):
    with encrypted(tmp_path) as client:
        asked = {"name": "ada", "password": PASSWORD}
        answer = client.post("/api/login", json=asked).raise_for_status()
        cookie = answer.headers["set-cookie"]
        assert me(client) == "ada"
        bare = {"Cookie": cookie.partition(";")[0].replace("__Host-", "")}
        client.cookies.clear()
        assert client.get("/api/me", headers=bare).json() == {"user": None}

    assert cookie.startswith("__Host-framefarm=")
    assert "; Secure" in cookie


def test_behind_a_proxy_that_encrypts_pages_of_the_public_address_are_ones_own(tmp_path: Path):
    manager = Manager(tmp_path, public_url="https://farm.example.org")
    door = Door(manager)
    door.add("ada")
    proxied = {
        "Host": "farm.example.org",
        "X-Forwarded-For": "192.0.2.7",
        "Origin": "https://farm.example.org",
    }
    try:
        asked = {"name": "ada", "password": PASSWORD}
        answer = manager.http.post("/api/login", json=asked, headers=proxied)
        cookie = answer.headers["set-cookie"].partition(";")[0]
        shown = {**proxied, "Cookie": cookie}

        assert "; Secure" in answer.headers["set-cookie"]
        assert cookie.startswith("__Host-framefarm=")
        assert manager.http.post("/api/me/tokens", json={"name": "t"}, headers=shown).is_success
        foreign = {**shown, "Origin": "https://evil.example"}
        is_problem(manager.http.get("/api/me", headers=foreign), 403, "foreign_origin")
    finally:
        manager.close()


def test_what_a_cookie_holds_and_passwords_are_kept_hashed_and_never_told(door: Door):
    door.add("ada")
    with door.browser("ada") as browser:
        secret = browser.cookies["framefarm"]
        told = "".join(
            browser.get(path).text for path in ("/api/me", "/api/me/logins", "/api/jobs")
        )
        told += door.manager.http.get("/api/users").text

    with sqlite3.connect(door.manager.settings.data_dir / "farm.db") as database:
        dump = "\n".join(database.iterdump())
    assert hash_token(secret) in dump
    assert "$argon2id$" in dump
    assert "argon2" not in told
    for hidden in (secret, PASSWORD):
        assert hidden not in dump
        assert hidden not in told
    assert door.manager.http.get("/api/users/ada").json()["has_password"] is True


def test_default_hash_is_what_rfc_9106_recommends(monkeypatch: pytest.MonkeyPatch):
    from importlib import reload  # noqa: PLC0415

    # Noted before the module is made anew, so that the others get their quick one back.
    monkeypatch.setattr(passwords, "_HASHER", passwords._HASHER)
    hashed = reload(passwords).hash_password(PASSWORD)

    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.is_password(hashed, PASSWORD)
    assert not passwords.is_password(hashed, OTHER)
    # The same letters, however a keyboard makes them.
    composed, decomposed = "caf\u00e9 au lait s'il", "cafe\u0301 au lait s'il"
    assert passwords.is_password(passwords.hash_password(composed), decomposed)


@pytest.mark.parametrize("who", ["ada", "nobody", "without", "disabled", "x" * 80])
def test_wrong_password_is_answered_alike_for_whoever_it_is(
    door: Door, monkeypatch: pytest.MonkeyPatch, who: str
):
    door.add("ada")
    door.add("without", password=None)
    door.add("disabled")
    door.manager.http.patch("/api/users/disabled", json={"disabled": True}).raise_for_status()
    hashed = []
    real = passwords.is_password
    monkeypatch.setattr(
        passwords, "is_password", lambda kept, text: hashed.append(text) or real(kept, text)
    )

    with door.browser() as browser:
        wrong = door.log_in(browser, who, OTHER if who in {"ada", "disabled"} else PASSWORD)
        reference = door.log_in(browser, "ada", OTHER)

    told = is_problem(wrong, 401, "login_failed")
    assert told == reference.json()
    assert who not in told["detail"]
    assert "set-cookie" not in wrong.headers
    # As much work, hence as much time.
    assert len(hashed) == 2
    for path in ("/api/login", "/api/login/token"):
        asked = {"name": who, "password": OTHER}
        is_problem(door.manager.http.post(path, json=asked), 401, "login_failed")


def test_who_knows_the_password_of_a_disabled_account_is_told_so(door: Door):
    door.add("Ada")
    door.manager.http.patch("/api/users/Ada", json={"disabled": True}).raise_for_status()

    with door.browser() as browser:
        for number in range(11):
            answer = door.log_in(browser, "ada")
            if number < 10:
                told = is_problem(answer, 403, "account_disabled")
                assert "Ada is disabled" in told["detail"]
        # It counts like a wrong one: what is not let in is no way to try more of them.
        is_problem(answer, 429, "too_many_guesses")
        assert not browser.cookies


def test_as_much_work_is_done_for_a_name_that_nobody_has(monkeypatch: pytest.MonkeyPatch):
    checked = []

    class Counting(PasswordHasher):
        def verify(self, hash: Any, password: Any) -> bool:  # noqa: A002  argon2's word
            checked.append(str(hash).split("$")[1:4])
            return super().verify(hash, password)  # type: ignore[return-value]

    counting = Counting(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", counting)
    passwords._nobodys.cache_clear()
    kept = passwords.hash_password(PASSWORD)

    assert [passwords.is_password(one, OTHER) for one in (kept, None)] == [False, False]
    assert checked[0] == checked[1]
    # Not even the password of nobody lets anybody in.
    assert not passwords.is_password(None, "nobody's password")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"name": "ada"}, 422, "invalid_request"),
        ({"name": "ada", "password": ""}, 422, "invalid_request"),
        ({"name": "", "password": "x"}, 422, "invalid_request"),
        ({"name": "a" * 81, "password": "x"}, 422, "invalid_request"),
        ({"name": "ada", "password": "x" * 1_025}, 422, "invalid_request"),
        ({"name": "ada", "password": ["x"]}, 422, "invalid_request"),
        ({"name": "ada", "password": "x", "more": 1}, 422, "invalid_request"),
        ({"name": "a\x00a", "password": "x"}, 401, "login_failed"),
        ({"name": "ada' OR '1'='1", "password": "x"}, 401, "login_failed"),
        ({"name": "ad_", "password": PASSWORD}, 401, "login_failed"),
    ],
)
def test_login_that_cannot_be_is_refused(door: Door, body: Any, status: int, code: str):
    door.add("ada")

    answer = door.manager.http.post("/api/login", json=body)

    told = is_problem(answer, status, code)
    assert "x" * 1_025 not in told["detail"]


def test_password_in_an_address_is_none(door: Door):
    door.add("ada")

    answer = door.manager.http.post(f"/api/login?name=ada&password={PASSWORD}", json={})

    assert PASSWORD not in is_problem(answer, 422, "bad_query")["detail"]


# --- guessing -----------------------------------------------------------------------------------


def test_guesses_of_one_name_are_slowed_down_also_at_once(door: Door):
    door.add("ada")
    door.add("bob")

    def guess(number: int) -> httpx.Response:
        asked = {"name": "Ada" if number % 2 else "ada", "password": f"guess number {number:03}"}
        return door.manager.http.post("/api/login", json=asked)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(guess, range(24)))
    right = door.manager.http.post("/api/login", json={"name": "ada", "password": PASSWORD})
    other = door.manager.http.post("/api/login", json={"name": "bob", "password": PASSWORD})

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [401] * 10 + [429] * 14
    told = is_problem(right, 429, "too_many_guesses")
    assert "wait 15 min" in told["detail"]
    assert 0 < int(right.headers["retry-after"]) <= 900
    assert other.status_code == 200


def test_name_that_nobody_has_is_slowed_down_alike(door: Door):
    for number in range(11):
        asked = {"name": "nobody", "password": f"guess number {number:03}"}
        answer = door.manager.http.post("/api/login", json=asked)
        assert answer.status_code == (429 if number == 10 else 401)


def test_guesses_of_one_address_are_slowed_down_over_all_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("framefarm.api.password_door._MOST_OF_ADDRESS", 4)
    with other_machine() as elsewhere:
        manager = Manager(tmp_path, host=ANY)
        door = Door(manager)
        door.add("ada")
        try:
            for number in range(5):
                wrong = {"name": f"user{number}", "password": OTHER}
                status = _ask(elsewhere, door, "POST", "/api/login", wrong)
                assert status == (429 if number == 4 else 401)
            # From elsewhere it goes on.
            assert door.log_in(manager.http, "ada").status_code == 200
        finally:
            manager.close()


def _ask(elsewhere: OtherMachine, door: Door, method: str, path: str, body: Any) -> int:
    content = httpx.Request(method, "http://x", json=body)
    port = int(door.manager.http.base_url.port or 0)
    headers = {"Content-Type": "application/json"}
    return elsewhere.ask(port, method, path, headers, content.read())[0]


def test_right_password_is_no_guess(door: Door):
    door.add("ada")

    for _ in range(12):
        door.log_in(door.manager.http, "ada").raise_for_status()


def test_slowing_down_ends_by_itself(door: Door, monkeypatch: pytest.MonkeyPatch):
    door.add("ada")
    for number in range(11):
        door.log_in(door.manager.http, "ada", f"guess number {number:03}")
    now = time.monotonic()
    door_object = _door_of(door)
    monkeypatch.setattr(door_object, "_clock", lambda: now + 901.0)

    assert door.log_in(door.manager.http, "ada").status_code == 200


def _door_of(door: Door) -> Any:
    """The manager's own, to move its clock."""
    import gc  # noqa: PLC0415

    from framefarm.api.password_door import PasswordDoor  # noqa: PLC0415

    server = door.manager.server
    [found] = [
        one
        for one in gc.get_objects()
        if isinstance(one, PasswordDoor) and one._farm is server._farm
    ]
    return found


def test_hashing_keeps_nobody_else_waiting_and_is_bounded(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    door.add("ada")
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: str | None, __: str) -> bool:
        begun.set()
        assert go_on.wait(60)
        return False

    monkeypatch.setattr(passwords, "is_password", slow)
    monkeypatch.setattr("framefarm.api.password_door._MOST_WAITING", 2)
    try:
        with ThreadPoolExecutor(3) as pool:
            names = ("ada", "bob", "cyd")
            asking = [pool.submit(door.log_in, door.manager.http, name) for name in names]
            assert begun.wait(60)
            health = door.manager.http.get("/api/health")
            refused = next(as_completed(asking, 60)).result().status_code
            go_on.set()
            answers = [one.result(60).status_code for one in asking]
    finally:
        go_on.set()

    assert health.status_code == 200
    assert refused == 503
    assert sorted(answers) == [401, 401, 503]


def test_hashing_is_done_after_everything_else(door: Door, monkeypatch: pytest.MonkeyPatch):
    door.add("ada")
    seen: list[tuple[str, int]] = []

    def noting(_: str | None, __: str) -> bool:
        nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        seen.append((threading.current_thread().name, nice))
        return False

    monkeypatch.setattr(passwords, "is_password", noting)
    door.log_in(door.manager.http, "ada")

    [(name, nice)] = seen
    assert name.startswith("passwords")
    assert nice >= NICENESS or sys.platform != "linux"


def test_password_hashed_with_less_is_hashed_anew_when_it_is_shown(door: Door):
    weak = PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(PASSWORD)
    door.add("ada")
    door.database("UPDATE users SET password_hash = ?", weak)

    door.log_in(door.manager.http, "ada").raise_for_status()

    [(kept,)] = door.database("SELECT password_hash FROM users")
    assert "m=64," in kept
    door.log_in(door.manager.http, "ada").raise_for_status()


# --- passwords ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 12"),
        ("elevenchars", "at least 12"),
        ("x" * 257, "at most 256"),
        ("aaaaaaaaaaaa", "different characters"),
        ("ababababababab", "different characters"),
        ("adaADAadaADA", "different characters"),
        ("a line\nand another", "control characters"),
        ("passwordpassword", "first that are tried"),
        ("Password2024!", "first that are tried"),
        ("qwertyuiop1234", "first that are tried"),
        ("adaletmein123456", "first that are tried"),
    ],
)
def test_weak_password_is_refused_wherever_one_is_set(door: Door, password: str, why: str):
    door.add("ada")
    http = door.manager.http
    with door.browser("ada") as browser:
        answers = [
            http.post("/api/users", json={"name": "ada2", "password": password}),
            http.put("/api/users/ada/password", json={"password": password}),
            browser.put("/api/me/password", json={"old": PASSWORD, "new": password}),
            http.post("/api/first-admin", json={"code": "x", "name": "ada", "password": password}),
        ]

    for answer in answers:
        told = is_problem(answer, 422, "weak_password")
        assert why in told["detail"]
        assert password not in told["detail"]
    assert http.get("/api/users/ada2").status_code == 404


def test_changing_the_password_ends_all_that_the_old_one_let_in_but_the_one_that_asks(door: Door):
    door.add("ada")
    door.add("bob")
    personal = door.manager.http.post("/api/users/ada/tokens", json={"name": "t"}).json()["token"]
    by_login = door.token("ada")
    with door.browser("ada") as here, door.browser("ada") as there, door.browser("bob") as bob:
        wrong = here.put("/api/me/password", json={"old": OTHER, "new": "a new one, and long"})
        assert me(there) == "ada"
        changed = here.put("/api/me/password", json={"old": PASSWORD, "new": OTHER})

        is_problem(wrong, 401, "login_failed")
        assert changed.status_code == 204
        assert me(here) == "ada"
        assert me(there) is None
        assert me(bob) == "bob"
        assert door.log_in(there, "ada", PASSWORD).status_code == 401
        assert door.log_in(there, "ada", OTHER).status_code == 200
    assert _status(door, by_login) == 401
    assert _status(door, personal) == 200


def _status(door: Door, token: str) -> int:
    shown = {"Authorization": f"Bearer {token}"}
    return door.manager.http.get("/api/jobs", headers=shown).status_code


def test_token_that_changes_the_password_stays(door: Door):
    door.add("ada")
    token, other = door.token("ada"), door.token("ada")
    shown = {"Authorization": f"Bearer {token}"}
    body = {"old": PASSWORD, "new": OTHER}

    assert door.manager.http.put("/api/me/password", json=body, headers=shown).status_code == 204

    assert [_status(door, one) for one in (token, other)] == [200, 401]


def test_resetting_a_password_ends_all_logins(door: Door):
    door.add("ada")
    token = door.token("ada")
    with door.browser("ada") as browser:
        reset = door.manager.http.put("/api/users/ada/password", json={"password": OTHER})

        assert reset.status_code == 204
        assert me(browser) is None
    assert _status(door, token) == 401


def test_password_is_given_to_nobody_who_is_not_there(door: Door):
    answer = door.manager.http.put("/api/users/nobody/password", json={"password": OTHER})

    is_problem(answer, 404, "no_such_user")


# --- logins -------------------------------------------------------------------------------------


def test_logins_are_listed_and_ended(door: Door):
    door.add("ada")
    door.add("bob")
    with (
        door.browser("ada") as here,
        door.browser("ada") as there,
        door.browser("bob") as bob,
    ):
        listed = here.get("/api/me/logins").json()["logins"]
        [other] = [one for one in listed if not one["current"]]
        [mine] = [one for one in listed if one["current"]]
        is_problem(bob.delete(f"/api/me/logins/{other['id']}"), 404, "no_such_login")
        assert me(there) == "ada"

        assert here.delete(f"/api/me/logins/{other['id']}").status_code == 204

        assert me(there) is None
        assert me(here) == "ada"
        assert [one["id"] for one in here.get("/api/me/logins").json()["logins"]] == [mine["id"]]
        assert mine["kind"] == "password"
        assert mine["address"] == "127.0.0.1"
        assert mine["agent"].startswith("python-httpx/")
        is_problem(here.delete("/api/me/logins/999999"), 404, "no_such_login")
        door.log_in(there, "ada").raise_for_status()
        assert here.delete("/api/me/logins").status_code == 204
        assert [me(one) for one in (here, there, bob)] == ["ada", None, "bob"]
        assert door.manager.http.delete("/api/users/ada/logins").status_code == 204
        assert [me(one) for one in (here, bob)] == [None, "bob"]
        assert door.manager.http.get("/api/users/ada/logins").json() == {"logins": []}


@pytest.mark.parametrize(
    "end",
    [
        lambda _, browser: browser.post("/api/logout"),
        lambda http, _: http.patch("/api/users/ada", json={"disabled": True}),
        lambda http, _: http.delete("/api/users/ada"),
        lambda http, _: http.delete("/api/users/ada/logins"),
    ],
)
def test_login_counts_no_more_at_once_and_what_it_follows_ends(
    door: Door, end: Callable[[httpx.Client, httpx.Client], httpx.Response]
):
    door.add("ada")
    body = {"kind": "trial", "settings": {"units": "1"}}
    with door.browser("ada") as browser:
        job = browser.post("/api/jobs", json=body).raise_for_status().json()
        assert job["owner"] == "ada"
        cookie = {"Cookie": f"framefarm={browser.cookies['framefarm']}"}
        with browser.stream("GET", f"/api/jobs/{job['id']}/events") as following:
            lines = following.iter_lines()
            assert next(lines) == "event: job"
            assert end(door.manager.http, browser).is_success
            with pytest.raises(httpx.HTTPError):
                list(lines)

    assert door.manager.http.get("/api/me", headers=cookie).json() == {"user": None}


def test_logging_out_lets_the_browser_forget_and_takes_a_token_away(door: Door):
    door.add("ada")
    token = door.manager.http.post(
        "/api/users/ada/tokens", json={"name": "t", "scope": "read"}
    ).json()["token"]
    with door.browser("ada") as browser:
        answer = browser.post("/api/logout")
        assert answer.status_code == 204
        assert "framefarm" not in browser.cookies
    shown = {"Authorization": f"Bearer {token}"}

    assert door.manager.http.post("/api/logout", headers=shown).status_code == 204

    assert _status(door, token) == 401
    assert door.manager.http.post("/api/logout").status_code == 204


def test_next_request_after_logging_out_is_answered_and_ends_the_connection(door: Door):
    door.add("lara")
    token = door.manager.http.post("/api/users/lara/tokens", json={"name": "here"}).json()["token"]
    asked = f"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    raw = Raw(door.manager).send(f"POST /api/logout {asked}Content-Length: 0\r\n\r\n".encode())
    assert raw.head().startswith(b"HTTP/1.1 204 ")

    time.sleep(2.5)  # connections are looked at each second
    answer = raw.send(f"GET /api/jobs {asked}\r\n".encode()).rest()

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in answer


def test_login_that_ended_opens_nothing_and_is_no_hindrance_to_another(tmp_path: Path):
    with other_machine() as elsewhere:
        manager = Manager(tmp_path, host=ANY)
        door = Door(manager)
        door.add("ada")
        port = int(manager.http.base_url.port or 0)
        stale = {"Cookie": "framefarm=" + "x" * 43}
        try:
            for _ in range(40):
                status, _, body = elsewhere.ask(port, "GET", "/api/jobs", stale)
                assert (status, b'"login_ended"' in body) == (401, True)
            assert elsewhere.ask(port, "GET", "/api/health", stale)[0] == 200
            asked = httpx.Request(
                "POST", "http://x", json={"name": "ada", "password": PASSWORD}
            ).read()
            headers = {**stale, "Content-Type": "application/json"}
            status, told, _ = elsewhere.ask(port, "POST", "/api/login", headers, asked)
            assert status == 200
            fresh = {"Cookie": told["set-cookie"].partition(";")[0]}
            assert elsewhere.ask(port, "GET", "/api/jobs", fresh)[0] == 200
        finally:
            manager.close()


@pytest.mark.parametrize("cookie", ["x", "", '"', "x" * 5_000, "a=b=c", "ff_" + "0" * 40])
def test_cookie_of_nobody_is_as_if_it_were_not_there(door: Door, cookie: str):
    answer = door.manager.http.get("/api/me", headers={"Cookie": f"framefarm={cookie}"})

    assert answer.json() == {"user": None}


def test_login_ends_when_it_is_not_used_and_after_its_time_in_any_case(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    door.add("ada")
    from framefarm.api import logins as ring  # noqa: PLC0415

    real = ring.time.time
    moved = [0.0]
    monkeypatch.setattr(ring.time, "time", lambda: real() + moved[0])
    day = 86_400.0
    with door.browser("ada") as browser, door.browser("ada") as idle:
        assert me(browser) == me(idle) == "ada"
        for _ in range(9):
            moved[0] += 2.9 * day
            assert me(browser) == "ada"
        assert me(idle) is None
        moved[0] = 30.1 * day
        assert me(browser) is None


def test_login_that_is_over_by_the_database_is_not_let_in_and_is_forgotten(door: Door):
    door.add("ada")
    for column in ("last_used_at", "expires_at"):
        with door.browser("ada") as browser:
            door.database(f"UPDATE logins SET {column} = 1.0")  # noqa: S608
            assert me(browser) is None

    from framefarm.farm.logins import forget_ended_logins  # noqa: PLC0415

    farm = door.manager.server._farm
    assert farm is not None
    with farm.engine.begin() as connection:
        assert forget_ended_logins(connection) == 2


def test_use_is_noted(door: Door):
    door.add("ada")
    with door.browser("ada") as browser:
        door.database("UPDATE logins SET last_used_at = last_used_at - 3600")
        before = door.database("SELECT last_used_at FROM logins")
        assert me(browser) == "ada"

    assert door.database("SELECT last_used_at FROM logins") > before


def test_oldest_login_gives_way(tmp_path: Path):
    from framefarm.core.accounts import LoginLimits  # noqa: PLC0415

    manager = Manager(tmp_path, logins=LoginLimits(most=2))
    door = Door(manager)
    door.add("ada")
    try:
        with door.browser("ada") as one, door.browser("ada") as two, door.browser("ada") as three:
            assert [me(browser) for browser in (one, two, three)] == [None, "ada", "ada"]
    finally:
        manager.close()


# --- other people's pages -----------------------------------------------------------------------

OWN: dict[str, str] = {"Origin": "{own}"}
PAGES = [
    # headers, may read, may change, may follow events
    (OWN, True, True, True),
    ({"Sec-Fetch-Site": "same-origin"}, True, True, True),
    ({**OWN, "Sec-Fetch-Site": "same-origin"}, True, True, True),
    ({"Referer": "{own}/jobs"}, True, False, True),
    ({}, True, False, False),
    ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, True, False, False),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True, False, False),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, False, False, False),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, False, False, False),
    ({**OWN, "Sec-Fetch-Site": "cross-site"}, False, False, False),
    ({"Origin": "http://evil.example"}, False, False, False),
    ({"Origin": "http://localhost:1"}, False, False, False),
    ({"Origin": "{own}.evil.example"}, False, False, False),
    ({"Origin": "https://{host}"}, False, False, False),
    ({"Origin": "null"}, False, False, False),
    ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, False, False, False),
    ({"Referer": "http://evil.example/{own}"}, True, False, False),
]


@pytest.fixture(scope="module")
def one_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, str]]:
    manager = Manager(tmp_path_factory.mktemp("manager"))
    door = Door(manager)
    door.add("ada")
    with door.browser("ada") as browser:
        yield door, browser.cookies["framefarm"]
    manager.close()


@pytest.mark.parametrize(("page", "reads", "changes", "follows"), PAGES, ids=str)
def test_cookie_counts_for_the_managers_own_pages_only(
    one_login: tuple[Door, str], page: dict[str, str], *, reads: bool, changes: bool, follows: bool
):
    door, secret = one_login
    own = door.url
    filled = {
        name: value.replace("{own}", own).replace("{host}", own.partition("//")[2])
        for name, value in page.items()
    }
    shown = {**filled, "Cookie": f"framefarm={secret}"}
    asked: list[tuple[str, str, dict[str, Any], bool]] = [
        ("GET", "/api/me", {}, reads),
        ("HEAD", f"/api/blobs/{'0' * 64}", {}, reads),
        ("GET", "/api/events?kind=none", {}, follows),
        ("GET", "/api/jobs/999999/events", {}, follows),
        ("POST", "/api/jobs/999999/cancel", {}, changes),
        ("POST", "/api/me/tokens", {"json": {"name": "t"}}, changes),
        ("DELETE", "/api/jobs/999999", {}, changes),
        ("PUT", f"/api/blobs/{'0' * 64}", {"content": b"x"}, changes),
    ]
    for method, path, more, allowed in asked:
        answer = door.manager.http.request(method, path, headers=shown, **more)
        refused = answer.status_code == 403
        assert refused is not allowed, (method, path, answer.status_code, answer.text)
        if refused and method != "HEAD":
            is_problem(answer, 403, "foreign_origin")


@pytest.mark.parametrize("origin", ["http://evil.example", None, "null", "http://localhost:1"])
def test_websocket_is_opened_with_a_cookie_by_no_page_of_others(
    one_login: tuple[Door, str], origin: str | None
):
    door, secret = one_login
    headers = {"Cookie": f"framefarm={secret}"}

    with (
        pytest.raises(InvalidStatus) as refused,
        connect(door.manager.websocket_url, additional_headers=headers, origin=origin),  # type: ignore[arg-type]
    ):
        pass

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_nobody_is_logged_in_by_a_page_of_others(one_login: tuple[Door, str], page: dict[str, str]):
    door, _ = one_login
    asked = {"name": "ada", "password": PASSWORD}

    for path in ("/api/login", "/api/login/token", "/api/first-admin", "/api/logout"):
        answer = door.manager.http.post(path, json=asked, headers=page)
        is_problem(answer, 403, "foreign_origin")
        assert "set-cookie" not in answer.headers


def test_token_needs_no_page(one_login: tuple[Door, str]):
    """Whoever shows one put it there on purpose; a cookie beside it does not count."""
    door, secret = one_login
    shown = {
        "Authorization": f"Bearer {door.token('ada')}",
        "Cookie": f"framefarm={secret}",
        "Sec-Fetch-Site": "cross-site",
    }

    answer = door.manager.http.post("/api/me/tokens", json={"name": "t", "days": 1}, headers=shown)

    assert answer.status_code == 201
