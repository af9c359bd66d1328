"""What the manager's own address shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from framefarm import __version__
from tests.integration.api.door import Door, manned_door, quick_hashes
from tests.integration.api.pages import BROWSER, FAR, is_page

COMMANDS = ("framefarm jobs", "framefarm workers", "framefarm --help")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with quick_hashes(), manned_door(tmp_path_factory.mktemp("farm"), ada="artist") as made:
        yield made


def test_who_is_logged_in_sees_what_this_is_and_where_to_go(door: Door):
    with door.browser("ada") as browser:
        told = is_page(browser.get("/", headers={**BROWSER, **FAR}))

        assert f"This is FrameFarm {__version__}" in told
        assert all(f"<code>{command}</code>" in told for command in COMMANDS)
        assert "You are logged in as ada." in told
        for link in ("/password", "/logout?then=%2F", "/api/docs", "/login"):
            assert f"<a href={link}>" in told or f"<a href='{link}'>" in told


def test_who_is_let_in_on_the_managers_machine_sees_it_without_a_login(door: Door):
    told = is_page(door.manager.http.get("/", headers=BROWSER))

    assert "nobody needs to log in" in told
    assert "<a href=/login>" in told
    assert "You are logged in" not in told
    assert "logout" not in told


def test_a_browser_that_shows_a_token_is_told_of_no_login(door: Door):
    token = {"Authorization": f"Bearer {door.token('ada')}"}
    told = is_page(door.manager.http.get("/", headers={**BROWSER, **FAR, **token}))

    assert "/api/docs" in told
    assert "log in" not in told


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/json"])
def test_programs_get_the_same_as_text(door: Door, accept: str):
    answer = door.manager.http.get("/", headers={"Accept": accept})

    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["vary"] == "Accept"
    assert all(command in answer.text for command in COMMANDS)


def test_who_is_not_logged_in_is_sent_to_the_login_page(door: Door):
    answer = door.manager.http.get("/", headers={**BROWSER, **FAR})

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
