"""Settings from the environment; those from a file are in tests/integration/cli."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framefarm.cli.addresses import parse_listen
from framefarm.cli.failures import SettingsError, UsageFailure
from framefarm.cli.openid_settings import openid_settings
from framefarm.cli.settings import config_file, default_home, load_settings
from framefarm.core.accounts import UserRole

NO_FILE = {"XDG_CONFIG_HOME": "/nonexistent"}


def test_defaults():
    settings = load_settings(NO_FILE)

    assert settings.url is None
    assert settings.listen == "127.0.0.1:7070"
    assert settings.slots == "1"


def test_the_command_line_wins_over_the_environment():
    environment = {**NO_FILE, "FRAMEFARM_URL": "http://a:1", "FRAMEFARM_SLOTS": "3"}

    assert load_settings(environment).url == "http://a:1"
    assert load_settings(environment, url="http://b:2", slots=None).url == "http://b:2"
    assert load_settings(environment, url="http://b:2", slots=None).slots == "3"


def test_an_unknown_variable_stops_the_start_and_names_itself():
    with pytest.raises(SettingsError, match=r"FRAMEFARM_URLL .* did you mean FRAMEFARM_URL\?"):
        load_settings({**NO_FILE, "FRAMEFARM_URLL": "x"})
    with pytest.raises(SettingsError, match=r"FRAMEFARM_ZZZ .* there are: url"):
        load_settings({**NO_FILE, "FRAMEFARM_ZZZ": "x"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FRAMEFARM_URL", " "),
        ("FRAMEFARM_SLOTS", "0"),
        ("FRAMEFARM_SLOTS", "many"),
        ("FRAMEFARM_SLOTS", "gpu"),
        ("FRAMEFARM_THREADS", "100000"),
        ("FRAMEFARM_CORES", "0"),
        ("FRAMEFARM_MEMORY", "8"),
        ("FRAMEFARM_NICE", "20"),
        ("FRAMEFARM_NICE", "-1"),
        ("FRAMEFARM_HOURS", "night"),
        ("FRAMEFARM_ONLY_WHEN_IDLE", "sometimes"),
        ("FRAMEFARM_IDLE_AFTER", "0"),
        ("FRAMEFARM_JSON_LOGS", "perhaps"),
        ("FRAMEFARM_PUBLIC_URL", "farm.example.org"),
        ("FRAMEFARM_PUBLIC_URL", "https://farm.example.org?x=y"),
        ("FRAMEFARM_PUBLIC_URL", "https://[farm"),
        ("FRAMEFARM_OPENID_ROLES", "crew=king"),
        ("FRAMEFARM_OPENID_ROLES", "crew"),
        ("FRAMEFARM_OPENID_NEW_USERS", "everybody"),
    ],
)
def test_a_value_without_sense_stops_the_start_and_names_the_variable(variable, value):
    with pytest.raises(SettingsError, match=variable):
        load_settings({**NO_FILE, variable: value})


def test_variables_of_others_are_left_alone():
    load_settings({**NO_FILE, "FRAME_FARM": "x", "_FRAMEFARM_COMPLETE": "bash_source", "PATH": ""})


def test_lists_and_flags_are_read():
    blenders = os.pathsep.join(["/opt/a/blender", "/opt/b"])
    settings = load_settings(
        {**NO_FILE, "FRAMEFARM_BLENDERS": blenders, "FRAMEFARM_JSON_LOGS": "yes"}
    )

    assert settings.blenders == (Path("/opt/a/blender"), Path("/opt/b"))
    assert settings.json_logs


def test_what_a_worker_may_take_is_read():
    said = {
        "SLOTS": "gpu:0,cpu*2",
        "CORES": "6",
        "MEMORY": "75%",
        "NICE": "0",
        "HOURS": "19:00-07:00",
        "ONLY_WHEN_IDLE": "yes",
        "IDLE_AFTER": "60",
    }
    settings = load_settings({**NO_FILE, **{f"FRAMEFARM_{name}": it for name, it in said.items()}})

    assert (settings.slots, settings.cores, settings.memory) == ("gpu:0,cpu*2", 6, "75%")
    assert (settings.nice, settings.hours) == (0, "19:00-07:00")
    assert (settings.only_when_idle, settings.idle_after) == (True, 60)


def test_data_lies_below_home_unless_told_otherwise():
    settings = load_settings({**NO_FILE, "FRAMEFARM_HOME": "/srv/ff", "FRAMEFARM_DATA": "/d"})

    assert settings.manager_dir == Path("/d")
    assert settings.worker_dir == Path("/srv/ff/worker")
    assert settings.managed_blenders == Path("/srv/ff/blenders")


def test_home_and_file_follow_xdg():
    assert default_home({"XDG_DATA_HOME": "/x"}) == Path("/x/framefarm")
    assert config_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/framefarm/config.toml")
    assert config_file({"FRAMEFARM_CONFIG": "/y.toml"}) == Path("/y.toml")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7070", ("127.0.0.1", 7070)),
        ("localhost:1", ("127.0.0.1", 1)),
        (":8080", ("127.0.0.1", 8080)),
        ("8080", ("127.0.0.1", 8080)),
        ("[::1]:7070", ("::1", 7070)),
        ("127.0.0.2:0", ("127.0.0.2", 0)),
        ("0.0.0.0:7070", ("0.0.0.0", 7070)),  # noqa: S104
        ("[::]:7070", ("::", 7070)),
        ("192.168.1.5:7070", ("192.168.1.5", 7070)),
        ("render-box.local:1", ("render-box.local", 1)),
    ],
)
def test_addresses_to_listen_on(text, address):
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "127.0.0.1:", "127.0.0.1:70700", "a:b", "1:²", "1.2.3:1", "a b:1", "-a:1"],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageFailure, match="write it like"):
        parse_listen(text)


def test_provider_is_read_from_the_environment():
    settings = load_settings(
        {
            **NO_FILE,
            "FRAMEFARM_PUBLIC_URL": "https://farm.example.org/",
            "FRAMEFARM_OPENID_ISSUER": "https://login.example.org",
            "FRAMEFARM_OPENID_CLIENT_ID": "farm",
            "FRAMEFARM_OPENID_CLIENT_SECRET": "hush",
            "FRAMEFARM_OPENID_ROLES": "it=admin, crew = artist",
            "FRAMEFARM_OPENID_NEW_USERS": "viewer",
        }
    )
    found = openid_settings(settings.openid)

    assert settings.public_url == "https://farm.example.org"
    assert found is not None
    assert (found.issuer, found.client_secret) == ("https://login.example.org", "hush")
    assert found.roles == {"it": UserRole.ADMIN, "crew": UserRole.ARTIST}
    assert found.new_users is UserRole.VIEWER
    assert "hush" not in repr(found) + repr(settings)
    assert openid_settings({}) is None


def test_secret_is_read_from_its_file(tmp_path: Path):
    told = {"openid_issuer": "https://x", "openid_client_id": "farm"}
    file = tmp_path / "secret"
    named = {**told, "openid_client_secret_file": file}

    with pytest.raises(SettingsError, match="cannot be read"):
        openid_settings(named)
    file.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        openid_settings(named)
    file.write_text("hush\n")
    found = openid_settings(named)
    assert found is not None
    assert found.client_secret == "hush"
    with pytest.raises(SettingsError, match="openid_issuer is set, and openid_client_id is not"):
        openid_settings({"openid_issuer": "https://x"})
