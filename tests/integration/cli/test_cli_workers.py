"""`framefarm workers ...` against a real manager with a real worker."""

from __future__ import annotations

import json
import re
import time

import pytest

from tests.integration.cli.conftest import LiveFarm, RunCli, Told


@pytest.fixture
def farm_cli(cli: RunCli, live_farm: LiveFarm, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    monkeypatch.setenv("FRAMEFARM_URL", live_farm.url)
    return cli


def ants(cli: RunCli) -> dict:
    [view] = json.loads(cli("workers", "--json").out)
    return dict(view)


def said(told: Told) -> str:
    assert (told.code, told.err) == (0, "")
    return told.out


def submit_trial(cli: RunCli, *words: str) -> int:
    job: int = json.loads(said(cli("trial", "--no-watch", "--json", *words)))["job"]["id"]
    return job


def until(cli: RunCli, **facts) -> None:
    deadline = time.monotonic() + 60
    while any(ants(cli)[name] != value for name, value in facts.items()):
        assert time.monotonic() < deadline, (facts, ants(cli))


def test_a_worker_is_steered_from_idle_to_disabled_and_back(farm_cli):
    assert said(farm_cli("workers", "disable", "ants", "--reason", "noisy")) == (
        "ants  is disabled\n"
    )
    assert "disabled" in said(farm_cli("workers"))
    assert "noisy" in said(farm_cli("workers", "--state", "disabled"))
    assert said(farm_cli("workers", "drain", "--all")) == (
        "ants  is disabled, so it gets no work anyway\n"
    )
    assert said(farm_cli("workers", "enable", "--host", "*")) == "ants  is enabled\n"
    assert said(farm_cli("workers", "enable", "ants")) == "ants  was enabled already\n"


def test_a_drained_worker_ends_its_lease_and_works_again_once_enabled(farm_cli):
    job = submit_trial(farm_cli, "--units", "1-400", "--seconds", "0.05")
    until(farm_cli, state="busy")

    # More than one where results of earlier ones are still on their way.
    told = said(farm_cli("workers", "drain", "ants"))
    assert re.match(r"ants  drains; it ends its (lease|\d+ leases)", told)
    until(farm_cli, state="draining", work=[])
    assert "drained" in said(farm_cli("workers"))
    assert said(farm_cli("workers", "enable", "ants")) == "ants  is enabled\n"
    until(farm_cli, state="busy")
    said(farm_cli("cancel", str(job)))


def test_a_drain_that_is_waited_for_ends_with_nothing_in_work(farm_cli):
    job = submit_trial(farm_cli, "--units", "1-400", "--seconds", "0.05")
    until(farm_cli, state="busy")

    assert said(farm_cli("workers", "drain", "ants", "--wait")).startswith("ants  drains")

    assert (ants(farm_cli)["state"], ants(farm_cli)["work"]) == ("draining", [])
    said(farm_cli("cancel", str(job)))
    said(farm_cli("workers", "enable", "ants"))


def test_a_worker_disabled_now_gives_its_lease_back(farm_cli):
    job = submit_trial(farm_cli, "--units", "1-400", "--seconds", "0.05")
    until(farm_cli, state="busy")

    told = said(farm_cli("workers", "disable", "--state", "busy", "--now"))

    assert told == "ants  is disabled; its lease was given back\n"
    assert ants(farm_cli)["work"] == []
    said(farm_cli("cancel", str(job)))
    said(farm_cli("workers", "enable", "--all"))


def test_tags_and_names_are_given_and_taken(farm_cli):
    assert said(farm_cli("workers", "tag", "Fast,studio-2", "ants")) == (
        "ants  has the tags fast, studio-2 now\n"
    )
    assert ants(farm_cli)["tags"] == ["fast", "studio-2"]
    assert said(farm_cli("workers", "untag", "fast", "--tag", "studio-2")) == (
        "ants  has the tag studio-2 now\n"
    )
    assert said(farm_cli("workers", "rename", "ants", "bees")) == "ants is called bees now\n"
    assert ants(farm_cli)["name"] == "bees"
    said(farm_cli("workers", "rename", "bees", "ants"))
    said(farm_cli("workers", "untag", "studio-2", "--all"))


def test_a_restarted_worker_is_a_new_process_and_works(farm_cli, live_farm: LiveFarm):
    before = len(live_farm.serve.lines)

    assert said(farm_cli("workers", "restart", "ants")) == "ants  restarts\n"

    live_farm.serve.wait_for("worker_connected")
    until(farm_cli, restarting=False, connected=True)
    said(farm_cli("trial", "--units", "1-3", "--seconds", "0"))
    assert any("worker_disconnected" in line for line in live_farm.serve.lines[before:])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("disable",), "say which workers: by name"),
        (("disable", "ants", "--all"), "say which workers: by name"),
        (("disable", "ants", "--tag", "x"), "say which workers: by name"),
        (("disable", "antz"), "There is no worker 'antz'; did you mean ants?"),
        (("disable", "--tag", "none"), "No worker matches that"),
        (("disable", "ants", "nobody-at-all"), "There is no worker 'nobody-at-all'"),
        (("enable", "--state", "asleep"), "'asleep' is not one of"),
        (("tag", "A b", "ants"), "'a b' is no tag"),
        (("tag", "fast"), "say which workers: by name"),
        (("rename", "ants", "a/b"), "is no name for a worker"),
        (("rename", "nobody-at-all", "x"), "There is no worker 'nobody-at-all'"),
        (("show", "nobody-at-all"), "There is no worker 'nobody-at-all'"),
        (("--url", "http://127.0.0.1:9", "disable", "ants"), "write the options after disable"),
        (("dissable", "ants"), "did you mean disable?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_said_in_one_line(farm_cli, words, message):
    told = farm_cli("workers", *words)

    assert told.code == 2
    assert told.out == ""
    assert told.err.startswith("framefarm: error: ")
    assert message in told.err
    assert told.err.count("\n") == 1
    assert ants(farm_cli)["state"] in {"idle", "busy"}


def test_a_list_that_nobody_is_on_says_so(farm_cli):
    told = farm_cli("workers", "--tag", "nobody-has-this")

    assert (told.code, told.out) == (0, "")
    assert "No worker is like that" in told.err


def test_a_worker_is_shown_with_its_machine_as_it_is_now(farm_cli):
    shown = said(farm_cli("workers", "show", "ants"))
    told = json.loads(said(farm_cli("workers", "show", "ants", "--json")))

    assert max(map(len, shown.splitlines())) <= 80
    assert shown.startswith(f"ants  ({told['id']})\n")
    assert "did not answer" not in shown
    assert told["answered"] is True
    assert told["facts"]["memory_free_bytes"] > 0
    assert "last seen   now" in shown
