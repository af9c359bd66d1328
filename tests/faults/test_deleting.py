"""A manager that is killed while it deletes a shot with its jobs: asked again, it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from framefarm.farm.invariants import check_invariants
from tests.faults.farm import Farm
from tests.faults.points import Aim
from tests.faults.programs import until

POINTS = {
    "in the middle of the second job": ("commit", 2),
    "after the second job, before its files": ("committed", 1),
}
"""By the versions that are left."""

WITH_ALL = {"jobs": "true", "outputs": "true"}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with Farm(tmp_path_factory.mktemp("deleting"), workers=("w1",)) as farm:
        yield farm


def render(farm: Farm, shot: str) -> dict[str, Any]:
    """Make the next version of a shot."""
    settings = {"units": "1-2", "seconds": 0.0, "image_bytes": 2_000, "largest_lease": 2}
    job = {"kind": "trial", "settings": settings, "project": "Film", "shot": shot}
    made = farm.ask("/api/jobs", job)
    assert farm.wait_for_end(made["id"]) == "done"
    return dict(made)


@pytest.mark.parametrize("where", POINTS)
def test_shot_whose_deletion_was_killed_is_deleted_by_the_same_request(farm: Farm, where: str):
    point, left = POINTS[where]
    jobs = [render(farm, shot=point) for _ in range(3)]
    path = f"/api/shots/{jobs[0]['shot_id']}"
    folder = farm.data / "outputs" / "Film" / point
    until(lambda: len(list(folder.rglob("*.png"))) == 6, "all files of all versions")
    farm.aim(Aim(point, nth=2, of="a deletion"))

    with pytest.raises(httpx.HTTPError):
        farm.http.delete(path, params=WITH_ALL)
    farm.manager_dead()
    farm.start_manager()

    versions = farm.ask(f"{path}/versions")["versions"]
    assert [one["job"] for one in versions] == [job["id"] for job in reversed(jobs)][:left]
    # Nothing lies there of a job that nobody can name any more.
    numbers = {int(each.name.partition("-")[0]) for each in folder.iterdir()}
    assert numbers <= {one["job"] for one in versions}
    assert farm.read(check_invariants) == []

    assert farm.http.delete(path, params=WITH_ALL).status_code == 204
    assert not folder.exists()
    assert farm.http.get(path).status_code == 404
    assert farm.read(check_invariants) == []
