"""Workers as people ask for them."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from framefarm.db import open_engine, sqlite_url
from framefarm.db import tables as t
from tests.integration.api.manager import Manager, is_problem


def test_a_worker_is_found_by_id_by_name_and_by_how_its_id_begins(manager: Manager):
    with manager.worker(name="ants") as worker, manager.worker(name="bees", boot_id="other"):
        for wanted in (worker.id, "ants", worker.id[:8], worker.id[:8].upper()):
            view = manager.http.get(f"/api/workers/{wanted}").raise_for_status().json()
            assert (view["id"], view["name"]) == (worker.id, "ants")


def test_a_name_that_is_no_workers_is_told_with_those_alike(manager: Manager):
    with manager.worker(name="render-01"):
        told = is_problem(manager.http.get("/api/workers/render-1"), 404, "no_such_worker")
        assert "did you mean render-01?" in told["detail"]
    is_problem(manager.http.get("/api/workers/%25"), 404, "no_such_worker")
    is_problem(manager.http.get("/api/workers/____"), 404, "no_such_worker")


def test_a_name_that_two_have_is_told_with_the_ids_of_both(manager: Manager):
    with manager.worker(name="twin") as one, manager.worker(name="other", boot_id="b") as other:
        _rename(manager, other.id, "twin")
        told = is_problem(manager.http.get("/api/workers/twin"), 409, "ambiguous_worker")
        assert one.id[:8] in told["detail"]
        assert other.id[:8] in told["detail"]


def _rename(manager: Manager, worker_id: str, name: str) -> None:
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.begin() as connection:
        connection.execute(update(t.workers).where(t.workers.c.id == worker_id).values(name=name))
    engine.dispose()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_worker_is_not_changed_by_other_methods(manager: Manager, method: str):
    with manager.worker(name="ants"):
        is_problem(manager.http.request(method, "/api/workers/ants"), 405, "method_not_allowed")
