"""`framefarm notify` with a real manager, and where the secrets of an address are seen."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from framefarm.cli.notify_options import EVENTS
from tests.integration.cli.conftest import RunCli
from tests.integration.cli.processes import PROGRAM, Running, environment
from tests.integration.notify.documented import is_from_the_farm
from tests.integration.notify.places import Hook, MailServer

SECRET = "t0p-s3cret-p4th"


class Farm:
    """A manager and a worker in processes of their own, and commands as people type them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = environment(home)
        allow = ("--notify-allow", "127.0.0.1")
        self.serve = Running("serve", "--listen", "127.0.0.1:0", *allow, env=self.env)
        self.url = self.serve.wait_for("manager ready at").split()[3].rstrip(",")
        self.worker = Running("worker", self.url, "--name", "ants", env=self.env)
        self.serve.wait_for("worker_connected")

    def type(self, *words: str, said: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            [*PROGRAM, *words],
            env=self.env | {"FRAMEFARM_URL": self.url},
            input=said,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def close(self) -> None:
        self.worker.kill()
        self.serve.kill()


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    made = Farm(tmp_path_factory.mktemp("farm"))
    yield made
    made.close()


def seen_by_others() -> list[str]:
    """What every process of this machine was started with: `ps` and /proc show it to anybody."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                found.append((process / name).read_text(errors="replace"))
            except OSError:
                continue  # it ended meanwhile
    return found


def test_secret_of_an_address_is_shown_nowhere(farm: Farm, hook: Hook, tmp_path: Path):
    address = f"{hook.url}/{SECRET}"
    file = tmp_path / "address"
    file.write_text(address + "\n")
    processes: list[str] = []
    hook.on_post = lambda: processes.extend(seen_by_others())
    hook.answers.append(500)
    said = []

    code, secret, err = farm.type("notify", "add", "team", "--all-jobs", said=f"{address}\n")
    assert (code, len(err.splitlines())) == (0, 5)
    said.append(err)
    said += farm.type("notify", "add", "other", "--address-file", str(file), "--on", "disk_low")[2]
    code, out, err = farm.type("notify", "test", "team")
    assert (code, out) == (1, "")
    assert "team was not told: it answered 500" in err
    said += [err, *farm.type("notify", "add", "bad", said=f"{address} x")[1:]]
    said += farm.type("trial", "--units", "1", "--seconds", "0")[1:]
    hook.next()
    headers, body = hook.next()
    for words in (("notify",), ("notify", "--json"), ("notify", "history", "--json")):
        said += farm.type(*words)[1:]
    farm.type("notify", "remove", "other")

    assert is_from_the_farm(secret.strip(), headers, body)
    assert json.loads(body)["title"].endswith("is done")
    assert len(processes) > 10
    kept = [path.read_bytes() for path in farm.home.rglob("*") if path.is_file()]
    for hidden in (SECRET, secret.strip()):
        assert not any(hidden in text for text in processes)
        assert not any(hidden in text for text in said)
        assert not any(hidden in line for line in farm.serve.lines)
        assert not any(hidden.encode() in content for content in kept)
    assert any("notified" in line for line in farm.serve.lines)
    [key] = farm.home.rglob("notify.key")
    assert key.stat().st_mode & 0o777 == 0o600


def test_lists_read_well_at_80_columns(farm: Farm, hook: Hook):
    hook.answers.append(410)
    every = [word for event in EVENTS for word in ("--on", event)]
    _, _, added = farm.type("notify", "add", "all", *every, "--all-jobs", said=f"{hook.url}\n")
    farm.type("notify", "add", "gone", "--on", "job_failed", said=f"{hook.url}\n")
    farm.type("notify", "test", "gone")

    _, targets, _ = farm.type("notify")
    _, told, _ = farm.type("notify", "history")

    lines = targets.splitlines()
    at = next(number for number, line in enumerate(lines) if ": gone  hook http://" in line)
    assert lines[at + 1 : at + 3] == [
        "  told of job failed",
        "  failed: it answered 410: it is gone",
    ]
    assert told.splitlines()[0].split() == ["WHEN", "WHERE", "STATE", "WHAT"]
    assert "given up" in told
    assert "\n  it answered 410: it is gone\n" in told
    assert all(len(line) <= 80 for line in (*lines, *told.splitlines(), *added.splitlines()))
    assert farm.type("notify", "change", "gone", "--on", "job_done", "--all-jobs") == (
        0,
        "gone:\n  told of job done (all jobs)\n",
        "",
    )
    assert farm.type("notify", "remove", "gone")[1] == "gone is removed\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("notify", "add"), "missing argument 'NAME'"),
        (("notify", "add", "x"), "there is no address"),
        (("notify", "add", "x", "--mail", "--address-file", "f"), "need no --address-file"),
        (("notify", "add", "x", "--address-file", "nowhere"), "cannot be read"),
        (("notify", "add", "x", "--on", "lunch"), "'lunch' is not one of"),
        (("notify", "add", "x", "--mail"), "This farm has no mail server"),
        (("notify", "test", "x"), "You have no target 'x'; see: framefarm notify"),
        (("notify", "change", "x"), "say what is to be different"),
        (("notify", "remove", "9"), "You have no target '9'"),
        (("notify", "ad"), "did you mean add?"),
        (("serve", "--notify-allow", "a b"), "--notify-allow must be hosts"),
    ],
)
def test_what_cannot_be_is_said(farm: Farm, words: tuple[str, ...], said: str):
    code, out, err = farm.type(*words)

    assert code != 0
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_mail_server_of_the_settings_file_is_used(tmp_path: Path):
    mail = MailServer()
    config = tmp_path / "config" / "framefarm"
    config.mkdir(parents=True)
    settings = f'mail_server = "{mail.url}"\nmail_from = "farm@studio.example"\n'
    (config / "config.toml").write_text(settings)
    farm = Farm(tmp_path)
    try:
        added = farm.type("notify", "add", "desk", "--to", "ada@studio.example")
        assert added == (
            0,
            "desk:\n  told of job done, job failed, job held\nTry it: framefarm notify test desk\n",
            "",
        )
        assert farm.type("notify", "test", "desk") == (0, "desk has taken it\n", "")
        told = mail.next()
    finally:
        farm.close()
        mail.close()

    assert told["Subject"] == "FrameFarm can reach you here"
    assert (told["From"], told["To"]) == ("FrameFarm <farm@studio.example>", "ada@studio.example")


def test_settings_of_mail_are_told_without_the_password(
    cli: RunCli, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FRAMEFARM_MAIL_SERVER", "smtps://me:hunter2@")
    told = cli("serve", "--listen", "127.0.0.1:0")

    assert told.code == 2
    assert "The mail server must be a mail server such as" in told.err
    assert "hunter2" not in told.err
    assert os.environ["FRAMEFARM_MAIL_SERVER"]
