"""Help texts at 80 columns, and what a wrong command line is told."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from framefarm.cli.app import PLACES, app
from framefarm.cli.commands.notify import group as notify
from framefarm.cli.commands.pools import group as pools
from framefarm.cli.commands.projects import group as projects
from framefarm.cli.commands.sequences import group as sequences
from framefarm.cli.commands.session import group as session
from framefarm.cli.commands.shot import group as shot
from framefarm.cli.commands.uploads import group as uploads
from framefarm.cli.commands.users import group as users
from framefarm.cli.commands.workers import group as workers
from framefarm.cli.running import run

COMMANDS = [
    [],
    *([name] for name in PLACES),
    ["blender", "list"],
    ["blender", "install"],
    *(["projects", name] for name in projects.PLACES),
    *(["sequences", name] for name in sequences.PLACES),
    *(["shot", name] for name in shot.PLACES),
    *(["workers", name] for name in workers.PLACES),
    *(["notify", name] for name in notify.PLACES),
    *(["pools", name] for name in pools.PLACES),
    *(["session", name] for name in session.PLACES),
    *(["uploads", name] for name in uploads.PLACES),
    *(["users", name] for name in users.PLACES),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_fits_80_columns_and_says_something(words):
    result = CliRunner().invoke(app, [*words, "--help"], terminal_width=80)

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert "\\" not in result.output
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Usage: ")
    assert len(lines) > 5


def test_each_command_says_the_same_of_itself_as_the_list_does():
    runner = CliRunner()
    with runner.isolation():
        context = app.make_context("framefarm", ["jobs"], resilient_parsing=True)
        for name, place in PLACES.items():
            command = app.get_command(context, name)
            assert command is not None
            assert command.get_short_help_str(200) == place.help


def test_every_option_has_a_help_text():
    context = app.make_context("framefarm", ["jobs"], resilient_parsing=True)
    for name in PLACES:
        command = app.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert getattr(parameter, "help", None), (name, parameter.name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rendr"], "there is no command 'rendr'; did you mean render?"),
        (["zzz"], "there is no command 'zzz'; see: framefarm --help"),
        (["--zzz"], "no such option '--zzz'; see: framefarm --help"),
        (["render"], "missing argument 'FILE.blend'; see: framefarm render --help"),
        (["jobs", "--limit", "0"], "invalid value for '--limit': 0 is not in the range"),
        (["watch", "x"], "invalid value for 'JOB': 'x' is no job's number; see: framefarm jobs"),
        (["watch", "0"], "'0' is no job's number"),
        (["render", "f", "--frames", "5-1"], 'Frames "5-1": "5-1" at character 1: the span runs'),
        (["render", "f", "--frames", "1,,2"], 'Frames "1,,2"'),
        (["render", "f", "--frames", "1-1000000000"], 'Frames "1-1000000000"'),
        (["render", "f", "--frames", "1x0"], 'Frames "1x0"'),
        (["render", "f", "--frames", "a"], 'Frames "a"'),
        (["render", "f", "--frames", ""], "No frames are given"),
        (["render", "f", "--format", "mp4"], '"mp4" is a movie, not a still format'),
        (["render", "f", "--resolution", "big"], 'Resolution "big" is no size'),
        (["render", "f", "--samples", "0"], "invalid value for '--samples'"),
        (["render", "f", "--movie", "avi"], "invalid value for '--movie': 'avi' is not one of"),
        (["render", "f", "--order", "random"], "invalid value for '--order'"),
        (["render", "f", "--blender", "new"], "'new' is no Blender version"),
        (["submit", "f", "--priority", "101"], "invalid value for '--priority'"),
        (["trial", "--units", "9-1"], 'Frames "9-1"'),
        (["fetch", "1"], "missing argument 'DIR'"),
        (["completion", "dos"], "'dos' is not one of"),
        (["completion"], "Choose from: bash, zsh, fish; see: framefarm completion --help"),
        (["render", "f", "--engine", "octane"], "no engine 'octane' of its own; there are: cycles"),
        (["session", "ask", "1", "0"], "invalid value for 'N': 0 is not in the range"),
        (["session", "ask", "1"], "missing argument 'N'"),
        (["session", "release", "1"], "say which workers: by name, or with --all"),
        (["session", "release", "1", "ants", "--all"], "say which workers: by name, or with --all"),
        (["priority", "1", "high"], "invalid value for 'PRIORITY': 'high' is no whole number"),
        (["users", "token", "a", "--days", "x"], "invalid value for '--days': 'x' is no number"),
        (["worker", "--install-service", "--uninstall-service"], "exclude each other"),
        (["worker", "--data", __file__], "is a file"),
        (["inspect", ""], "invalid value for 'FILE.blend': it is empty"),
        (["backup", ""], "invalid value for 'FOLDER': it is empty"),
        (["fetch", "1", ""], "invalid value for 'DIR': it is empty"),
        (["render", "f", "--output", ""], "invalid value for '--output': it is empty"),
        (["workers", "tag", "", "ants"], "'' is no tag"),
        (["workers", "untag", "two words", "ants"], "'two words' is no tag"),
        (["workers", "--tag", "-fast"], "'-fast' is no tag"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_command_line_gets_one_line_and_status_2(words, message, capsys):
    assert run(words) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("framefarm: error: ")
    assert message in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "default"), [("add", "the first three"), ("change", "as before")]
)
def test_help_says_what_is_told_where_no_event_is_chosen(command, default):
    told = CliRunner().invoke(app, ["notify", command, "--help"], terminal_width=80).output

    assert f"Default: {default}." in " ".join(told.split())


def test_framefarm_alone_shows_its_help(capsys):
    assert run([]) == 2
    assert "framefarm render shot.blend" in capsys.readouterr().err


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("framefarm 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion_script(shell, capsys):
    assert run(["completion", shell]) == 0
    assert "_FRAMEFARM_COMPLETE" in capsys.readouterr().out


def test_each_shell_has_a_line_of_its_own_in_the_help_of_completion():
    told = CliRunner().invoke(app, ["completion", "--help"], terminal_width=80).output

    assert "  zsh:   framefarm completion zsh >> ~/.zshrc\n" in told


@pytest.mark.parametrize("grouped", [False, True])
def test_a_package_that_a_newer_checkout_needs_is_named_with_what_to_do(
    grouped, monkeypatch, capsys
):
    lacking = ModuleNotFoundError("No module named 'far.away'", name="far.away")

    def broken(*_: object, **__: object) -> None:
        raise ExceptionGroup("beside", [lacking]) if grouped else lacking

    monkeypatch.setattr(app, "main", broken)

    assert run(["serve"]) == 2
    assert capsys.readouterr().err == (
        "framefarm: error: the package far is missing; set FrameFarm up again: make setup\n"
    )
