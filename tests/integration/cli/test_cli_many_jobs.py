"""The commands that list some of many jobs, on a manager."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from framefarm.client import Farm, Submission, TrialRequest
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
