"""Which version each frame of a shot is of, and bringing the mix home."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.shots import SHADES, Farm, archive, at_work


@pytest.fixture
def farm(manager: Manager) -> Iterator[Farm]:
    with at_work(manager) as made:
        yield made


def shade_of(farm: Farm, job: dict[str, Any], frame: int) -> int:
    """The version that a frame's picture is of."""
    content = farm.get(job, f"/frames/{frame}").raise_for_status().content
    return next(version for version, image in SHADES.items() if image == content)


def test_frames_are_of_the_newest_finished_version_that_has_them(farm: Farm):
    first = farm.render("1-4")
    second = farm.render("2-3")

    assert farm.get(first, "/frames").json() == {
        "shot": first["shot_id"],
        "frames": [
            {"frames": "2-3", "version": 2, "job": second["id"]},
            {"frames": "1,4", "version": 1, "job": first["id"]},
        ],
        "missing": "",
        "movie": None,
    }
    assert [shade_of(farm, first, frame) for frame in (1, 2, 3, 4)] == [1, 2, 2, 1]
    is_problem(farm.get(first, "/frames/5"), 404, "no_such_unit")
    is_problem(farm.get(first, "/frames/2/thumbnail"), 404, "no_such_unit")


def test_version_that_is_not_finished_hides_nothing(farm: Farm):
    first = farm.render("1-2")
    failed = farm.submit("1-2")
    farm.make(failed, most=1)
    farm.fail(failed)
    running = farm.submit("1-2")
    farm.make(running, most=1)
    cancelled = farm.submit("1-2")
    farm.http.post(f"/api/jobs/{cancelled['id']}/cancel").raise_for_status()

    assert farm.shown(first) == {1: "1-2"}
    assert [shade_of(farm, first, frame) for frame in (1, 2)] == [1, 1]
    states = [one["state"] for one in farm.get(first, "/versions").json()["versions"]]
    assert states == ["cancelled", "running", "failed", "done"]
    assert farm.get(first).json()["newest"]["version"] == 4

    farm.make(running, most=1)
    assert farm.shown(first) == {3: "1-2"}


def test_version_that_is_deleted_or_made_anew_gives_way_to_the_one_before(farm: Farm):
    first = farm.render("1-3")
    second = farm.render("2")
    third = farm.render("3")
    assert farm.shown(first) == {3: "3", 2: "2", 1: "1"}

    farm.delete(third)
    assert farm.shown(first) == {2: "2", 1: "1,3"}
    assert shade_of(farm, first, 3) == 1

    farm.http.post(f"/api/jobs/{second['id']}/retry", json={"all": True}).raise_for_status()
    assert farm.shown(first) == {1: "1-3"}
    farm.make(second)
    assert farm.shown(first) == {2: "2", 1: "1,3"}


def test_versions_tell_what_of_each_is_shown(farm: Farm):
    first, second, third = farm.render("1-4", name="all"), farm.render("2-3"), farm.render("2-3")

    told = farm.get(first, "/versions").json()

    assert [(one["version"], one["job"], one["shown"]) for one in told["versions"]] == [
        (3, third["id"], "2-3"),
        (2, second["id"], ""),
        (1, first["id"], "1,4"),
    ]
    oldest = told["versions"][-1]
    assert (oldest["name"], oldest["frames"], oldest["done"], oldest["total"]) == (
        "all",
        "1-4",
        4,
        4,
    )
    assert (oldest["movie"], oldest["state"]) == (False, "done")
    page = farm.get(first, "/versions", limit=2).json()
    assert [one["version"] for one in page["versions"]] == [3, 2]
    assert farm.get(first, "/versions", limit=2, before=page["next"]).json()["versions"] == [oldest]


def test_range_of_a_shot_is_what_its_jobs_render_and_what_may_be_missing(farm: Farm):
    shot = farm.http.post(
        "/api/shots", json={"project": "Film", "name": "020", "frames": "1-6", "priority": 81}
    ).json()
    asked = {"sequence": "", "shot": "020"}

    part = farm.render("2-3", **asked)
    assert (part["shot_id"], part["priority"]) == (shot["id"], 81)
    assert farm.submit("2-3", **asked, priority=7)["priority"] == 7
    assert farm.get(part, "/frames").json()["missing"] == "1,4-6"
    told = is_problem(farm.get(part, "/download", what="frames"), 409, "not_ready")
    assert "4 frames of Film/020 are in no finished version: 1,4-6" in told["detail"]
    assert archive(farm.get(part, "/download", what="frames", partial=True)).keys() == {
        "trial_0002.png",
        "trial_0003.png",
    }


def test_archive_holds_each_frame_once_and_of_its_version(farm: Farm):
    first = farm.render("1-4")
    farm.render("2-3")

    answer = farm.get(first, "/download", what="frames")

    assert answer.headers["content-disposition"] == 'attachment; filename="Film_sq01_010.zip"'
    assert archive(answer) == {
        f"trial_{frame:04d}.png": SHADES[2 if frame in {2, 3} else 1] for frame in range(1, 5)
    }
    assert archive(farm.get(first, "/download", what="frames", frames="3-4")) == {
        "trial_0003.png": SHADES[2],
        "trial_0004.png": SHADES[1],
    }
    assert archive(farm.get(first, "/download", what="all")) == archive(answer)


def test_frames_of_two_versions_that_share_a_name_are_both_in_the_archive(farm: Farm):
    job = farm.render_alike()

    assert archive(farm.get(job, "/download", what="frames")) == {
        "TRIAL_10001.PNG": SHADES[2],
        "v1/trial_10001.png": SHADES[1],
        "trial_10002.png": SHADES[1],
    }


def test_what_a_shot_does_not_have_is_said(farm: Farm):
    job = farm.submit("1-3")
    for path in ("/movie", "/download"):
        is_problem(farm.get(job, path), 404, "no_movie")
    told = is_problem(farm.get(job, "/download", what="frames"), 409, "not_ready")
    assert "No version of Film/sq01/010 is finished yet" in told["detail"]
    farm.make(job)

    told = is_problem(farm.get(job, "/download", frames="7-9"), 422, "no_such_frames")
    assert "it has 1-3" in told["detail"]
    is_problem(farm.get(job, "/download", frames="3-4"), 409, "incomplete")
    assert archive(farm.get(job, "/download", frames="3-4", partial=True)).keys() == {
        "trial_0003.png"
    }
    is_problem(farm.get(job, "/download", frames="x"), 422, "bad_frames")


def test_files_come_in_pages_and_by_version(farm: Farm):
    first = farm.render("1-5")
    second = farm.render("2-3")

    found, cursor = [], ""
    while cursor is not None:
        page = farm.get(first, "/files", limit=2, cursor=cursor).raise_for_status().json()
        found += page["files"]
        cursor = page["next"]

    assert [(file["unit"], file["version"], file["job"]) for file in found] == [
        (2, 2, second["id"]),
        (3, 2, second["id"]),
        (1, 1, first["id"]),
        (4, 1, first["id"]),
        (5, 1, first["id"]),
    ]
    blob = farm.http.get(f"/api/blobs/{found[0]['sha256']}")
    assert blob.content == SHADES[2]
    for cursor in ("x", "1.2.3", "1.2.3.4.5"):
        is_problem(farm.get(first, "/files", cursor=cursor), 422, "bad_cursor")


def test_next_page_of_files_is_there_though_a_new_version_came(farm: Farm):
    first = farm.render("1-4")
    page = farm.get(first, "/files", limit=2).json()
    farm.render("3")

    rest = farm.get(first, "/files", cursor=page["next"]).json()

    assert [(file["unit"], file["version"]) for file in rest["files"]] == [(4, 1)]
