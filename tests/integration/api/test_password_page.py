"""The page on which people change their own password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.api.door import OTHER, PASSWORD, Door, manned_door
from tests.integration.api.pages import BROWSER, FAR, TRIES, field, is_page

pytestmark = pytest.mark.usefixtures("quickly_hashed")
HERE = "/password"
FIELDS = ("old", "password", "again")


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with manned_door(tmp_path, ada="artist", vic="viewer", root="admin") as made:
        yield made


def send(
    browser: httpx.Client, headers: dict[str, str] | None = None, **changes: str
) -> httpx.Response:
    form = {"old": PASSWORD, "password": OTHER, "again": OTHER, **changes}
    return browser.post(HERE, data=form, headers={**BROWSER, **(headers or {})})


def may_log_in(door: Door, name: str, password: str) -> bool:
    with door.browser() as browser:
        return door.log_in(browser, name, password).status_code == 200


# --- changing it --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada", "vic", "root"])
def test_people_of_all_roles_change_their_password_and_nobody_elses(door: Door, name: str):
    with door.browser(name) as browser:
        page = is_page(browser.get("/login", headers=BROWSER))
        assert f"<a href={HERE}>Change your password</a>" in page
        is_page(browser.get(HERE, headers=BROWSER))

        told = is_page(send(browser, name="root" if name == "ada" else "ada"))

        assert "Your password is changed" in told
        assert browser.get("/api/me").json()["user"]["name"] == name
    names = ("ada", "vic", "root")
    assert [may_log_in(door, one, OTHER) for one in names] == [one == name for one in names]


def test_all_other_logins_end_and_what_they_let_in(door: Door):
    personal = door.manager.http.post("/api/users/ada/tokens", json={"name": "t"}).json()["token"]
    by_login = door.token("ada")
    with door.browser("ada") as here, door.browser("ada") as there, door.browser("vic") as other:
        is_page(send(here))

        assert "location" not in here.get(HERE, headers=BROWSER).headers
        assert there.get("/api/me").json()["user"] is None
        assert other.get("/api/me").json()["user"]["name"] == "vic"
    shown = [{"Authorization": f"Bearer {token}"} for token in (personal, by_login)]
    assert [door.manager.http.get("/api/me", headers=one).status_code for one in shown] == [
        200,
        401,
    ]


def test_page_asks_in_a_way_that_password_managers_and_screen_readers_understand(door: Door):
    with door.browser("ada") as browser:
        page = is_page(browser.get(HERE, headers=BROWSER))

    assert "<label for=old>Your password now</label><input id=old " in page
    assert {"autocomplete=current-password", "autofocus"} <= set(field(page, "old").split())
    assert {"value='ada'", "autocomplete=username", "hidden"} <= set(field(page, "name").split())
    for name in ("password", "again"):
        assert {"autocomplete=new-password", "minlength=12"} <= set(field(page, name).split())
    assert page.index("At least 12 characters") < page.index("<input id=password")
    assert "aria-invalid=" not in page
    assert "You are logged in as ada" in page
    assert "not encrypted" not in page


def test_page_says_where_it_can_be_read(door: Door):
    with door.browser("ada") as browser:
        assert "not encrypted" in is_page(browser.get(HERE, headers={**BROWSER, **FAR}))
        assert "not encrypted" in is_page(send(browser, FAR, old=OTHER), 401)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status", "told", "where"),
    [
        ({"old": OTHER}, 401, "That is not your password.", "old"),
        ({"old": ""}, 422, "Type your password", "old"),
        ({"old": "x" * 1_025}, 422, "Type your password", "old"),
        ({"again": "another one entirely"}, 422, "new passwords are not the same", "again"),
        ({"password": "short", "again": "short"}, 422, "at least 12 characters", "password"),
        ({"password": "", "again": ""}, 422, "at least 12 characters", "password"),
        ({"password": "ada" * 9, "again": "ada" * 9}, 422, "different characters", "password"),
        ({"password": "passwordpassword", "again": "passwordpassword"}, 422, "first", "password"),
        ({"password": "x" * 1_025, "again": "x" * 1_025}, 422, "at most 256", "password"),
    ],
)
def test_page_says_what_is_wrong_and_where_and_nothing_changes(
    door: Door, changes: dict[str, str], status: int, told: str, where: str
):
    with door.browser("ada") as browser, door.browser("ada") as other:
        answer = send(browser, **changes)

        page = is_page(answer, status)
        assert told in page[page.index("role=alert") :]
        assert [one for one in FIELDS if "aria-invalid" in field(page, one)] == [where]
        assert not [text for text in changes.values() if text and text in page]
        assert PASSWORD not in page
        assert other.get("/api/me").json()["user"]["name"] == "ada"
    assert may_log_in(door, "ada", PASSWORD)


def test_form_without_fields_is_refused(door: Door):
    with door.browser("ada") as browser:
        is_page(browser.post(HERE, headers=BROWSER), 422)


def test_wrong_passwords_are_slowed_down_and_the_login_stays(door: Door):
    with door.browser("ada") as browser:
        for _ in range(10):
            is_page(send(browser, old=OTHER), 401)
        slowed = send(browser)

        assert "wait 15 min" in is_page(slowed, 429)
        assert int(slowed.headers["retry-after"]) > 1
        assert browser.get("/api/me").json()["user"]["name"] == "ada"
    with door.browser("vic") as other:
        is_page(send(other))


def test_weak_passwords_are_no_guess(door: Door):
    with door.browser("ada") as browser:
        for _ in range(12):
            is_page(send(browser, password="short", again="short"), 422)
        is_page(send(browser))


def test_who_has_no_password_is_told_how_to_get_one(door: Door):
    with door.browser("ada") as browser:
        door.database("UPDATE users SET password_hash = NULL WHERE name = 'ada'")
        page = is_page(browser.get(HERE, headers=BROWSER))
        refused = is_page(send(browser), 401)

    assert "framefarm users password ada" in page
    assert "name=old" not in page
    assert "role=alert" in refused


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("far", [{}, FAR], ids=["here", "elsewhere"])
def test_who_is_not_logged_in_does_that_first(door: Door, far: dict[str, str]):
    shown = {"Authorization": f"Bearer {door.token('ada')}"}
    with door.browser() as browser:
        for headers in ({**BROWSER, **far}, {**BROWSER, **far, **shown}):
            sent = browser.get(HERE, headers=headers)
            assert (sent.status_code, sent.headers["location"]) == (303, "/login?then=%2Fpassword")
            answer = browser.post(
                HERE, data={"old": PASSWORD, "password": OTHER, "again": OTHER}, headers=headers
            )
            assert answer.status_code in {401, 403}
            assert "href=/login" in is_page(answer, answer.status_code)
    assert may_log_in(door, "ada", PASSWORD)


def test_login_that_has_ended_changes_nothing(door: Door):
    with door.browser("ada") as browser:
        door.manager.http.delete("/api/users/ada/logins").raise_for_status()
        answer = send(browser, FAR)

    assert "This login has ended" in is_page(answer, 401)
    assert may_log_in(door, "ada", PASSWORD)


@pytest.mark.parametrize("page", TRIES, ids=str)
def test_page_of_others_changes_no_password(door: Door, page: dict[str, str]):
    with door.browser("ada") as browser:
        answer = send(browser, page)

        is_page(answer, 403)
        assert browser.get("/api/me").json()["user"]["name"] == "ada"
    assert may_log_in(door, "ada", PASSWORD)
    assert not may_log_in(door, "ada", OTHER)
