from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from framefarm.cli.running import run
from tests.integration.cli.processes import Running, environment


@dataclass
class LiveFarm:
    """A manager and a worker in processes of their own."""

    url: str
    home: Path
    serve: Running
    worker: Running


@pytest.fixture(scope="module")
def live_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFarm]:
    home = tmp_path_factory.mktemp("farm")
    env = environment(home)
    serve = Running("serve", "--listen", "127.0.0.1:0", env=env)
    try:
        url = serve.wait_for("manager ready at").split()[3].rstrip(",")
        worker = Running("worker", url, "--name", "ants", env=env)
        try:
            serve.wait_for("worker_connected")
            yield LiveFarm(url, home, serve, worker)
        finally:
            worker.kill()
    finally:
        serve.kill()


@dataclass
class Told:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


RunCli = Callable[..., Told]


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RunCli:
    """Runs a command in this process, with settings and data of its own."""
    for name in [name for name in os.environ if name.startswith("FRAMEFARM")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FRAMEFARM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*words: str | Path) -> Told:
        capsys.readouterr()
        code = run([str(word) for word in words])
        told = capsys.readouterr()
        return Told(code, told.out, told.err)

    yield call  # type: ignore[misc]  # pytest takes generators for what they yield
    for number, handler in handlers.items():
        assert signal.getsignal(number) == handler
