"""Logging in with a password, in a real browser on another machine's side of the guard."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.browser.chromium import Tab, chromium, needs_chromium
from tests.integration.cli.processes import Running, environment
from tests.integration.other_machine import other_machine

PASSWORD = "correct horse battery"
CODE = re.compile(r" *([0-9a-z]{4}(?:-[0-9a-z]{4}){3})$")
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


class Farm:
    """A manager that others reach, and its console.

    Attributes:
        url: An address that is none of the manager's own machine's, so nobody is local there.
        code: For the first admin.
    """

    def __init__(self, serve: Running, url: str, code: str) -> None:
        self.serve = serve
        self.url = url
        self.code = code


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with other_machine() as elsewhere:
        words = ("serve", "--listen", "0.0.0.0:0")
        serve = Running(*words, env=environment(tmp_path / "manager"))
        try:
            url = serve.wait_for("manager ready at").split()[3].rstrip(",")
            serve.wait_for("users add NAME")
            [code] = [found[1] for line in serve.lines if (found := CODE.match(line))]
            yield Farm(serve, url.replace("127.0.0.1", elsewhere.here), code)
        finally:
            serve.kill()


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with chromium(tmp_path / "profile") as found:
        yield found


def log_in(tab: Tab, password: str = PASSWORD, *, name: str | None = "ada") -> None:
    if name is not None:
        tab.type("#name", name)
    tab.type("#password", password)
    tab.press_enter()


def become_admin(tab: Tab, farm: Farm) -> None:
    tab.open(f"{farm.url}/first-admin")
    for field, text in (("code", farm.code), ("name", "ada")):
        tab.type(f"#{field}", text)
    for field in ("password", "again"):
        tab.type(f"#{field}", PASSWORD)
    tab.press_enter()
    tab.see("You are logged in")


@needs_chromium
def test_first_admin_is_made_logs_out_and_logs_in_again(tab: Tab, farm: Farm) -> None:
    tab.open(farm.url)
    tab.see("This farm has no admin yet")
    tab.click("a[href='/first-admin']")
    assert "At least 12 characters" in tab.see("Become the first admin")
    assert tab.find("document.activeElement.id") == "code"

    # Too short is told by the browser itself, before anything is sent.
    for field, text in (("code", "0000-0000-0000-0000"), ("name", "ada"), ("password", "short")):
        tab.type(f"#{field}", text)
    assert tab.find("document.querySelector('#password').validity.tooShort")
    for field in ("password", "again"):
        tab.type(f"#{field}", PASSWORD)
    tab.click("button.yes")
    tab.see("That is not the code for the first admin")
    assert tab.find("document.querySelector('#name').value") == "ada"

    become_admin(tab, farm)
    assert "as ada, an admin" in tab.see("You are logged in")
    tab.click("button")
    tab.see("You are logged out")
    tab.click("a.yes")

    tab.see("Password")
    assert tab.find("document.activeElement.id") == "name"
    log_in(tab, "staple of another kind")
    tab.see("Name and password do not belong together")
    assert tab.find("document.querySelector('#name').value") == "ada"
    assert tab.find("document.activeElement.id") == "password"
    log_in(tab, name=None)
    tab.see("as ada, an admin")
    assert tab.find("document.cookie === '' && location.pathname") == "/login"


@needs_chromium
def test_own_password_is_changed_by_keyboard(tab: Tab, farm: Farm) -> None:
    become_admin(tab, farm)
    tab.click("a[href='/password']")
    tab.see("Change your password")
    assert tab.find("document.activeElement.id") == "old"
    for old, told in (("staple of another kind", "That is not your password"), (PASSWORD, "")):
        tab.type("#old", old)
        for field in ("password", "again"):
            tab.type(f"#{field}", "seven quiet otters")
        tab.press_enter()
        tab.see(told or "Your password is changed")

    tab.click("a.yes")
    tab.see("as ada, an admin")
    tab.click("button")
    tab.see("You are logged out")
    tab.click("a.yes")
    log_in(tab)
    tab.see("Name and password do not belong together")
    log_in(tab, "seven quiet otters", name=None)
    tab.see("as ada, an admin")


@needs_chromium
def test_program_is_let_in_by_a_password(tab: Tab, farm: Farm, tmp_path: Path) -> None:
    become_admin(tab, farm)
    tab.click("button")
    tab.see("You are logged out")
    laptop = environment(tmp_path / "laptop")
    login = Running("login", farm.url, "--browser", env=laptop)
    try:
        page = login.wait_for("Open  ").split()[1]
        code = login.wait_for("say yes if it shows").split()[-1]
        tab.open(farm.url + page[page.index("/api/") :])
        tab.see("A program wants to work as you")
        log_in(tab, "staple of another kind")
        tab.see("Name and password do not belong together")
        log_in(tab, name=None)

        question = tab.see("Let this program in?")
        tab.click("button.yes")
        tab.see("You can close this page")
        said = login.wait_for("logged in at")
        login.end()
    finally:
        login.kill()
    me = Running("jobs", "--url", farm.url, "--json", env=laptop)

    assert me.end() == 0
    assert code in question
    assert f"logged in at {farm.url} as ada, until 20" in said
    assert PASSWORD not in "\n".join(farm.serve.lines)


@needs_chromium
def test_no_address_leads_away_and_no_page_of_others_logs_anybody_in(tab: Tab, farm: Farm) -> None:
    become_admin(tab, farm)
    for then in ("//127.0.0.1:9/", "https://127.0.0.1:9/", "/\\127.0.0.1:9/", "/%09/127.0.0.1:9"):
        tab.click("button")
        tab.see("You are logged out")
        tab.open(f"{farm.url}/login?then={then}")
        tab.see("Password")
        log_in(tab)
        tab.see("as ada, an admin")
        assert tab.find("location.origin + location.pathname") == f"{farm.url}/login"

    tab.click("button")
    tab.see("You are logged out")
    fields = "".join(f"<input name={one}>" for one in ("name", "password"))
    form = f"<form method=post action='{escape(farm.url)}/login'>{fields}<button>Go</button></form>"
    with page_of_others(form) as url:
        tab.open(url)
        tab.type("[name=name]", "ada")
        tab.type("[name=password]", PASSWORD)
        tab.click("button")
        tab.see("does not answer web pages of others")
    tab.open(f"{farm.url}/logout")
    tab.see("You are not logged in")


@contextmanager
def page_of_others(content: str) -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@needs_chromium
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_fit_and_are_styled_in_every_look(
    tab: Tab, farm: Farm, width: int, scheme: str, tmp_path: Path
) -> None:
    tab.show_as(width, scheme)
    for path, text in (("/login", "Password"), ("/first-admin", "Become the first admin")):
        tab.open(farm.url + path)
        tab.see(text)
        tab.picture(tmp_path / f"{path[1:]}.png")
        assert tab.find("document.documentElement.scrollWidth <= innerWidth")
        # The policy lets this style through, and it heeds what the person prefers.
        card = tab.find("getComputedStyle(document.querySelector('main')).backgroundColor")
        assert card == {"light": "rgb(255, 255, 255)", "dark": "rgb(29, 33, 39)"}[scheme]
