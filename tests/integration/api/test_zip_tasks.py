"""A project as a .zip: what of it becomes files of the farm, and what is refused."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from framefarm.protocol.trees import Tree, decode_tree
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.people import People
from tests.integration.bad_zips import BAD, cases, zipped

RUN = "/api/render-tasks/run_task/"


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def start(manager: Manager, content: bytes, **fields: str) -> httpx.Response:
    files = {"blend": ("film.zip", content)}
    asked = {"frames": "1", "movie": "none", **fields}
    return manager.http.post(RUN, files=files, data=asked)


def tree_of(manager: Manager) -> Tree:
    """The project of the job that is waiting, as a worker is told of it."""
    with manager.worker() as worker:
        worker.say({"type": "ready", "slot": "cpu"})
        settings = worker.hear("task")["settings"]
        assert settings["in_tree"] is True
    return decode_tree(manager.http.get(f"/api/blobs/{settings['blend_sha256']}").content)


def delete(manager: Manager, answer: httpx.Response) -> None:
    assert manager.http.delete(f"/api/jobs/{answer.json()['job']}").status_code == 204


def left_over(manager: Manager) -> list[Path]:
    root = manager.settings.blobs
    inside = [*(root / "incoming").iterdir()]
    return inside + (
        list((root / "workplaces").iterdir()) if (root / "workplaces").exists() else []
    )


def blobs(manager: Manager) -> set[str]:
    return {path.name for path in manager.settings.blobs.glob("??/*")}


def test_project_in_a_zip_becomes_a_job_with_all_its_files(
    shared: Manager, blends: dict[str, bytes]
):
    wood = b"the picture of a plank"
    made = zipped(
        ("film\\shots\\one.blend", blends["plain"]),
        ("film/maps/wood.png", wood),
        ("__MACOSX/film/._one.blend", b"fork"),
        ("film/.DS_Store", b"x"),
    )

    answer = start(shared, made)

    assert answer.status_code == 201, answer.text
    job = shared.job(answer.json()["job"])
    assert (job["name"], job["settings"]["blend"]) == ("one", "one.blend")
    tree = tree_of(shared)
    assert tree.blend == "film/shots/one.blend"
    assert {file.path: file.sha256 for file in tree.files} == {
        "film/shots/one.blend": hash_of(blends["plain"]),
        "film/maps/wood.png": hash_of(wood),
    }
    assert shared.http.get(f"/api/blobs/{hash_of(wood)}").content == wood
    assert hash_of(made) not in blobs(shared)
    assert left_over(shared) == []
    delete(shared, answer)


def test_raw_zip_and_one_with_only_a_blend(shared: Manager, blends: dict[str, bytes]):
    made = zipped(("shot.blend", blends["plain"]), ("Thumbs.db", b"x"))

    answer = shared.http.post(f"{RUN}?frames=7&file_name=film.zip", content=made)

    assert answer.status_code == 201, answer.text
    job = shared.job(answer.json()["job"])
    assert (job["name"], job["settings"]["frames"]) == ("shot", "7")
    delete(shared, answer)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ("film/one.blend", "one"),
        ("one.blend", "one"),
        ("film\\two.blend", "two"),
        ("./film/two.blend", "two"),
    ],
)
def test_of_several_the_named_one_is_rendered(
    shared: Manager, blends: dict[str, bytes], asked: str, chosen: str
):
    made = zipped(("film/one.blend", blends["plain"]), ("film/two.blend", blends["film"]))

    answer = start(shared, made, blend=asked)

    assert answer.status_code == 201, answer.text
    assert shared.job(answer.json()["job"])["name"] == chosen
    delete(shared, answer)


@pytest.mark.parametrize(
    ("names", "asked", "told"),
    [
        (["a.blend", "b.blend"], "", "2 .blend files; say by `blend` which: 'a.blend', 'b.blend'"),
        (["a.blend", "b.blend"], "c.blend", "has no 'c.blend'; its .blend files: 'a.blend'"),
        (["a.blend", "b.blend"], "blend", "has no 'blend'"),
        (["Höhle.blend", "äffe.blend"], "", "say by `blend` which: 'Höhle.blend', 'äffe.blend'"),
        (["a.blend", "b.blend"], "\u202ec.blend", r"has no '\u202ec.blend'"),
        (["x/a.blend", "y/a.blend"], "a.blend", "has several 'a.blend'"),
        (["a.png"], "", "has no .blend"),
        (["a.png"], "a.png", "has no .blend"),
        ([], "", "has no .blend"),
        (["__MACOSX/._a.blend"], "", "has no .blend"),
    ],
)
def test_zip_that_leaves_open_what_to_render_is_refused(
    shared: Manager, names: list[str], asked: str, told: str
):
    answer = start(shared, zipped(*((name, b"BLENDER") for name in names)), blend=asked)

    assert told in is_problem(answer, 422, "which_blend")["detail"]


def test_blend_of_a_zip_is_named_for_no_other_file(shared: Manager, blends: dict[str, bytes]):
    before = blobs(shared)

    told = is_problem(start(shared, blends["blind"], blend="a.blend"), 422, "which_blend")

    assert "is no .zip" in told["detail"]
    assert blobs(shared) == before


@pytest.mark.parametrize("case", cases())
def test_what_is_not_honest_is_refused_and_nothing_stays(shared: Manager, case: str):
    make, code, told = BAD[case]
    before = blobs(shared)

    answer = start(shared, make())

    status = 413 if code == "zip_too_large" else 422
    detail = is_problem(answer, status, code)["detail"]
    assert told in detail
    assert str(shared.settings.data_dir) not in detail
    assert left_over(shared) == []
    assert blobs(shared) == before


def test_damaged_blend_is_called_by_its_place_in_the_zip(shared: Manager):
    answer = start(shared, zipped(("film/shot.blend", b"BLENDER and no more")))

    detail = is_problem(answer, 422, answer.json()["code"])["detail"]
    assert detail.startswith("film/shot.blend: ")
    assert left_over(shared) == []


def test_projects_that_share_files_share_their_bytes(shared: Manager, blends: dict[str, bytes]):
    sky = b"the same sky" * 1_000
    first = start(shared, zipped(("a.blend", blends["plain"]), ("sky.png", sky)))
    second = start(shared, zipped(("b.blend", blends["plain"]), ("maps/sky.png", sky)))

    assert (first.status_code, second.status_code) == (201, 201)
    tree = tree_of(shared)
    assert len(tree.files) == 2
    delete(shared, first)
    assert shared.http.get(f"/api/blobs/{hash_of(sky)}").content == sky
    delete(shared, second)


def test_too_large_or_without_room_it_is_refused(tmp_path: Path, blends: dict[str, bytes]):
    content = zipped(("a.blend", blends["plain"]), ("big", bytes(3_000_000)))
    for settings, status, code in (
        ({"largest_upload_bytes": 2_000_000}, 413, "zip_too_large"),
        ({"low_water_bytes": 1 << 62}, 507, "disk_full"),
    ):
        manager = Manager(tmp_path / code, **settings)  # type: ignore[arg-type]
        try:
            assert len(content) < 2_000_000
            is_problem(start(manager, content), status, code)
            assert left_over(manager) == []
        finally:
            manager.close()


def test_what_was_being_unpacked_when_the_manager_died_is_cleared_away(tmp_path: Path):
    half = tmp_path / "blobs" / "workplaces" / "begun" / "files"
    half.mkdir(parents=True)
    (half / "a.blend").write_bytes(b"x")

    manager = Manager(tmp_path)
    try:
        assert not half.exists()
    finally:
        manager.close()


def test_files_of_a_zip_are_their_senders_and_nobody_elses(
    people: People, blends: dict[str, bytes]
):
    wood = b"ada's plank, zipped"
    form: dict[str, Any] = {
        "files": {"blend": ("a.zip", zipped(("a.blend", blends["plain"]), ("wood.png", wood)))},
        "data": {"frames": "1", "movie": "none"},
    }
    made = people.ask("ada", "POST", RUN, **form)
    assert made.status_code == 201, made.text
    people.manager.http.delete(f"/api/jobs/{made.json()['job']}")

    path = f"/api/blobs/{hash_of(wood)}"
    assert people.ask("ada", "GET", path).content == wood
    assert people.ask("bob", "GET", path).status_code == 404
    other = people.ask("bob", "POST", RUN, **form)
    assert other.status_code == 201, other.text
    people.manager.http.delete(f"/api/jobs/{other.json()['job']}")
    assert people.ask("bob", "GET", path).content == wood


def test_zip_in_a_zip_is_a_file_like_any_other(shared: Manager, blends: dict[str, bytes]):
    inner = zipped(("../evil", b"x"))
    with zipfile.ZipFile(shared.settings.data_dir / "outer.zip", "w") as archive:
        archive.writestr("shot.blend", blends["plain"])
        archive.writestr("more.zip", inner)
    content = (shared.settings.data_dir / "outer.zip").read_bytes()

    answer = start(shared, content)

    assert answer.status_code == 201, answer.text
    assert shared.http.get(f"/api/blobs/{hash_of(inner)}").content == inner
    delete(shared, answer)
