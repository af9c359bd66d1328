"""`framefarm login --browser`: the command waits while a person says yes in a real browser."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from tests.browser.chromium import chromium, needs_chromium
from tests.integration.api.openid_provider import CLIENT, SECRET, openid_provider
from tests.integration.cli.processes import Running, environment


@needs_chromium
def test_the_command_line_is_let_in_from_a_browser(tmp_path: Path) -> None:
    with openid_provider() as provider, chromium(tmp_path / "profile") as tab:
        provider.person = {"preferred_username": "ada"}
        openid = {
            "FRAMEFARM_OPENID_ISSUER": provider.url,
            "FRAMEFARM_OPENID_CLIENT_ID": CLIENT,
            "FRAMEFARM_OPENID_CLIENT_SECRET": SECRET,
            "FRAMEFARM_OPENID_NEW_USERS": "artist",
        }
        serve = Running(
            *("serve", "--listen", "127.0.0.1:0"), env=environment(tmp_path / "manager") | openid
        )
        try:
            url = serve.wait_for("manager ready at").split()[3].rstrip(",")
            laptop = environment(tmp_path / "laptop")
            login = Running("login", url, "--browser", env=laptop)
            tab.open(login.wait_for("Open  ").split()[1])
            code = login.wait_for("say yes if it shows").split()[-1]

            tab.see("A program wants to work as you")
            tab.click("a.button")
            question = tab.see("Let this program in?")
            tab.picture(tmp_path / "question.png")
            tab.click("button.yes")
            tab.see("You can close this page")

            said = login.wait_for("logged in at")
            login.end()
            me = Running("jobs", "--url", url, "--json", env=laptop)
            code_of_jobs = me.end()
        finally:
            serve.kill()

    assert code in question
    assert "framefarm login on" in question
    assert f"logged in at {url} as ada, until 20" in said
    assert code_of_jobs == 0
    kept = next((tmp_path / "laptop").rglob("logins.json"))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    token = json.loads(kept.read_text())[url]["token"]
    assert token not in "\n".join(serve.lines + login.lines)


def test_browser_and_a_name_exclude_each_other(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    both = Running("login", url, "--browser", "--user", "ada", env=environment(tmp_path))

    assert both.end() != 0
    assert "exclude each other" in " ".join(both.lines)
