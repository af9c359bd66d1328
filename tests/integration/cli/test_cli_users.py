"""`framefarm users`, and asking with a token."""

from __future__ import annotations

import json

import pytest

from tests.integration.cli.conftest import LiveFarm, RunCli


@pytest.fixture
def farm_cli(cli: RunCli, live_farm: LiveFarm, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    monkeypatch.setenv("FRAMEFARM_URL", live_farm.url)
    return cli


def test_artist_is_let_in_and_shut_out(farm_cli: RunCli, monkeypatch: pytest.MonkeyPatch):
    assert farm_cli("users").out.startswith("Nobody: on this machine no account is needed.")

    added = farm_cli("users", "add", "ada", "--email", "ada@studio.example")
    assert (added.code, added.out) == (0, "ada is an artist; next: framefarm users token ada\n")
    told = farm_cli("users", "token", "ada", "--for", "laptop", "--days", "30")
    token = told.out.strip()
    assert told.code == 0
    assert token.startswith("ff_")
    assert all(len(line) <= 80 for line in told.err.splitlines())
    assert token not in told.err

    monkeypatch.setenv("FRAMEFARM_TOKEN", token)
    trial = farm_cli("trial", "--units", "1-2", "--seconds", "0", "--json")
    assert trial.code == 0, trial.err
    [job] = json.loads(farm_cli("jobs", "--json").out)
    assert job["owner"] == "ada"
    refused = farm_cli("workers")
    assert refused.code != 0
    assert "ada is an artist here, which does not go so far." in refused.err
    assert farm_cli("users").code != 0

    monkeypatch.delenv("FRAMEFARM_TOKEN")
    lines = farm_cli("users").out.splitlines()
    assert lines[0] == "ada  artist  ada@studio.example"
    assert lines[1].startswith("  token 1: laptop (ff_")
    assert ", used 20" in lines[1]
    assert farm_cli("users", "untoken", "ada", "1").out == "token 1 of ada counts no more\n"
    monkeypatch.setenv("FRAMEFARM_TOKEN", token)
    assert "was taken back" in farm_cli("jobs").err
    monkeypatch.delenv("FRAMEFARM_TOKEN")
    changed = farm_cli("users", "change", "ada", "--role", "viewer", "--disable")
    assert changed.out == "ada: viewer, disabled, ada@studio.example\n"
    assert farm_cli("users", "remove", "ada").out == "ada is removed; their jobs stay\n"
    assert json.loads(farm_cli("users", "--json").out) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("users", "add", "a b"), "error: name: A name has"),
        (("users", "add", "x", "--email", "y"), "error: email: This is no address"),
        (("users", "add", "x", "--role", "king"), "king"),
        (("users", "token", "nobody"), "There is no user 'nobody'"),
        (("users", "untoken", "nobody", "1"), "There is no user 'nobody'"),
        (("users", "change", "nobody", "--enable"), "There is no user 'nobody'"),
        (("users", "change", "nobody"), "say what is to be different"),
        (("users", "change", "x", "--enable", "--disable"), "exclude each other"),
        (("users", "remove", "nobody"), "There is no user 'nobody'"),
        (("users", "ad"), "did you mean add?"),
    ],
)
def test_what_cannot_be_is_said(farm_cli: RunCli, words: tuple[str, ...], said: str):
    told = farm_cli(*words)

    assert told.code == 2 or "There is no user" in said
    assert told.code != 0
    assert said in told.err
    assert "Traceback" not in told.err


def test_token_that_is_none_is_never_shown(farm_cli: RunCli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FRAMEFARM_TOKEN", "ff_0123456789_almost-a-secret")

    told = farm_cli("jobs")

    assert told.code == 2
    assert "almost" not in told.err
    assert "The token is none" in told.err
