"""What a browser that asks for a page is shown where a program is told of a problem."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from framefarm.farm.settings import ConnectionLimits
from tests.integration.api.door import PASSWORD, Door, manned_door, quick_hashes
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.pages import BROWSER, FAR, is_page

EVIL = {"Origin": "http://evil.example"}
PAGES = ["/login", "/logout", "/first-admin", "/api/login/device", "/api/docs", "/"]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with (
        quick_hashes(),
        manned_door(tmp_path_factory.mktemp("farm"), ada="artist", root="admin") as made,
    ):
        yield made


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_page_of_others_is_told_on_a_page_and_a_script_gets_the_problem(
    door: Door, method: str, path: str
):
    with door.browser("ada") as browser:
        page = browser.request(method, path, headers={**BROWSER, **EVIL})
        script = browser.request(method, path, headers={"Accept": "*/*", **EVIL})
        cookie = browser.cookies["framefarm"]

    told = is_page(page, 403)
    assert "does not answer web pages of others" in told
    assert "<a class='button yes' href=/login>" in told
    assert "set-cookie" not in page.headers
    assert cookie not in told
    is_problem(script, 403, "foreign_origin")


def test_who_asks_too_often_is_told_on_a_page_when_to_go_on(tmp_path: Path):
    limits = ConnectionLimits(requests_per_s=1 / 60, requests_at_once=2)
    manager = Manager(tmp_path, connections=limits)
    try:
        answers = [manager.http.get("/login", headers={**FAR, **BROWSER}) for _ in range(3)]
        program = manager.http.get("/login", headers=FAR)
    finally:
        manager.close()

    assert [one.status_code for one in answers] == [200, 200, 429]
    page = is_page(answers[-1], 429)
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 60
    assert f"go on after {answers[-1].headers['retry-after']} seconds" in page
    is_problem(program, 429, "too_many_requests")


@pytest.mark.parametrize("path", ["/api/docs", "/nothing", "/nothing?a=1&b=x"])
def test_who_is_not_logged_in_does_that_and_comes_to_what_was_wanted(door: Door, path: str):
    with door.browser() as browser:
        sent = browser.get(path, headers={**FAR, **BROWSER})
        assert (sent.status_code, sent.headers["location"]) == (
            303,
            f"/login?then={quote(path, safe='')}",
        )
        form = {"name": "ada", "password": PASSWORD, "then": path}
        assert browser.post("/login", data=form).headers["location"] == path
        browser.cookies.set("framefarm", "x" * 43)
        ended = browser.get(path, headers={**FAR, **BROWSER})
        assert ended.headers["location"] == sent.headers["location"]

        is_problem(browser.get(path, headers=FAR), 401, "login_ended")
        is_problem(browser.get("/api/jobs", headers={**FAR, **BROWSER}), 401, "login_ended")


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "/h\u00f6hle"])
def test_no_address_that_is_none_here_is_gone_on_to(door: Door, path: str):
    with door.browser() as browser:
        sent = browser.get(f"{door.url}{path}", headers={**FAR, **BROWSER})
        assert sent.headers["location"].startswith("/login?then=")
        form = is_page(browser.get(sent.headers["location"], headers=BROWSER))

    assert "name=then value='/login'" in form


@pytest.mark.parametrize(
    ("asked", "more", "status", "told"),
    [
        ("GET /nothing", {}, 404, "There is nothing at &#x27;/nothing&#x27;"),
        ("PUT /login", {}, 405, "PUT is not taken at &#x27;/login&#x27;, but GET, HEAD, POST."),
        ("GET /api/login/device", {"params": {"code": "x" * 41}}, 422, "at most 40"),
        ("POST /api/login/device", {"data": {"code": "x"}}, 422, "body.answer"),
        ("POST /api/login/device", {"data": {"code": "x", "answer": "yes"}}, 400, "No program"),
        ("POST /login", {"files": {"password": ("p", b"x")}}, 422, "body.password"),
        ("POST /login", {"data": {"name": "x" * 2_000_000}}, 400, "cannot be read"),
        ("GET /login", {"headers": {"Authorization": "Bearer ff_x"}}, 401, "This token is"),
    ],
)
def test_what_is_wrong_with_a_request_is_told_on_a_page(
    door: Door, asked: str, more: dict[str, Any], status: int, told: str
):
    method, path = asked.split()
    headers = {**BROWSER, **more.pop("headers", {})}
    with door.browser("root") as browser:
        answer = browser.request(method, path, headers=headers, **more)

    assert told in is_page(answer, status)


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({f"a{number}": "x" for number in range(1_001)}, 400, "cannot be read as a form"),
        ({"name": "x" * 2_000_000}, 400, "in each at most 1 MiB"),
        ({"name": "x" * 9_000_000}, 413, "may have at most 8,388,608 bytes"),
    ],
    ids=["many fields", "a large field", "a large body"],
)
def test_a_form_that_is_too_large_is_told_as_a_form(
    door: Door, form: dict[str, str], status: int, words: str
):
    answer = door.manager.http.post("/login", data=form, headers=BROWSER)

    told = is_page(answer, status)
    assert words in told
    assert "JSON" not in told
