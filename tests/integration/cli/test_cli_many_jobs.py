"""The commands that list or steer some of many jobs, on a manager."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from framefarm.client import Farm, JobFilter, Submission, TrialRequest
from framefarm.client.views import Requires
from tests.integration.cli.conftest import LiveFarm, RunCli

NUMBERS = itertools.count(1)


@dataclass
class Film:
    """A project that nothing else uses, whose jobs no worker here can do."""

    farm: Farm
    project: str
    jobs: list[int]

    def submit(self, shot: str, owner: str) -> int:
        made = self.farm.submit(
            Submission(
                kind="trial",
                settings=TrialRequest("1-2"),
                project=self.project,
                sequence="sq01",
                shot=shot,
                owner=owner,
                requires=Requires(gpu=True),
            )
        )
        self.jobs.append(made.id)
        return made.id

    def states(self) -> list[str]:
        return [self.farm.job(job).state for job in self.jobs]


@pytest.fixture
def film(
    live_farm: LiveFarm,
    cli: RunCli,  # noqa: ARG001  it clears the environment, so it comes first
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Film]:
    """One with two jobs of Ann's and one of Bob's."""
    monkeypatch.setenv("FRAMEFARM_URL", live_farm.url)
    with Farm(live_farm.url) as farm:
        made = Film(farm, f"Many{next(NUMBERS)}", [])
        for shot, owner in (("010", "ann"), ("010", "bob"), ("020", "ann")):
            made.submit(shot, owner)
        yield made


def test_jobs_are_listed_by_shot_owner_and_state(cli: RunCli, film: Film):
    film.farm.cancel(film.jobs[2])

    def listed(*words: str) -> list[int]:
        told = cli("jobs", "--project", film.project, *words, "--json")
        assert told.code == 0, told.err
        return [job["id"] for job in json.loads(told.out)][::-1]

    assert listed() == film.jobs
    assert listed("--shot", "010") == film.jobs[:2]
    assert listed("--sequence", "sq01", "--owner", "ann") == [film.jobs[0], film.jobs[2]]
    assert listed("--state", "queued", "--owner", "ann") == film.jobs[:1]
    assert listed("--state", "queued", "--state", "cancelled") == film.jobs
    assert listed("--name", "nothing like that") == []


def test_those_of_a_shot_are_paused_and_others_not(cli: RunCli, film: Film):
    told = cli("pause", "--project", film.project, "--shot", "010", "--now")

    assert told.code == 0, told.err
    assert [line.split()[:2] for line in told.out.splitlines()] == [
        ["job", str(job)] for job in film.jobs[:2]
    ]
    assert all(line.endswith("  is paused") for line in told.out.splitlines())
    assert film.states() == ["paused", "paused", "queued"]


def test_several_that_are_named_are_steered_together(cli: RunCli, film: Film):
    first, second, third = map(str, film.jobs)

    assert cli("priority", first, second, "80").code == 0
    told = json.loads(cli("priority", second, third, "80", "--json").out)

    assert [(one["id"], one["outcome"]) for one in told] == [
        (film.jobs[1], "unchanged"),
        (film.jobs[2], "done"),
    ]
    assert cli("cancel", first, third).code == 0
    assert cli("retry", "--project", film.project).out.count("is put back to work") == 2
    assert film.states() == ["queued"] * 3


def test_one_that_refuses_is_told_by_the_exit_status(cli: RunCli, film: Film):
    film.farm.cancel(film.jobs[0])

    told = cli("pause", *map(str, film.jobs))

    assert told.code == 1
    assert f"Job {film.jobs[0]} is cancelled and allows no pause" in told.out
    assert film.states() == ["cancelled", "paused", "paused"]


def test_many_are_deleted_where_somebody_says_so(cli: RunCli, film: Film):
    refused = cli("delete", "--project", film.project)
    assert (refused.code, "--yes" in refused.err) == (2, True)

    told = cli("delete", "--project", film.project, "--yes")

    assert told.code == 0
    assert told.out.count("is deleted") == 3
    assert list(film.farm.jobs(JobFilter(project=film.project))) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pause",), "say which jobs: either by number, or by --state"),
        (("delete", "--yes"), "say which jobs: either by number, or by --state"),
        (("cancel", "1", "--project", "Film"), "say which jobs"),
        (("cancel", "--project", ""), "say which jobs"),
        (("priority", "80"), "say which jobs"),
        (("cancel", "--project", "NoSuchFilm"), "no job like that to cancel"),
        (("retry", "1", "2", "--all"), "for one JOB at a time"),
        (("priority", "1", "2", "80", "--stage", "movie"), "for one JOB at a time"),
        (("pause", "--state", "lost"), "'lost' is not one of"),
        (("pause", "x"), "'x' is no job's number"),
    ],
)
def test_what_means_no_jobs_is_refused(cli: RunCli, film: Film, words: tuple[str, ...], said: str):
    told = cli(*words)

    assert (told.code, said in told.err) == (2, True), told.err
    assert film.states() == ["queued"] * 3
