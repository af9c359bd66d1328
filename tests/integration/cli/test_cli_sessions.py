"""`framefarm sessions` and `framefarm session`, with a real manager and a real worker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from framefarm.client import Farm, Submission, TrialRequest
from tests.integration.cli.conftest import LiveFarm, RunCli


@pytest.fixture
def farm_cli(cli: RunCli, live_farm: LiveFarm, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    monkeypatch.setenv("FRAMEFARM_URL", live_farm.url)
    return cli


@pytest.fixture
def job(live_farm: LiveFarm) -> Iterator[str]:
    """A paused job, so that it is there as long as the test is."""
    with Farm(live_farm.url) as farm:
        made = farm.submit(Submission("trial", TrialRequest("1-3", seconds=2.0)))
        farm.pause(made.id, now=True)
        yield str(made.id)
        farm.delete(made.id)


def test_workers_are_asked_for_shown_and_given_back(farm_cli: RunCli, job: str):
    assert "No job has workers of its own" in farm_cli("sessions").err

    asked = farm_cli("session", "ask", job, "2")
    assert asked.code == 0, asked.err
    assert f"Job {job} has 1 of the 2 workers it asked for" in asked.out
    assert "ants" in asked.out
    [line] = farm_cli("sessions").out.splitlines()[1:]
    assert line.split() == [job, "working", "1", "of", "2", "ants"]

    more = json.loads(farm_cli("session", "more", job, "1", "--json").out)
    assert (more["wanted"], more["notice"], len(more["workers"])) == (3, "NOT_SUFFICIENT", 1)
    assert json.loads(farm_cli("sessions", "--json").out) == [more]

    sent = json.loads(farm_cli("session", "prefetch", job, "--all", "--json").out)
    assert sent["members"][0]["has_files"]  # it needs none
    assert farm_cli("session", "prefetch", job, "bees").code == 2

    released = farm_cli("session", "release", job, "ants")
    assert released.code == 0, released.err
    assert f"The session of job {job} has ended" in released.out
    assert farm_cli("sessions").out == ""
    assert [job, "ended"] in [
        line.split()[:2] for line in farm_cli("sessions", "--ended").out.splitlines()
    ]


def test_a_job_waits_for_its_workers_and_why_says_so(farm_cli: RunCli, job: str):
    waiting = json.loads(farm_cli("session", "ask", job, "2", "--wait", "--json").out)
    assert (waiting["status"], waiting["workers"]) == ("waiting", [])
    farm_cli("resume", job)

    why = farm_cli("why", job).out

    assert "It waits until the 2 workers it asked for" in " ".join(why.split())
    assert f"framefarm session release {job} --all" in " ".join(why.split())
    assert farm_cli("session", "release", job, "--all").code == 0
    assert farm_cli("watch", job).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("session", "ask", "999", "1"), "There is no job 999"),
        (("session", "show", "999"), "There is no job 999"),
        (("session", "show", "JOB"), "has asked for no workers"),
        (("session", "more", "JOB", "1"), "has asked for no workers"),
        (("session", "release", "JOB", "--all"), "has asked for no workers"),
    ],
)
def test_what_cannot_be_is_said(farm_cli: RunCli, job: str, words: tuple[str, ...], said: str):
    told = farm_cli(*(job if word == "JOB" else word for word in words))

    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.err
