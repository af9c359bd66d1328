"""Two machines as people join them: the line that one prints is typed on the other."""

from __future__ import annotations

import os
import re
import signal
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from framefarm.blender.installations import find_blenders
from tests.integration.cli.conftest import RunCli, Told
from tests.integration.cli.processes import Running, environment
from tests.integration.other_machine import OtherMachine, other_machine

LINE = re.compile(r"^  framefarm worker (\S+) --join (\S+)$")
SECRET = re.compile(r"[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}")


@dataclass
class Lan:
    """A manager for others, and a second machine."""

    serve: Running
    elsewhere: OtherMachine
    home: Path
    token: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.elsewhere.here}:{self.port}"

    def env(self, machine: str) -> dict[str, str]:
        return environment(self.home / machine)

    def worker(self, *words: str, machine: str, said: str | None = None, **more: str) -> Running:
        env: Mapping[str, str] = {**self.env(machine), **more}
        within = self.elsewhere.command()
        return Running("worker", *words, env=env, within=within, said=said)

    def ask(self, *words: str) -> Told:
        """A command on the manager's machine."""
        run = Running(*words, env=self.env("manager"))
        code = run.end()
        return Told(code, "\n".join(run.lines), "")

    def invite(self, *words: str) -> str:
        told = self.ask("workers", "invite", *words).out
        return next(found[2] for line in told.splitlines() if (found := LINE.match(line)))


def _over(*names: str) -> pytest.MarkDecorator:
    kinds = [name == "https" for name in names]
    return pytest.mark.parametrize("lan", kinds, ids=names, indirect=True, scope="module")


over_http = _over("http")
over_both = _over("http", "https")


@pytest.fixture(scope="module")
def lan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    home = tmp_path_factory.mktemp("lan")
    words = ["--tls"] if request.param else []
    with other_machine() as elsewhere:
        serve = Running(
            "serve", "--lan", "--listen", ":0", *words, env=environment(home / "manager")
        )
        try:
            serve.wait_for("needs no token")
            [(url, token)] = [found.groups() for line in serve.lines if (found := LINE.match(line))]
            port = int(url.rpartition(":")[2])
            yield Lan(serve, elsewhere, home, token, port, tls=request.param)
        finally:
            serve.kill()


@over_both
def test_the_manager_prints_what_to_type(lan: Lan):
    said = lan.serve.lines
    at = next(number for number, line in enumerate(said) if LINE.match(line))

    assert said[at - 2] == "On the other machine, type:"
    assert said[at + 2].startswith("Good for one worker, until ")
    # Not all of them, where a machine has many: tests beside this one add some for a while.
    shown = [httpx.URL(url) for line in said for url in re.findall(r"https?://[^\s,]+", line)]
    ours = {one.address for some in psutil.net_if_addrs().values() for one in some}
    assert {url.scheme for url in shown if url.host != "127.0.0.1"} == {lan.url.partition(":")[0]}
    assert {url.port for url in shown} == {lan.port}
    assert {url.host for url in shown} <= ours
    assert not any("0.0.0.0" in line for line in said)  # noqa: S104
    # How long the first line is, the folder decides.
    told = [line for line in said if not line.startswith(("timestamp=", "manager ready"))]
    assert all(len(line) <= 80 for line in told if not (lan.tls and LINE.match(line)))


@over_both
def test_the_line_joins_a_worker_and_neither_token_nor_key_shows_anywhere(lan: Lan):
    worker = lan.worker(lan.url, "--join", lan.token, machine="laptop", MARK="laptop-1")
    try:
        worker.wait_for("event=connected")
        done = lan.ask("trial", "--units", "1-5", "--seconds", "0.01", "--image-bytes", "5000")
        identity = lan.home / "laptop" / "worker" / "identity.json"
        content = identity.read_text()
        [key] = re.findall(r'"key":"([^"]+)"', content)
        secrets = (key, lan.token.partition(".")[0])
        _await_blender(worker.pid)
        seen = list(_of_processes("MARK=laptop-1", worker.pid))
    finally:
        code = worker.stop(signal.SIGTERM)

    assert done.code == 0, done.out
    assert "units: 5 of 5" in done.out
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert len(key) == 43  # 256 bits
    # The worker and its Blender, command line and environment of each.
    assert len(seen) >= 4
    said = "\n".join(worker.lines + lan.serve.lines[-200:])
    for secret in secrets:
        assert not any(secret in text for text in seen)
    assert key not in said
    assert secrets[1] not in "\n".join(worker.lines)
    assert code == 0
    stored = b"".join(
        path.read_bytes() for path in (lan.home / "manager" / "manager").glob("farm.db*")
    )
    assert all(secret.encode() not in stored for secret in secrets)


def _await_blender(pid: int) -> None:
    if not find_blenders():
        pytest.skip("no Blender is installed, whose process could be looked at")
    deadline = time.monotonic() + 60
    while not psutil.Process(pid).children(recursive=True):
        assert time.monotonic() < deadline, "no Blender was started"
        time.sleep(0.05)


def _of_processes(mark: str, pid: int) -> Iterator[str]:
    """Command line and environment of a process and all below it, as the system shows them."""
    top = psutil.Process(pid)
    for process in (top, *top.children(recursive=True)):
        for name in ("cmdline", "environ"):
            yield Path(f"/proc/{process.pid}/{name}").read_bytes().decode(errors="replace")
    assert mark in Path(f"/proc/{pid}/environ").read_text()


@over_http
def test_the_same_line_again_on_a_third_machine_is_refused_with_what_to_do(lan: Lan):
    spent = lan.worker(lan.url, "--join", lan.token, machine="third")

    assert spent.end() == 2
    assert spent.lines[-1] == (
        "framefarm: error: This join token is used up. "
        "`framefarm workers invite` on the manager's machine makes a new one."
    )


@over_both
def test_a_worker_that_has_joined_needs_neither_token_nor_address(lan: Lan):
    back = lan.worker(machine="laptop")
    try:
        assert "joined before" in back.wait_for("manager: ")
        back.wait_for("event=connected")
    finally:
        back.stop(signal.SIGTERM)


@over_http
def test_a_worker_on_the_network_finds_the_manager_and_says_which(lan: Lan):
    token = lan.invite()
    found = lan.worker("--join", token, machine="finder")
    try:
        said = found.wait_for("manager: ")
        found.wait_for("event=connected")
    finally:
        found.stop(signal.SIGTERM)

    assert re.match(rf"manager: http://[0-9.]+:{lan.port} \(found on the network: FrameFarm ", said)


@over_http
@pytest.mark.parametrize("way", ["input", "environment"])
def test_a_token_need_not_be_typed(lan: Lan, way: str):
    token = lan.invite("--pool", "friends", "--uses", "2")
    machine = f"by-{way}"
    if way == "input":
        worker = lan.worker(lan.url, "--join", "-", machine=machine, said=f"{token}\n")
    else:
        worker = lan.worker(lan.url, machine=machine, FRAMEFARM_JOIN=token, MARK="by-env")
    try:
        worker.wait_for("event=connected")
        secret = token.partition(".")[0]
        environ = Path(f"/proc/{worker.pid}/environ").read_text()
        assert secret not in environ
        assert secret not in Path(f"/proc/{worker.pid}/cmdline").read_text()
    finally:
        worker.stop(signal.SIGTERM)


@over_both
def test_a_stranger_without_a_token_gets_nowhere_and_is_told_what_to_do(lan: Lan):
    stranger = lan.worker(lan.url, machine="stranger")
    try:
        if lan.tls:
            # It does not even know whom to trust, so it says nothing.
            assert "join with the token" in stranger.wait_for("no connection")
        else:
            assert stranger.end() == 2
            assert "only with a join token" in stranger.lines[-1]
    finally:
        stranger.kill()


@over_http
def test_a_revoked_worker_ends_and_says_why(lan: Lan):
    worker = lan.worker(lan.url, "--join", lan.invite(), "--name", "out", machine="revoked")
    try:
        worker.wait_for("event=connected")
        told = lan.ask("workers", "revoke", "out")
        code = worker.end()
    finally:
        worker.kill()
    again = lan.worker(lan.url, machine="revoked")

    assert (told.code, told.out) == (0, "worker out is revoked")
    assert code == 2
    assert worker.lines[-1].startswith("framefarm: error: This worker was revoked")
    assert again.end() == 2
    assert "was revoked" in again.lines[-1]


@over_http
def test_commands_from_the_other_machine_are_refused_with_what_to_do(lan: Lan):
    asking = Running(
        "jobs", "--url", lan.url, env=lan.env("laptop"), within=lan.elsewhere.command()
    )

    assert asking.end() == 2
    assert "Only the manager's own machine may do that" in asking.lines[-1]


@over_both
def test_zz_the_certificate_is_the_same_at_the_next_start(lan: Lan):
    """The last test of this module: it stops what the others use."""
    before = lan.token.partition(".")[2]
    lan.serve.stop(signal.SIGINT)
    again = Running(
        *("serve", "--listen", f"{lan.elsewhere.here}:{lan.port}"),
        *(["--tls"] if lan.tls else []),
        env=lan.env("manager"),
    )
    try:
        again.wait_for("needs no token")
        [line] = [found for one in again.lines if (found := LINE.match(one))]
        back = lan.worker(machine="laptop")
        try:
            back.wait_for("event=connected")
        finally:
            back.stop(signal.SIGTERM)
        listed = lan.ask("workers").out
    finally:
        again.kill()

    assert line[1] == lan.url
    assert line[2].partition(".")[2] == before
    assert bool(before) is lan.tls
    assert SECRET.fullmatch(line[2].partition(".")[0])
    assert os.name == "posix"
    assert "WORKER" in listed


def test_a_manager_for_its_own_machine_says_how_to_let_others_in(cli: RunCli, tmp_path: Path):
    serve = Running("serve", "--listen", "127.0.0.1:0", env=environment(tmp_path))
    try:
        assert serve.wait_for("on this machine with").endswith(": framefarm worker")
        serve.wait_for("framefarm serve --lan")
    finally:
        serve.kill()
    lonely = cli("serve", "--tls-cert", "x.pem")

    assert lonely.code == 2
    assert "come together" in lonely.err


def test_a_manager_with_a_folder_of_its_own_says_how_commands_find_it(tmp_path: Path):
    folder = tmp_path / "the farm"
    env = environment(tmp_path)
    serve = Running("serve", "--listen", "127.0.0.1:0", "--data", str(folder), env=env)
    try:
        told = serve.wait_for("on this machine with")
    finally:
        serve.kill()

    assert told.endswith(f": FRAMEFARM_DATA='{folder}' framefarm worker")
