"""A program without a browser is let in from one (RFC 8628), over real sockets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from framefarm.api.pages import device_logins
from tests.integration.api.door import PASSWORD, Door, quick_hashes
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.openid_site import Site

HERE = "/api/login/device"
OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
CODE = re.compile("[B-Z]{4}-[B-Z]{4}")

Begun = dict[str, Any]


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


def begin(site: Site, **asked: Any) -> Begun:
    answer = site.manager.http.post(f"{HERE}/code", json={"purpose": "laptop", **asked})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def take(site: Site, begun: Begun) -> httpx.Response:
    return site.manager.http.post(f"{HERE}/token", json={"device_code": begun["device_code"]})


def say(browser: httpx.Client, code: str, answer: str, **headers: str) -> httpx.Response:
    return browser.post(HERE, data={"code": code, "answer": answer}, headers={**OWN, **headers})


def test_program_works_as_the_person_who_said_yes(site: Site):
    begun = begin(site)
    assert begun["verification_uri"] == f"{site.manager.server.url}{HERE}"
    assert begun["verification_uri_complete"].endswith(f"?code={begun['user_code']}")
    pending = take(site, begun)
    is_problem(pending, 400, "authorization_pending")
    assert pending.headers["retry-after"] == "5"

    with site.browser() as browser:
        asked = browser.get(begun["verification_uri_complete"])
        login = f"/login?then=%2Fapi%2Flogin%2Fdevice%3Fcode%3D{begun['user_code']}"
        assert (asked.status_code, asked.headers["location"]) == (303, login)
        [link] = re.findall("class=button href='([^']+)'", browser.get(login).text)
        assert link == login.replace("/login", "/api/login/openid", 1)
        site.log_in(browser)
        question = browser.get(begun["verification_uri_complete"])
        assert all(word in question.text for word in ("laptop", "127.0.0.1", "Ada-L"))
        assert set(CODE.findall(question.text)) == {begun["user_code"]}
        done = say(browser, begun["user_code"].lower(), "yes")
        assert "let in" in done.text

    made = take(site, begun)
    assert made.status_code == 201
    token = made.json()["token"]
    assert made.json()["view"]["name"] == "laptop"
    shown = {"Authorization": f"Bearer {token}"}
    me = site.manager.http.get("/api/me", headers=shown).json()["user"]
    assert me["name"] == "Ada-L"
    is_problem(take(site, begun), 400, "expired_token")
    stored = site.manager.settings.data_dir.glob("farm.db*")
    assert not any(token.encode() in path.read_bytes() for path in stored)


def test_program_is_told_no(site: Site):
    begun = begin(site)
    with site.browser() as browser:
        site.log_in(browser)
        assert "told no" in say(browser, begun["user_code"], "no").text

    is_problem(take(site, begun), 403, "access_denied")
    assert site.user("Ada-L")["tokens"] == []


def test_nobody_says_yes_without_a_login_in_a_browser(site: Site):
    begun = begin(site)
    with site.browser() as browser:
        is_problem(say(browser, begun["user_code"], "yes"), 401, "not_logged_in")
        site.log_in(browser)
        token = browser.post("/api/me/tokens", json={"name": "x"}, headers=OWN).json()["token"]
    shown = {"Authorization": f"Bearer {token}"}
    with site.browser() as program:
        is_problem(say(program, begun["user_code"], "yes", **shown), 401, "not_logged_in")
        assert program.get(HERE, headers=shown).headers["location"].startswith("/login?")

    is_problem(take(site, begun), 400, "authorization_pending")


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_page_of_others_says_yes_for_nobody(site: Site, page: dict[str, str]):
    begun = begin(site)
    with site.browser() as browser:
        site.log_in(browser)
        is_problem(say(browser, begun["user_code"], "yes", **page), 403, "foreign_origin")

    is_problem(take(site, begun), 400, "authorization_pending")


def test_page_runs_nothing_and_shows_text_as_text(site: Site):
    begun = begin(site, purpose="<script>alert(1)</script>'\"&")
    with site.browser() as browser:
        site.log_in(browser)
        asked = browser.get(begun["verification_uri_complete"])
        wrong = browser.get(HERE, params={"code": "<b>x"})

    assert "<script" not in asked.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#x27;&quot;&amp;" in asked.text
    assert "<b>x" not in wrong.text
    assert "No program waits with that code" in wrong.text
    policy = asked.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert asked.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("change", ["disabled", "removed", "removed and made anew"])
def test_who_changes_before_the_token_is_made_lets_nobody_in(site: Site, change: str):
    begun = begin(site)
    with site.browser() as browser:
        site.log_in(browser)
        say(browser, begun["user_code"], "yes")
    http = site.manager.http
    if change == "disabled":
        http.patch("/api/users/Ada-L", json={"disabled": True}).raise_for_status()
    else:
        http.delete("/api/users/Ada-L").raise_for_status()
    if change == "removed and made anew":
        http.post("/api/users", json={"name": "Ada-L", "role": "admin"}).raise_for_status()

    is_problem(take(site, begun), 400, "expired_token")


def test_codes_end(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device_logins, "LASTS_S", 0.0)
    begun = begin(site)
    with site.browser() as browser:
        site.log_in(browser)
        assert "No program waits" in browser.get(begun["verification_uri_complete"]).text
        is_problem(say(browser, begun["user_code"], "yes"), 400, "expired_token")

    is_problem(take(site, begun), 400, "expired_token")


def test_what_a_program_says_of_itself_turns_no_text_around(site: Site):
    begun = begin(site, purpose="laptop\u202e\x1b[2J")
    with site.browser() as browser:
        site.log_in(browser)
        page = browser.get(begun["verification_uri_complete"]).text
        say(browser, begun["user_code"], "yes").raise_for_status()

    assert "<b>laptop\ufffd\ufffd[2J</b>" in page
    assert take(site, begun).json()["view"]["name"] == "laptop\ufffd\ufffd[2J"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("code", {"purpose": ""}),
        ("code", {"purpose": "x" * 81}),
        ("code", {"days": 0}),
        ("code", {"days": 1e9}),
        ("code", {"scope": "full"}),
        ("token", {}),
        ("token", {"device_code": ""}),
        ("token", {"device_code": "x" * 201}),
        ("token", {"device_code": 7}),
    ],
)
def test_what_cannot_be_is_refused(site: Site, path: str, body: dict[str, Any]):
    is_problem(site.manager.http.post(f"{HERE}/{path}", json=body), 422, "invalid_request")


@pytest.mark.parametrize("form", [{}, {"code": "x"}, {"code": "x", "answer": "maybe"}])
def test_form_that_says_nothing_is_refused(site: Site, form: dict[str, str]):
    with site.browser() as browser:
        site.log_in(browser)
        is_problem(browser.post(HERE, data=form, headers=OWN), 422, "invalid_request")


def test_farm_without_a_provider_lets_programs_in_by_password(manager: Manager):
    door = Door(manager)
    with quick_hashes(), door.browser() as browser:
        door.add("ada")
        begun = manager.http.post(f"{HERE}/code", json={"purpose": "laptop"}).json()
        sent = browser.get(begun["verification_uri_complete"])
        page = browser.get(sent.headers["location"])
        assert "A program wants to work as you" in page.text
        [then] = re.findall("name=then value='([^']+)'", page.text)
        form = {"name": "ada", "password": PASSWORD, "then": then}
        back = browser.post("/login", data=form)
        assert back.headers["location"] == f"{HERE}?code={begun['user_code']}"
        assert begun["user_code"] in browser.get(back.headers["location"]).text
        assert "let in" in say(browser, begun["user_code"], "yes").text

    made = manager.http.post(f"{HERE}/token", json={"device_code": begun["device_code"]})
    assert made.status_code == 201
    shown = {"Authorization": f"Bearer {made.json()['token']}"}
    assert manager.http.get("/api/me", headers=shown).json()["user"]["name"] == "ada"


def test_person_whose_login_has_ended_is_told_on_a_page(site: Site):
    begun = begin(site)
    with site.browser() as browser:
        answer = say(browser, begun["user_code"], "yes", Accept="text/html")

    assert answer.status_code == 401
    assert "Log in in a browser first" in answer.text
    assert "href=/login" in answer.text
    is_problem(take(site, begun), 400, "authorization_pending")


def test_new_password_before_the_token_is_made_lets_nobody_in(manager: Manager):
    door = Door(manager)
    with quick_hashes():
        door.add("ada")
        with door.browser("ada") as browser:
            begun = manager.http.post(f"{HERE}/code", json={}).json()
            say(browser, begun["user_code"], "yes").raise_for_status()
        body = {"password": "staple of another kind"}
        manager.http.put("/api/users/ada/password", json=body).raise_for_status()

    answer = manager.http.post(f"{HERE}/token", json={"device_code": begun["device_code"]})

    is_problem(answer, 400, "expired_token")
    assert manager.http.get("/api/users/ada").json()["tokens"] == []
