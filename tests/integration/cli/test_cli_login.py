"""`framefarm login` and `logout`, `users password` and `logins`, and becoming the first admin."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import LiveFarm, RunCli, Told
from tests.integration.cli.processes import PROGRAM, Running, environment
from tests.integration.other_machine import OtherMachine, other_machine

PASSWORD = "correct horse battery"
OTHER = "staple of another kind"
CODE = re.compile(r"^  ([0-9a-hjkmnp-tv-z]{4}(?:-[0-9a-hjkmnp-tv-z]{4}){3}(?:\.\S{43})?)$")

Typed = Callable[..., Told]


@pytest.fixture
def typed(cli: RunCli, live_farm: LiveFarm, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs a command that is told lines on its standard input."""
    monkeypatch.setenv("FRAMEFARM_URL", live_farm.url)

    def call(*words: str, said: str = "") -> Told:
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        return cli(*words)

    return call


def test_person_logs_in_works_and_logs_out(typed: Typed, live_farm: LiveFarm, tmp_path: Path):
    added = typed("users", "add", "ada", "--password", said=f"{PASSWORD}\n")
    assert added.out == "ada is an artist; on their machine: framefarm login URL\n"

    told = typed("login", live_farm.url, "--user", "ada", said=f"{PASSWORD}\n")

    kept = tmp_path / "home" / "logins.json"
    assert told.code == 0, told.err
    assert told.out.startswith(f"logged in at {live_farm.url} as ada, until 20")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    token = json.loads(kept.read_text())[live_farm.url]["token"]
    assert token not in told.out + told.err
    assert PASSWORD not in kept.read_text()
    assert "ada is an artist here" in typed("users").err
    trial = typed("trial", "--units", "1", "--seconds", "0", "--json")
    assert trial.code == 0, trial.err
    assert json.loads(typed("jobs", "--json").out)[0]["owner"] == "ada"

    assert typed("logout").out == f"logged out at {live_farm.url}\n"

    assert json.loads(kept.read_text()) == {}
    assert typed("logout").out == f"not logged in at {live_farm.url}\n"
    users = json.loads(typed("users", "--json").out)
    assert [user["tokens"] for user in users if user["name"] == "ada"] == [[]]
    assert typed("users", "remove", "ada").code == 0


def test_passwords_are_set_and_changed(typed: Typed, live_farm: LiveFarm):
    typed("users", "add", "bob")
    assert "Name and password" in _log_in(typed, "bob", PASSWORD).err

    given = typed("users", "password", "bob", said=f"{PASSWORD}\n")

    assert given.out == "bob has a new password, and is logged out everywhere\n"
    assert _log_in(typed, "bob", PASSWORD).code == 0
    wrong = typed("users", "password", said=f"{OTHER}\n{OTHER}\n")
    assert (wrong.code, "Name and password" in wrong.err) == (2, True)
    short = typed("users", "password", said=f"{PASSWORD}\nshort\n")
    assert "at least 12" in short.err
    changed = typed("users", "password", said=f"{PASSWORD}\n{OTHER}\n")
    assert changed.out == "your password is changed, and all other logins are ended\n"
    assert typed("jobs").code == 0
    assert typed("users", "logins").out == "Logged in with no browser.\n"
    assert typed("logout", "--everywhere").code == 0
    assert typed("users", "logins", "bob", "--end").out == "bob: logged out everywhere\n"
    assert json.loads(typed("users", "logins", "bob", "--json").out) == []
    typed("users", "remove", "bob")
    del live_farm


def _log_in(typed: Typed, name: str, password: str) -> Told:
    return typed("login", "--user", name, said=f"{password}\n")


@pytest.mark.parametrize(
    ("words", "said", "error"),
    [
        (("login", "--user", "x"), "", "Password: none came"),
        (("login",), PASSWORD, "say it with --user NAME"),
        (("login", "--user", "x", "--days", "0"), PASSWORD, "--days"),
        (("login", "--user", "x", "--first"), "nonsense\n", "that is no code for a first admin"),
        (("login", "--user", "x", "--fingerprint", "zz"), PASSWORD, "incomplete or damaged"),
        (("login", "ftp://nowhere", "--user", "x"), PASSWORD, "no manager's address"),
        (("login", "http://127.0.0.1:9", "--user", "x"), "", "No manager answers"),
        (("login", "http://127.0.0.1:9"), "", "No manager answers"),
        (("users", "password"), "", "name a user: framefarm users password NAME"),
        (("users", "logins"), "", "name a user: framefarm users logins NAME"),
        (("users", "password", "nobody"), PASSWORD, "There is no user 'nobody'"),
        (("users", "logins", "nobody"), "", "There is no user 'nobody'"),
        (("users", "logins", "x", "--end", "--json"), "", "exclude each other"),
        (("users", "add", "x", "--password"), "short\n", "at least 12"),
        (("users", "token", "x", "--read-only", "--submit-only"), "", "exclude each other"),
    ],
)
def test_what_cannot_be_is_said(typed: Typed, words: tuple[str, ...], said: str, error: str):
    told = typed(*words, said=said)

    assert told.code != 0
    assert error in told.err
    assert "Traceback" not in told.err


def test_token_of_one_manager_is_shown_to_no_other(typed: Typed, live_farm: LiveFarm):
    typed("users", "add", "cyd", "--password", said=f"{PASSWORD}\n")
    assert _log_in(typed, "cyd", PASSWORD).code == 0

    # The same manager under another name, where nobody has logged in.
    other = live_farm.url.replace("127.0.0.1", "localhost")

    assert typed("users", "--url", other).code == 0
    assert "does not go so far" in typed("users").err
    typed("logout")
    typed("users", "remove", "cyd")


def test_damaged_file_of_logins_is_named(typed: Typed, tmp_path: Path):
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "logins.json").write_text("{")

    told = typed("jobs")

    assert told.code == 2
    assert "logins.json is damaged; remove it and log in again" in told.err


def test_password_is_typed_unseen(live_farm: LiveFarm, tmp_path: Path):
    env = environment(tmp_path, FRAMEFARM_URL=live_farm.url)
    subprocess.run([*PROGRAM, "users", "add", "dee"], env=env, check=True, capture_output=True)

    screen = _type(
        ["users", "password", "dee"],
        [("New password of dee", PASSWORD), ("once more", PASSWORD)],
        env,
    )
    assert "dee has a new password" in screen
    assert PASSWORD not in screen
    differing = _type(
        ["users", "password", "dee"], [("New password of dee", OTHER), ("once more", "x")], env
    )
    assert "the two are not the same; nothing was changed" in differing
    screen = _type(["login"], [("Name", "dee"), ("Password", PASSWORD)], env)

    assert f"logged in at {live_farm.url} as dee" in " ".join(screen.split())
    assert PASSWORD not in screen
    subprocess.run([*PROGRAM, "users", "--json"], env=env, check=False, capture_output=True)


def _type(words: list[str], lines: list[tuple[str, str]], env: dict[str, str]) -> str:
    """Run a command in a terminal, and type each line when it is asked for; what is to be seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(PROGRAM[0], [*PROGRAM, *words], env)  # noqa: S606  a terminal of its own
    screen = ""
    waiting = list(lines)
    with os.fdopen(terminal, "r+b", buffering=0) as opened:
        while True:
            try:
                piece = opened.read(1024)
            except OSError:
                break
            if not piece:
                break
            screen += piece.decode()
            if waiting and re.search(f"{re.escape(waiting[0][0])}[^\n]*: ?$", screen):
                opened.write(waiting.pop(0)[1].encode() + b"\n")
    os.waitpid(pid, 0)
    assert not waiting, screen
    return screen


# --- the first admin ----------------------------------------------------------------------------


@pytest.fixture(params=[(), ("--tls",)], ids=["plain", "tls"])
def first(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Running, OtherMachine, str]]:
    """A manager that others reach, the other machine, and the address there."""
    with other_machine() as elsewhere:
        # Not --lan: announced, it would be found by the worker that another test process has look
        # for the one manager of its own.
        words = ("serve", "--listen", "0.0.0.0:0", *request.param)
        serve = Running(*words, env=environment(tmp_path / "manager"))
        try:
            url = serve.wait_for("manager ready at").split()[3].rstrip(",")
            serve.wait_for("users add NAME")
            yield serve, elsewhere, url.replace("127.0.0.1", elsewhere.here)
        finally:
            serve.kill()


def test_who_reads_the_console_becomes_the_first_admin(
    first: tuple[Running, OtherMachine, str], tmp_path: Path
):
    serve, elsewhere, url = first
    codes = [found[1] for line in serve.lines if (found := CODE.match(line))]
    [code] = codes
    env = environment(tmp_path / "laptop")

    def ask(*words: str, said: str = "") -> Told:
        run = Running(*words, env=env, within=elsewhere.command(), said=said)
        return Told(run.end(), "\n".join(run.lines), "")

    told = ask("login", url, "--first", "--user", "root", said=f"{code}\n{PASSWORD}\n")
    again = ask("login", url, "--first", "--user", "eve", said=f"{code}\n{PASSWORD}\n")
    users = ask("users", "--json")

    assert told.code == 0, told.out
    assert f"logged in at {url} as root" in " ".join(told.out.split())
    assert again.code == 2
    assert "was used or has ended" in " ".join(again.out.split())
    # Where one logged in last is asked without saying so, by a certificate that is known now.
    assert [user["name"] for user in json.loads(users.out)] == ["root"]
    assert code.partition(".")[0] not in "".join(
        line for line in serve.lines if not CODE.match(line)
    )
    assert PASSWORD not in "".join(serve.lines)
    assert ask("logout", url).out == f"logged out at {url}"
