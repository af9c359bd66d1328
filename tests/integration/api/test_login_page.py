"""The pages to log in and out on: what they say, where they lead, and who may send their forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.door import OTHER, PASSWORD, Door, encrypted, manned_door
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.openid_site import Site
from tests.integration.api.pages import BROWSER, TRIES, field, is_page
from tests.integration.api.slow import Raw
from tests.integration.other_machine import other_machine

pytestmark = pytest.mark.usefixtures("quickly_hashed")
ANY = "0.0.0.0"  # noqa: S104  what others reach is what is tested


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with manned_door(tmp_path, ada="artist", root="admin") as made:
        yield made


def send(
    browser: httpx.Client, name: str = "ada", password: str = PASSWORD, **more: Any
) -> httpx.Response:
    form = {"name": name, "password": password, **more.pop("form", {})}
    return browser.post("/login", data=form, headers={**BROWSER, **more.pop("headers", {})})


# --- getting in ---------------------------------------------------------------------------------


def test_page_asks_in_a_way_that_password_managers_and_screen_readers_understand(door: Door):
    with door.browser() as browser:
        page = is_page(browser.get("/login"))

    assert "<html lang=en>" in page
    assert "<label for=name>Name</label><input id=name " in page
    assert "<label for=password>Password</label><input id=password " in page
    assert {"autocomplete=username", "autofocus"} <= set(field(page, "name").split())
    told = set(field(page, "password").split())
    assert {"type=password", "autocomplete=current-password"} <= told
    assert not {"autofocus", "aria-invalid=true"} & told
    assert "role=alert" not in page
    assert "Log in with" not in page


def test_right_password_lets_a_browser_in_as_the_api_does(door: Door):
    with door.browser() as browser:
        answer = send(browser, "ADA")

        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        attributes = answer.headers["set-cookie"].lower().split("; ")
        assert {"httponly", "samesite=lax", "path=/"} <= set(attributes)
        assert answer.headers["cache-control"] == "no-store"
        page = is_page(browser.get("/login"))
        assert "as <b>ada</b>, an artist" in page
        assert f"framefarm login {door.url} --browser" in page
        assert browser.get("/api/me").json()["user"]["name"] == "ada"
        assert browser.get("/", headers=BROWSER).status_code == 200


def test_encrypted_the_cookie_is_the_hosts_own(tmp_path: Path):
    with encrypted(tmp_path) as client:
        answer = send(client, headers={"Origin": str(client.base_url).rstrip("/")})

    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-framefarm=")
    assert "; Secure" in answer.headers["set-cookie"]


# --- refusals -----------------------------------------------------------------------------------


def test_wrong_password_is_told_beside_the_name_that_was_typed(door: Door):
    with door.browser() as browser:
        answer = send(browser, "<b>'\"ada", OTHER)

        page = is_page(answer, 401)
        assert "<p class=wrong role=alert id=wrong>Name and password do not belong" in page
        assert "value='&lt;b&gt;&#x27;&quot;ada'" in field(page, "name")
        assert "aria-describedby=wrong" in field(page, "password")
        assert "autofocus" in field(page, "password")
        assert OTHER not in page
        assert "set-cookie" not in answer.headers
        assert not browser.cookies


def test_who_tries_too_often_is_told_when_to_go_on(door: Door):
    with door.browser() as browser:
        for _ in range(10):
            is_page(send(browser, password=OTHER), 401)
        answer = send(browser)

        page = is_page(answer, 429)
        assert "wait 15 min" in page
        assert 0 < int(answer.headers["retry-after"]) <= 900
        assert not browser.cookies


def test_disabled_account_is_told_to_who_knows_its_password(door: Door):
    door.manager.http.patch("/api/users/ada", json={"disabled": True}).raise_for_status()
    with door.browser() as browser:
        assert "The account ada is disabled" in is_page(send(browser), 403)
        assert "disabled" not in is_page(send(browser, password=OTHER), 401)
        assert not browser.cookies


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"name": "ada"},
        {"password": PASSWORD},
        {"name": "a" * 81, "password": PASSWORD},
        {"name": "ada", "password": "x" * 1_025},
        {"name": ["ada", "ada"], "password": ""},
    ],
)
def test_what_can_be_no_login_is_told_and_is_no_guess(door: Door, form: dict[str, Any]):
    with door.browser() as browser:
        for _ in range(12):
            told = browser.post("/login", data=form, headers=BROWSER)
            assert "Type your name and your password" in is_page(told, 422)
        assert send(browser).status_code == 303


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/json", b'{"name": "ada", "password": "x"}'),
        ("application/x-www-form-urlencoded", b"%ff=%ff&name=%00%ff&password=%80"),
        ("application/x-www-form-urlencoded", b"&" * 3_000),
        ("application/x-www-form-urlencoded", b"name=\xff\xfe&password=\xff"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; "),
        ("multipart/form-data", b"nothing"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"; filename="f"\r\n\r\nx\r\n--x--',
        ),
        ("text/plain", b"name=ada"),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_no_body_is_a_fault_of_the_managers(door: Door, path: str, kind: str, content: bytes):
    with door.browser() as browser:
        headers = {**BROWSER, "Content-Type": kind}
        answer = browser.post(path, content=content, headers=headers)

    assert answer.status_code < 500, answer.text
    assert "set-cookie" not in answer.headers or path == "/logout"


# --- where to -----------------------------------------------------------------------------------

OWN = ["/api/docs", "/api/login/device?code=BCDF-GHJK", "/a/../b//c?d=/e#f", "/%2F/evil.example"]
FOREIGN = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "///evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/a\r\nSet-Cookie: x=y",
    "/\t/evil.example",
    " /a",
    "/" + "x" * 5_000,
]


@pytest.mark.parametrize(
    ("then", "shown"), [*((one, one) for one in OWN), *((one, "/login") for one in FOREIGN)]
)
def test_browser_goes_on_to_where_it_wanted_on_this_manager_only(door: Door, then: str, shown: str):
    with door.browser() as browser:
        page = is_page(browser.get("/login", params={"then": then}))
        assert f"name=then value='{shown}'" in page.replace("&#x27;", "'")
        wrong = is_page(send(browser, password=OTHER, form={"then": then}), 401)
        assert f"name=then value='{shown}'" in wrong
        answer = send(browser, form={"then": then})
        assert (answer.status_code, answer.headers["location"]) == (303, shown)
        assert "x=y" not in answer.headers["set-cookie"]

        # Who is logged in already goes on at once.
        again = browser.get("/login", params={"then": then})
        if shown == "/login":
            is_page(again)
        else:
            assert (again.status_code, again.headers["location"]) == (303, shown)


def test_what_is_wanted_is_shown_as_text(door: Door):
    then = "/x'><script>alert(1)</script>&\""
    with door.browser() as browser:
        page = is_page(browser.get("/login", params={"then": then}))

    assert "value='/x&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;'" in page


def test_what_others_add_to_the_address_is_no_hindrance(door: Door):
    """Programs for mail and chat add something of theirs to links."""
    with door.browser() as browser:
        for page in ("/login", "/logout", "/first-admin"):
            is_page(browser.get(page, params={"then": "/api/docs", "utm_source": "mail"}))


def test_who_wants_to_let_a_program_in_is_told_why_to_log_in(door: Door):
    with door.browser() as browser:
        page = is_page(browser.get("/login", params={"then": "/api/login/device?code=X"}))

    assert "A program wants to work as you" in page


# --- getting out --------------------------------------------------------------------------------


def test_logging_out_ends_the_login_and_the_browser_forgets_it(door: Door):
    with door.browser("ada") as browser, door.browser("ada") as other:
        kept = {"Cookie": f"framefarm={browser.cookies['framefarm']}"}
        asked = is_page(browser.get("/logout", params={"then": "/api/docs"}))
        assert "logged in as <b>ada</b>" in asked
        assert "name=then value='/api/docs'" in asked
        assert browser.get("/api/me").json()["user"]["name"] == "ada"

        page = is_page(browser.post("/logout", data={"then": "/api/docs"}))

        assert "href='/login?then=%2Fapi%2Fdocs'" in page
        assert not browser.cookies
        assert door.manager.http.get("/api/me", headers=kept).json() == {"user": None}
        assert "You are not logged in" in is_page(browser.get("/logout"))
        assert other.get("/api/me").json()["user"]["name"] == "ada"
        # Nobody is logged in, and that is no fault.
        is_page(browser.post("/logout"))


def test_no_page_of_others_is_where_one_logs_in_again(door: Door):
    with door.browser("ada") as browser:
        page = is_page(browser.post("/logout", data={"then": "//evil.example"}))

    assert "evil" not in page


# --- pages of others ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", TRIES, ids=str)
def test_page_of_others_logs_nobody_in_or_out(door: Door, page: dict[str, str]):
    with door.browser("ada") as browser:
        cookie = browser.cookies["framefarm"]
        for path in ("/login", "/logout"):
            form = {"name": "root", "password": PASSWORD}
            answer = browser.post(path, data=form, headers={**BROWSER, **page})
            assert "does not answer web pages of others" in is_page(answer, 403)
            assert "set-cookie" not in answer.headers
        assert browser.cookies["framefarm"] == cookie
        assert browser.get("/api/me").json()["user"]["name"] == "ada"


def test_behind_a_proxy_that_encrypts_the_form_of_the_public_address_is_ones_own(tmp_path: Path):
    manager = Manager(tmp_path, public_url="https://farm.example.org")
    Door(manager).add("ada")
    proxied = {
        "Host": "farm.example.org",
        "X-Forwarded-For": "192.0.2.7",
        "Origin": "https://farm.example.org",
    }
    try:
        asked = manager.http.get("/login", headers=proxied)
        answer = send(manager.http, headers=proxied)
        foreign = send(manager.http, headers={**proxied, "Origin": "https://evil.example"})
        shown = {**proxied, "Cookie": answer.headers["set-cookie"].partition(";")[0]}
        page = is_page(manager.http.get("/login", headers=shown))
    finally:
        manager.close()

    assert "not encrypted" not in is_page(asked)
    assert answer.headers["set-cookie"].startswith("__Host-framefarm=")
    assert "web pages of others" in is_page(foreign, 403)
    assert "framefarm login https://farm.example.org --browser" in page


def test_token_shows_the_login_page_as_to_anybody(door: Door):
    """Who shows one is no browser in which somebody is logged in."""
    shown = {"Authorization": f"Bearer {door.token('ada')}"}

    page = is_page(door.manager.http.get("/login?then=/api/docs", headers=shown))

    assert "Log in</h1>" in page


# --- who comes, and from where ------------------------------------------------------------------


def test_page_says_where_nobody_needs_it_and_where_it_can_be_read(tmp_path: Path):
    with other_machine() as elsewhere:
        manager = Manager(tmp_path, host=ANY)
        try:
            here = is_page(manager.http.get("/login"))
            port = int(manager.http.base_url.port or 0)
            _, _, there = elsewhere.ask(port, "GET", "/login", {})
        finally:
            manager.close()

    assert "nobody needs to log in" in here
    assert "not encrypted" not in here
    assert b"nobody needs to log in" not in there
    assert b"not encrypted" in there


def test_name_under_which_it_is_asked_is_shown_as_text(door: Door):
    with door.browser("ada") as browser:
        cookie = browser.cookies["framefarm"]
    asked = f"HTTP/1.1\r\nHost: a<b>'\"\r\nX-Forwarded-For: x\r\nCookie: framefarm={cookie}\r\n"

    answer = Raw(door.manager).send(f"GET /login {asked}Connection: close\r\n\r\n".encode()).rest()

    assert b"a<b>" not in answer


def test_provider_is_another_way_in_and_what_it_refuses_is_told_on_a_page(
    make_site: Callable[..., Site],
):
    site = make_site()
    with site.browser() as browser:
        page = is_page(browser.get("/login", params={"then": "/api/docs"}))
        assert "href='/api/login/openid?then=%2Fapi%2Fdocs'>Log in with 127.0.0.1</a>" in page

        site.provider.refuses = "access_denied"
        back = site.leave(browser)
        refused = browser.get(back, headers=BROWSER)

        told = is_page(refused, 403)
        assert "The login provider answered: access_denied." in told
        assert "href=/login" in told
        lost = browser.get("/api/login/openid/callback?state=x", headers=BROWSER)
        assert "was not begun in this browser" in is_page(lost, 400)
        # Programs, and scripts of pages, are told problems.
        is_problem(browser.get("/api/login/openid/callback?state=x"), 400, "openid_state")
        is_problem(browser.get("/api/jobs/999999", headers=BROWSER), 404, "no_such_job")
