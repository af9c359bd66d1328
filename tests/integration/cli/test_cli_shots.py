"""`framefarm projects`, `shots` and `shot`, on a manager with a worker."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from framefarm.client.farm import Farm
from framefarm.client.submissions import Submission, TrialRequest
from tests.integration.cli.conftest import LiveFarm, RunCli

NUMBERS = itertools.count(1)


@pytest.fixture
def project(
    live_farm: LiveFarm,
    cli: RunCli,  # noqa: ARG001  it clears the environment, so it comes first
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The name of a project that nothing else uses."""
    monkeypatch.setenv("FRAMEFARM_URL", live_farm.url)
    return f"Film{next(NUMBERS)}"


def submit(live_farm: LiveFarm, project: str, units: str, image_bytes: int = 2_000) -> int:
    """Make the next version of a shot, whose frames are pictures; returns its job."""
    with Farm(live_farm.url) as farm:
        job = farm.submit(
            Submission(
                kind="trial",
                settings=TrialRequest(units, 0.0, image_bytes),
                project=project,
                sequence="sq01",
                shot="010",
            )
        )
        for _ in farm.events(job.id):
            pass
        assert farm.job(job.id).state == "done"
        return job.id


def test_versions_of_a_shot_are_listed_shown_and_fetched(
    cli: RunCli, live_farm: LiveFarm, project: str, tmp_path: Path
):
    first = submit(live_farm, project, "1-4")
    second = submit(live_farm, project, "2-3")
    path = f"{project}/sq01/010"

    listed = cli("shots", project).out.splitlines()
    assert listed[0].split() == ["SHOT", "STATUS", "FRAMES", "NEWEST", "VERSION"]
    assert listed[1].split() == [path, "waiting", "2:", "done,", "2", "frames"]
    versions = json.loads(cli("shot", "versions", path, "--json").out)
    assert [(one["version"], one["job"], one["shown"]) for one in versions] == [
        (2, second, "2-3"),
        (1, first, "1,4"),
    ]
    newest = cli("shot", "versions", path).out.splitlines()[1]
    assert newest.split()[:3] == ["2", f"{second}", "done"]
    shown = cli("shot", "show", path).out
    assert "shown       2-3 of version 2\n            1,4 of version 1\n" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())

    folder = tmp_path / "frames"
    told = cli("shot", "fetch", path, folder)
    assert told.out.startswith("4 files (")
    assert sorted(file.name for file in folder.iterdir()) == [
        f"trial_{frame:04d}.png" for frame in range(1, 5)
    ]
    with Farm(live_farm.url) as farm:
        of_second = {file.name: file.sha256 for file in farm.files(second)}
        fetched = {
            file.name: (file.sha256, file.version)
            for file in farm.shot_files(json.loads(cli("shots", project, "--json").out)[0]["id"])
        }
    assert {name: fetched[name] for name in of_second} == {
        name: (sha256, 2) for name, sha256 in of_second.items()
    }
    submit(live_farm, project, "4", image_bytes=9_000)
    again = json.loads(cli("shot", "fetch", path, folder, "--json").out)
    assert (again["fetched"], again["kept"]) == (1, 3)
    jobs = cli("jobs", "--limit", "1").out
    assert f"{path}/v3/" in jobs or "…" in jobs


def test_shots_are_made_changed_by_patterns_and_deleted(cli: RunCli, project: str):
    made = cli("shot", "add", f"{project}/sq01/010", "--frames", "1001-1048", "--priority", "70")
    assert (made.code, made.out) == (0, f"shot {project}/sq01/010 is made\n")
    for name in ("sq01/020", "sq02/010", "030"):
        assert cli("shot", "add", f"{project}/{name}").code == 0

    changed = cli("shot", "set", f"{project}/sq0*/0*", "--status", "review", "--priority", "80")
    assert changed.out.count(" review") == 3
    cleared = cli(
        "shot", "set", f"{project}/sq01/010", "--frames", "none", "--priority", "none", "--json"
    )
    [shot] = json.loads(cleared.out)
    assert (shot["frames"], shot["priority"], shot["status"]) == (None, None, "review")
    listed = json.loads(cli("shots", project, "--status", "review", "--json").out)
    assert {one["path"] for one in listed} == {
        f"{project}/{name}" for name in ("sq01/010", "sq01/020", "sq02/010")
    }
    assert len(json.loads(cli("shots", project, "--sequence", "sq01", "--json").out)) == 2
    assert cli("shot", "remove", f"{project}/030").out == f"shot {project}/030 is deleted\n"
    assert cli("shots", project, "--status", "final").out == ""

    assert "on hold" in cli("projects", "change", project, "--status", "on_hold").out
    assert project in cli("projects").out
    assert cli("projects", "remove", project).out == f"{project} is deleted\n"
    assert project not in {one["name"] for one in json.loads(cli("projects", "--json").out)}


def test_sequences_are_made_changed_listed_and_deleted(cli: RunCli, project: str):
    made = cli("sequences", "add", f"{project}/sq10", "--priority", "60")
    assert made.out == f"sequence {project}/sq10 is made\n"
    cli("shot", "add", f"{project}/sq2/010")

    changed = cli(
        "sequences", "change", f"{project}/sq10", "--status", "on_hold", "--priority", "7"
    )
    assert changed.out.splitlines()[1].split() == [f"{project}/sq10", "on", "hold", "0", "7"]
    listed = cli("sequences", "--project", project).out.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [f"{project}/sq2", f"{project}/sq10"]
    cleared = cli("sequences", "change", f"{project}/sq10", "--priority", "none", "--json")
    assert json.loads(cleared.out)["priority"] is None
    assert (
        cli("sequences", "remove", f"{project}/sq2").out == f"sequence {project}/sq2 is deleted\n"
    )
    assert cli("shots", project, "--json").out == "[]\n"


def test_project_with_jobs_is_deleted_with_them_when_asked(
    cli: RunCli, live_farm: LiveFarm, project: str
):
    submit(live_farm, project, "1")

    refused = cli("projects", "remove", project)
    assert refused.code != 0
    assert "1 job of it are there" in refused.err
    assert cli("projects", "remove", project, "--jobs", "--outputs").code == 0
    assert cli("shots", project, "--json").out == "[]\n"


def test_notes_are_written_listed_changed_and_deleted(cli: RunCli, project: str):
    path = f"{project}/010"
    cli("shot", "add", path)

    assert "Nobody wrote" in cli("shot", "note", path).err
    written = cli("shot", "note", path, "The door flickers.", "--json")
    [note] = json.loads(written.out)
    number = str(note["id"])
    assert "  The door flickers.\n" in cli("shot", "note", path).out
    assert "It does not.\n" in cli("shot", "note", path, "It does not.", "--edit", number).out
    assert "  It does not." in cli("shot", "show", path).out
    assert cli("shot", "note", path, "--delete", number).out == f"note {number} is deleted\n"
    assert json.loads(cli("shot", "note", path, "--json").out) == []


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("shot", "show", "Film"), "is no shot: write PROJECT/SHOT"),
        (("shot", "show", "a/b/c/d"), "is no shot"),
        (("shot", "show", "a//b"), "is no shot"),
        (("shot", "show", "No/010"), "there is no shot 'No/010'; see: framefarm shots No"),
        (("shot", "set", "No/0*", "--status", "final"), "no shot is like 'No/0*'"),
        (("shot", "set", "N*/010", "--status", "final"), "a project is named"),
        (("shot", "set", "No/010"), "say what is to be different"),
        (("shot", "set", "--status", "final"), "missing argument"),
        (("shot", "set", "No/010", "--priority", "101"), "neither a number from 0 to 100 nor none"),
        (("shot", "set", "No/010", "--frames", "9-1"), 'Frames "9-1"'),
        (("shot", "set", "No/010", "--status", "done"), "'done' is not one of"),
        (("shot", "add", "a/.."), "cannot be the name of a shot"),
        (("shot", "add", "con/010"), "cannot be the name of a project"),
        (("shot", "note", "No/010", "x", "--delete", "1"), "--delete takes neither"),
        (("shot", "note", "No/010", "--edit", "1"), "say what is to be in the note"),
        (("projects", "change", "No", "--status", "closed"), "there is no project 'No'"),
        (("projects", "change", "No"), "say what is to be different"),
        (("projects", "remove", "No"), "there is no project 'No'"),
        (("sequences", "change", "No/sq", "--status", "final"), "there is no sequence 'No/sq'"),
        (("sequences", "change", "No/sq"), "say what is to be different"),
        (("sequences", "remove", "No"), "is no sequence: write PROJECT/SEQUENCE"),
        (("sequences", "add", "a/b/c"), "is no sequence"),
        (("sequences", "--project", "a", "add", "a/b"), "write the options after add"),
        (("projects", "--json", "add", "x"), "write the options after add"),
        (("shot", "sho"), "did you mean show?"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said(cli: RunCli, words: tuple[str, ...], said: str):
    told = cli(*words)

    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.err
