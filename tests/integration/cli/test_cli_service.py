"""`framefarm worker --install-service`: a unit that systemd takes, without a secret in it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from framefarm.agent.identity import Identities, Identity, IdentityFile
from framefarm.cli import service
from framefarm.cli.service import Service, unit_text
from tests.integration.cli.conftest import RunCli

KEY = "0123456789-the-key-of-this-worker"


@pytest.fixture
def joined(tmp_path: Path) -> Path:
    """The data folder of a worker that has joined a manager."""
    folder = tmp_path / "home" / "worker"
    folder.mkdir(parents=True)
    IdentityFile(folder).save(Identities((Identity("w1", KEY, url="http://box:7070"),)))
    return folder


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for unit files, instead of the system's."""
    folder = tmp_path / "units"
    own = Service(folder, "default.target")
    monkeypatch.setattr(service, "service_of", lambda _: own)
    return folder


def test_the_unit_has_the_options_typed_and_no_secret(cli: RunCli, joined: Path, units: Path):
    told = cli("worker", "http://box:7070", "--name", "a b", "--nice", "5", "--install-service")
    unit = (units / "framefarm-worker.service").read_text()
    [line] = [line for line in unit.splitlines() if line.startswith("ExecStart=")]

    assert told.code == 0, told.err
    assert shlex.split(line.removeprefix("ExecStart=")) == [
        *(sys.executable, "-m", "framefarm.cli", "worker", "http://box:7070"),
        *("--name", "a b", "--nice", "5", "--data", str(joined)),
    ]
    assert "systemctl --user enable --now framefarm-worker" in told.out
    assert max(map(len, told.out.splitlines()[1:])) <= 80
    assert KEY not in unit + told.out
    assert "RestartPreventExitStatus=2" in unit


@pytest.mark.usefixtures("joined")
def test_a_blender_out_of_memory_does_not_stop_the_worker(cli: RunCli, units: Path):
    cli("worker", "--install-service")
    lines = (units / "framefarm-worker.service").read_text().splitlines()

    # Its default, `stop`, ends the whole service when the system kills any process of it.
    assert "OOMPolicy=continue" in lines
    assert "NoNewPrivileges=yes" in lines


@pytest.mark.usefixtures("joined")
def test_a_join_token_is_not_written_into_the_unit(cli: RunCli, units: Path):
    told = cli("worker", "--join", "k7mq-2xw9-p4rt-8n3h", "--install-service")

    assert told.code == 0, told.err
    assert "k7mq" not in (units / "framefarm-worker.service").read_text() + told.out


def test_a_worker_that_has_joined_nothing_is_told_to_join_first(cli: RunCli, units: Path):
    told = cli("worker", "--install-service")

    assert told.code == 2
    assert "join once by hand" in told.err
    assert not units.exists()


@pytest.mark.usefixtures("joined")
def test_it_is_removed_with_what_enable_made(cli: RunCli, units: Path):
    cli("worker", "--install-service")
    wants = units / "default.target.wants"
    wants.mkdir()
    (wants / "framefarm-worker.service").symlink_to(units / "framefarm-worker.service")

    removed = cli("worker", "--uninstall-service")
    again = cli("worker", "--uninstall-service")

    assert removed.code == 0
    assert "systemctl --user stop framefarm-worker" in removed.out
    assert list(units.iterdir()) == [wants]
    assert list(wants.iterdir()) == []
    assert again.code == 2
    assert "there is no" in again.err


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("user", ["", "daemon"])
def test_systemd_finds_no_fault(tmp_path: Path, user: str):
    place = Service(tmp_path, "multi-user.target", user, system=True)
    words = ["--name", 'a "b" 100% $HOME \\ ü', "--hours", "19:00-07:00"]
    environment = {"FRAMEFARM_HOME": str(tmp_path / "with space"), "FRAMEFARM_JOIN": "secret"}
    service.install(place, unit_text(place, words, tmp_path / "da ta", environment))

    command = ["systemd-analyze", "verify", "--man=no", str(place.path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    ours = [line for line in checked.stderr.splitlines() if "framefarm" in line]
    assert ours == []
    unit = place.path.read_text()
    assert ('"a \\"b\\" 100%% $$HOME \\\\ ü"') in unit
    assert "secret" not in unit
    assert (f"User={user}" in unit) is bool(user)


def test_who_asks_decides_whose_service_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service.os, "geteuid", lambda: 1000)
    own = service.service_of(tmp_path, {"XDG_CONFIG_HOME": "/home/ada/.config"})
    monkeypatch.setattr(service.os, "geteuid", lambda: 0)
    systems = service.service_of(tmp_path, {})

    assert own.path == Path("/home/ada/.config/systemd/user/framefarm-worker.service")
    assert own.target == "default.target"
    assert systems.path == Path("/etc/systemd/system/framefarm-worker.service")
    assert systems.target == "multi-user.target"


def test_other_systems_are_told_where_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service.sys, "platform", "darwin")

    with pytest.raises(service.UsageFailure, match="windows-and-macos-workers"):
        service.service_of(tmp_path)
