"""The first admin: made with the code that the manager prints."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from framefarm.farm.first_admin import FirstCode, make_first_code
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.pages import TRIES, field, is_page

PASSWORD = "correct horse battery"
WRONG = "0000-0000-0000-0000"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "manager")
    yield made
    made.close()
    made.check()


def new_code(manager: Manager) -> FirstCode | None:
    """As `serve` makes it, in the manager's own loop."""
    farm, loop = manager.server._farm, manager.server._loop
    assert farm is not None
    assert loop is not None
    return asyncio.run_coroutine_threadsafe(farm.writer.write(make_first_code), loop).result(60)


def code_of(manager: Manager) -> str:
    made = new_code(manager)
    assert made is not None
    assert made.text not in repr(made)
    return made.text


def use(manager: Manager, code: str, name: str = "ada") -> httpx.Response:
    body = {"code": code, "name": name, "password": PASSWORD, "email": "ada@studio.example"}
    return manager.http.post("/api/first-admin", json=body)


def test_code_makes_one_admin_who_then_logs_in(manager: Manager):
    code = code_of(manager)
    assert manager.http.get("/api/login").json() == {
        "password": True,
        "openid": False,
        "first_admin": True,
    }

    made = use(manager, f" {code.upper().replace('-', '')} ")
    again = use(manager, code, "eve")

    assert made.status_code == 201
    assert (made.json()["role"], made.json()["has_password"]) == ("admin", True)
    is_problem(again, 403, "first_code")
    assert manager.http.get("/api/users/eve").status_code == 404
    asked = {"name": "ada", "password": PASSWORD}
    token = manager.http.post("/api/login/token", json=asked).raise_for_status().json()["token"]
    shown = {"Authorization": f"Bearer {token}"}
    assert manager.http.get("/api/users", headers=shown).status_code == 200
    assert manager.http.get("/api/login").json()["first_admin"] is False
    assert new_code(manager) is None


def test_two_at_once_make_one_admin(manager: Manager):
    code = code_of(manager)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda name: use(manager, code, name), ["a1", "b2", "c3", "d4"]))

    assert sorted(answer.status_code for answer in answers) == [201, 403, 403, 403]
    assert len(manager.http.get("/api/users").json()["users"]) == 1


def test_wrong_codes_open_nothing_and_are_slowed_down(manager: Manager):
    code = code_of(manager)
    for wrong in (WRONG, "x", "ß" * 16, "'; DROP TABLE users; --", *[WRONG] * 6):
        is_problem(use(manager, wrong), 403, "first_code")

    slowed = use(manager, code)

    is_problem(slowed, 429, "too_many_guesses")
    assert int(slowed.headers["retry-after"]) > 1
    assert manager.http.get("/api/users").json()["users"] == []


def test_code_ends_with_its_time_with_the_next_and_with_any_admin(manager: Manager):
    first = code_of(manager)
    second = code_of(manager)
    is_problem(use(manager, first), 403, "first_code")
    database = manager.settings.data_dir / "farm.db"
    with sqlite3.connect(database, timeout=60) as opened:
        assert second not in "\n".join(opened.iterdump())
        opened.execute("UPDATE first_codes SET expires_at = 1.0")
    is_problem(use(manager, second), 403, "first_code")

    third = code_of(manager)
    manager.http.post("/api/users", json={"name": "root", "role": "admin"}).raise_for_status()

    told = is_problem(use(manager, third), 403, "first_code")
    assert "has an admin by now" in told["detail"]


def test_name_that_is_taken_leaves_the_code_good(manager: Manager):
    code = code_of(manager)
    manager.http.post("/api/users", json={"name": "ada"}).raise_for_status()

    is_problem(use(manager, code), 409, "user_exists")

    assert use(manager, code, "root").status_code == 201


def test_disabled_admin_is_none(manager: Manager):
    manager.http.post("/api/users", json={"name": "old", "role": "admin"}).raise_for_status()
    assert new_code(manager) is None
    manager.http.patch("/api/users/old", json={"disabled": True}).raise_for_status()

    assert use(manager, code_of(manager)).status_code == 201


# --- the page -----------------------------------------------------------------------------------

OWN = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html,*/*;q=0.8"}


def send(manager: Manager, headers: dict[str, str] | None = None, **changes: str) -> httpx.Response:
    form = {"code": WRONG, "name": "ada", "password": PASSWORD, "again": PASSWORD, **changes}
    return manager.http.post("/first-admin", data=form, headers={**OWN, **(headers or {})})


def test_page_says_before_what_will_be_asked_of_a_password(manager: Manager):
    code_of(manager)

    page = is_page(manager.http.get("/first-admin"))

    assert "At least 12 characters" in page
    assert page.index("At least 12 characters") < page.index("<input id=password")
    assert "The manager printed a code" in page
    for name in ("password", "again"):
        told = field(page, name)
        assert "minlength=12" in told
        assert "autocomplete=new-password" in told
    assert "autocomplete=username" in field(page, "name")
    assert "Become its first admin" in is_page(manager.http.get("/login"))
    assert "not encrypted" not in page
    far = {"X-Forwarded-For": "192.0.2.7"}
    assert "not encrypted" in is_page(manager.http.get("/first-admin", headers=far))
    assert "not encrypted" in is_page(send(manager, far), 403)


@pytest.mark.parametrize("behind", ["", ".V3l0" + "x" * 39], ids=["plain", "with a fingerprint"])
def test_page_makes_the_first_admin_and_logs_them_in(manager: Manager, behind: str):
    code = code_of(manager)

    answer = send(manager, code=f" {code.upper()}{behind} ")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "as <b>ada</b>, an admin" in is_page(manager.http.get("/login"))
    user = manager.http.get("/api/users/ada", headers=OWN).json()
    assert (user["role"], user["has_password"]) == ("admin", True)
    manager.http.cookies.clear()
    assert "There is an admin already" in is_page(manager.http.get("/first-admin"))
    assert "first admin" not in is_page(manager.http.get("/login"))
    assert "was used or has ended" in is_page(send(manager, code=code, name="eve"), 403)
    assert manager.http.get("/api/users/eve").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "told", "where"),
    [
        ({}, 403, "That is not the code", "code"),
        ({"code": ""}, 422, "Type the code that the manager printed.", "code"),
        ({"name": "a b"}, 422, "A name has 1 to 80 letters", "name"),
        ({"name": ""}, 422, "A name has 1 to 80 letters", "name"),
        ({"again": "another one entirely"}, 422, "The two passwords are not the same", "again"),
        ({"password": "short", "again": "short"}, 422, "A password has at least 12", "password"),
        ({"password": "", "again": ""}, 422, "A password has at least 12", "password"),
        (
            {"password": "x" * 2_000, "again": "x" * 2_000},
            422,
            "A password has at most 256",
            "password",
        ),
    ],
)
def test_page_says_what_is_wrong_and_where_and_the_code_stays_good(
    manager: Manager, changes: dict[str, str], status: int, told: str, where: str
):
    code = code_of(manager)
    typed = {"name": "ada", **changes}

    answer = send(manager, **{"code": code if changes else WRONG, **changes})

    page = is_page(answer, status)
    assert f">{told}" in page[page.index("role=alert") :]
    assert f"value='{typed['name']}'" in field(page, "name")
    fields = ("code", "name", "password", "again")
    assert [one for one in fields if "aria-invalid" in field(page, one)] == [where]
    assert PASSWORD not in page
    assert code not in page
    assert "set-cookie" not in answer.headers
    assert send(manager, code=code).status_code == 303


def test_wrong_codes_on_the_page_are_slowed_down(manager: Manager):
    code = code_of(manager)
    for _ in range(10):
        is_page(send(manager), 403)

    slowed = send(manager, code=code)

    assert "wait 15 min" in is_page(slowed, 429)
    assert int(slowed.headers["retry-after"]) > 1
    assert manager.http.get("/api/users").json()["users"] == []


def test_page_without_a_code_says_how_to_get_one(manager: Manager):
    page = is_page(manager.http.get("/first-admin"))

    assert "framefarm serve --lan" in page
    assert "<input" not in page


@pytest.mark.parametrize("page", TRIES, ids=str)
def test_page_of_others_makes_no_admin(manager: Manager, page: dict[str, str]):
    code = code_of(manager)

    assert "web pages of others" in is_page(send(manager, {**page}, code=code), 403)

    assert manager.http.get("/api/users").json()["users"] == []
    assert send(manager, code=code).status_code == 303
