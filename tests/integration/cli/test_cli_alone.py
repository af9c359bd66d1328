"""Commands without a manager: what they say when something is missing, and what they load."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from framefarm.cli import running
from framefarm.cli.doctor import encoders, machine
from framefarm.cli.failures import SettingsError
from framefarm.cli.settings import load_settings
from tests.integration.cli.processes import PROGRAM, environment


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused for sure
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    "words",
    [
        ("jobs",),
        ("workers",),
        ("watch", "1"),
        ("fetch", "1", "out"),
        ("logs", "1"),
        ("trial",),
        ("events",),
    ],
    ids=" ".join,
)
def test_without_a_manager_commands_say_how_to_start_one(cli, tmp_path, closed_port, words):
    told = cli(*words, "--url", f"http://127.0.0.1:{closed_port}")

    assert told.code == 2
    assert told.err == (
        f"framefarm: error: No manager answers at http://127.0.0.1:{closed_port} "
        "(connection refused); start one with: framefarm serve\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["render", "submit", "inspect"])
def test_a_file_that_is_not_there(cli, tmp_path, command):
    assert cli(command, "nope.blend").err == "framefarm: error: nope.blend does not exist\n"
    told = cli(command, tmp_path)

    assert told.code == 2
    assert "is a folder" in told.err
    assert not (tmp_path / "nope_frames").exists()


def test_inspect_refuses_what_is_no_blend(cli, tmp_path):
    (tmp_path / "a.blend").write_bytes(b"hello")
    told = cli("inspect", "a.blend")

    assert told.code == 2
    assert told.err.startswith("framefarm: error: a.blend: is not a .blend file")


def test_an_unknown_setting_stops_every_command_that_reads_settings(cli, monkeypatch):
    monkeypatch.setenv("FRAMEFARM_URLL", "x")

    for words in (["jobs"], ["serve"], ["worker"], ["doctor"], ["blender", "list"]):
        told = cli(*words)
        assert told.code == 2
        assert "did you mean FRAMEFARM_URL?" in told.err


def write_config(folder: Path, text: str) -> dict[str, str]:
    (folder / "framefarm").mkdir(parents=True)
    (folder / "framefarm" / "config.toml").write_text(text)
    return {"XDG_CONFIG_HOME": str(folder)}


def test_the_file_is_read_and_the_environment_wins(tmp_path):
    text = 'url = "http://a:1"\nslots = 3\nblenders = ["/opt/b"]\njson_logs = true\n'
    env = write_config(tmp_path, text)
    settings = load_settings({**env, "FRAMEFARM_SLOTS": "5"})

    assert (settings.url, settings.slots, settings.json_logs) == ("http://a:1", "5", True)
    assert settings.blenders == (Path("/opt/b"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slot = 3", r"slot in .*config\.toml is no setting .* did you mean slots"),
        ("slots = 0", r"slots in .*config\.toml must be slots such as 2"),
        ("url = 5", r"url in .*config\.toml must be a text"),
        ("blenders = 5", "must be a list of paths"),
        ("url = ", "is no TOML"),
    ],
)
def test_a_mistake_in_the_file_stops_the_start(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message):
        load_settings(write_config(tmp_path, text))


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings({"FRAMEFARM_CONFIG": str(tmp_path / "none.toml")})


def test_an_unexpected_error_is_one_line_and_a_log(cli, tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(running.app, "main", broken)
    told = cli("jobs")

    log = tmp_path / "home" / "errors.log"
    assert told.code == 70
    assert told.err == (
        "framefarm: error: this is a fault of FrameFarm: ZeroDivisionError: oops; "
        f"the whole story is in {log}\n"
    )
    assert "Traceback" in log.read_text()


def framefarm(tmp_path: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words],
        env=environment(tmp_path, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_folder_that_cannot_be_made_is_told_without_a_traceback(tmp_path):
    (tmp_path / "file").write_text("")
    data = str(tmp_path / "file" / "data")
    done = framefarm(tmp_path, "serve", "--data", data, "--listen", "127.0.0.1:0")

    assert done.returncode == 2
    assert done.stderr.startswith(f"framefarm: error: {tmp_path}/file")
    assert done.stderr.count("\n") == 1


LIGHT = {"framefarm", "click", "typer", "msgspec", "typing_extensions"}
"""All that a quick command may load. How quick it is then, `benchmarks/acting.py` measures."""

HEAVY = {"asyncio", "ctypes", "multiprocessing", "sqlite3"}


@pytest.mark.parametrize("words", [["--help"], ["jobs"], ["render", "--help"]], ids=" ".join)
def test_quick_commands_import_nothing_heavy(tmp_path, closed_port, words):
    script = (
        "import sys; before = set(sys.modules); "
        "from framefarm.cli.running import run; run(sys.argv[1:]); "
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        f"ours = loaded - sys.stdlib_module_names | loaded & {HEAVY!r}; "
        "print(*(name for name in ours if not name.startswith('_')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=environment(tmp_path, FRAMEFARM_URL=f"http://127.0.0.1:{closed_port}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    loaded = set(done.stdout.splitlines()[-1].split())
    assert "framefarm" in loaded
    assert loaded <= LIGHT


def test_bash_completes_commands_options_and_values(tmp_path):
    def completed(line: str, word: int) -> list[str]:
        done = framefarm(
            tmp_path,
            _FRAMEFARM_COMPLETE="bash_complete",
            COMP_WORDS=line,
            COMP_CWORD=str(word),
        )
        return [entry.partition(",")[2] for entry in done.stdout.splitlines()]

    assert completed("framefarm re", 1) == ["render", "resume", "retry"]
    assert completed("framefarm render --res", 2) == ["--resolution"]
    assert completed("framefarm render --movie m", 3) == ["mp4", "mkv", "mov"]
    assert completed("framefarm blender in", 2) == ["install"]


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    process = subprocess.Popen(
        [*PROGRAM, "completion", "bash"],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=30)

    assert err == b""


def test_blender_list_as_json(cli):
    told = cli("blender", "list", "--json")

    assert told.code == 0
    assert all(set(row) == {"version", "full", "kind", "path"} for row in json.loads(told.out))


def test_the_doctor_knows_who_holds_the_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        taken.listen()
        taken.settimeout(5)
        finding = machine.check_port(url, "127.0.0.1", port)

    assert not finding.ok
    assert f"{port} is used by" in finding.text
    assert finding.mend == f"framefarm serve --listen 127.0.0.1:{port + 1}"


def test_the_doctor_finds_a_full_disk(tmp_path, monkeypatch):
    assert machine.check_disk(tmp_path / "not" / "there").ok
    monkeypatch.setattr(machine, "_LEAST_FREE_BYTES", 1 << 60)

    assert "make room" in machine.check_disk(tmp_path).mend


def test_the_doctor_names_the_packages_of_missing_libraries(monkeypatch):
    monkeypatch.setattr(machine, "LIBRARIES", {"libnone.so.7": "libnone7"})
    finding = machine.check_libraries()

    if sys.platform == "linux":
        assert not finding.ok
        assert "libnone" in finding.mend


def test_the_doctor_really_encodes():
    findings = list(encoders.check_encoders())

    assert all(finding.ok for finding in findings)
    assert "h264, h265" in findings[-1].text
