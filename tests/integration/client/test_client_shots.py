"""Projects, sequences and shots by the Python client, at once and awaited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framefarm.client import AsyncFarm, Farm, FarmAnswerError, ShotFilter, ShotHappening
from tests.integration.api.manager import Manager
from tests.integration.api.shots import SHADES, at_work
from tests.integration.api.shots import Farm as FarmAtWork


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "manager")
    yield made
    made.close()
    made.check()


@pytest.fixture
def farm(manager: Manager) -> Iterator[Farm]:
    with Farm(manager.server.url) as made:
        yield made


@pytest.fixture
def at(manager: Manager) -> Iterator[FarmAtWork]:
    with at_work(manager) as made:
        yield made


def test_places_are_made_changed_listed_and_deleted(farm: Farm):
    project = farm.add_project("Film", priority=70, description="d")
    sequence = farm.add_sequence("Film", "sq01", priority=71)
    shots = [farm.add_shot("Film", f"{n:03}", sequence="sq01") for n in (10, 20, 30)]
    alone = farm.add_shot("Film", "010", frames="9,1-3", priority=5)

    assert farm.change_project(project.id, status="on_hold", priority="none").priority is None
    assert farm.change_sequence(sequence.id, status="review").status == "review"
    assert [one.name for one in farm.projects(status="on_hold")] == ["Film"]
    assert [one.path for one in farm.sequences(project="Film")] == ["Film/sq01"]
    assert (alone.frames, alone.path, alone.sequence_id) == ("1-3,9", "Film/010", None)
    changed = farm.change_shot(alone.id, frames="none", description="none", status="final")
    assert (changed.frames, changed.description, changed.priority) == (None, "none", 5)
    where = ShotFilter(sequence="sq01", first="020")
    assert [one.name for one in farm.change_shots(where, status="final")] == ["020", "030"]
    assert len(farm.change_shots([shots[0].id], priority=1, status="final")) == 1
    assert len(list(farm.shots(status="final"))) == 4
    assert [one.path for one in farm.shots(project="Film", sequence="", shot="010")] == ["Film/010"]

    farm.delete_shot(alone.id)
    farm.delete_sequence(sequence.id)
    assert list(farm.shots()) == []
    farm.delete_project(project.id)
    with pytest.raises(FarmAnswerError) as refused:
        farm.change_project(project.id, status="active")
    assert refused.value.code == "no_such_project"


def test_shot_is_fetched_as_the_mix_that_it_is(farm: Farm, at: FarmAtWork, tmp_path: Path):
    first = at.render("1-3")
    folder = tmp_path / "frames"
    assert len(list(farm.fetch_shot(first["shot_id"], folder))) == 3
    second = at.render("2")

    fetched = list(farm.fetch_shot(first["shot_id"], folder))

    assert sorted((one.path.name, one.outcome) for one in fetched) == [
        ("trial_0001.png", "kept"),
        ("trial_0002.png", "fetched"),
        ("trial_0003.png", "kept"),
    ]
    versions = {1: 1, 2: 2, 3: 1}
    for frame, version in versions.items():
        assert (folder / f"trial_{frame:04d}.png").read_bytes() == SHADES[version]
    assert [one.version for one in farm.shot_versions(first["shot_id"])] == [2, 1]
    assert farm.shot_frames(first["shot_id"]).frames[0].job == second["id"]
    assert farm.shot(first["shot_id"]).newest == farm.shot(first["shot_id"]).newest
    job = farm.job(second["id"])
    assert (job.place, job.version, job.shot_id) == ("Film/sq01/010", 2, first["shot_id"])


ALIKE = {
    "TRIAL_10001.PNG": SHADES[2],
    "v1/trial_10001.png": SHADES[1],
    "trial_10002.png": SHADES[1],
}


def test_frames_that_share_a_name_are_fetched_beside_each_other(
    farm: Farm, at: FarmAtWork, tmp_path: Path
):
    shot = at.render_alike()["shot_id"]

    assert {one.outcome for one in farm.fetch_shot(shot, tmp_path)} == {"fetched"}

    assert {name: (tmp_path / name).read_bytes() for name in ALIKE} == ALIKE
    assert [one.outcome for one in farm.fetch_shot(shot, tmp_path)] == ["kept"] * 3


def test_notes(farm: Farm):
    shot = farm.add_shot("Film", "010").id
    made = [farm.add_shot_note(shot, text) for text in ("one", "none")]

    assert [one.text for one in farm.shot_notes(shot)] == ["one", "none"]
    assert farm.change_shot_note(shot, made[0].id, "none").text == "none"
    farm.delete_shot_note(shot, made[1].id)
    assert [one.id for one in farm.shot_notes(shot)] == [made[0].id]


def test_what_happens_to_shots_is_followed(farm: Farm):
    happenings = farm.happenings(kinds=["shot"])
    next(happenings)
    shot = farm.add_shot("Film", "010")

    told = next(happenings)

    assert isinstance(told, ShotHappening)
    assert (told.shot, told.path, told.what) == (shot.id, "Film/010", "made")


async def test_frames_that_share_a_name_lie_beside_each_other_when_awaited(
    manager: Manager, at: FarmAtWork, tmp_path: Path
):
    shot = at.render_alike()["shot_id"]
    async with AsyncFarm(manager.server.url) as farm:
        brought = [one async for one in farm.fetch_shot(shot, tmp_path)]

    assert {one.path for one in brought} == {tmp_path / name for name in ALIKE}
    assert {name: (tmp_path / name).read_bytes() for name in ALIKE} == ALIKE


async def test_the_same_awaited(manager: Manager, at: FarmAtWork, tmp_path: Path):
    first = at.render("1-2")
    at.render("2")
    async with AsyncFarm(manager.server.url) as farm:
        [shot] = [one async for one in farm.shots(project="Film")]
        assert (await farm.shot_frames(shot.id)).frames[1].frames == "1"
        assert [one.version async for one in farm.shot_versions(shot.id)] == [2, 1]
        brought = [one async for one in farm.fetch_shot(first["shot_id"], tmp_path / "frames")]

    assert sorted(one.path.read_bytes() for one in brought) == sorted([SHADES[1], SHADES[2]])
