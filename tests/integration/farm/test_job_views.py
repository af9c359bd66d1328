"""Views of jobs that have ended are kept, and are never older than what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from framefarm.db import tables as t
from framefarm.farm import views
from framefarm.farm.job_pages import JobFilter
from framefarm.farm.pulse import Pulse
from framefarm.farm.roster import Roster
from framefarm.farm.settings import ManagerSettings
from framefarm.farm.views import JobView, JobViews

from .bench import Bench

OTHER = {str: "other", int: 7, float: 7.5, bool: True}
OTHERS: dict[str, Any] = {
    "pool": "public",
    "tags": ["other"],
    "warnings": ["other"],
    "settings": {"other": 1},
}
NOT_SHOWN = {"settings", "units", "queue", "seal_key"}
KEPT = {"id", "job_id", "state", "position", "shot_id"}


@pytest.fixture
def made(tmp_path: Path) -> JobViews:
    return JobViews(ManagerSettings(tmp_path), Pulse(), Roster())


@pytest.fixture
def ended(bench: Bench) -> int:
    job = bench.trial("1-3")
    bench.work_off()
    assert bench.job(job).state == "done"
    return job


def view(bench: Bench, made: JobViews, job: int) -> JobView:
    return bench.do(made.one, job)


def test_a_view_is_made_no_third_time_of_a_job_that_stays_as_it_is(
    bench: Bench, made: JobViews, ended: int
):
    view(bench, made, ended)
    first = view(bench, made, ended)

    assert view(bench, made, ended) is first
    assert bench.do(made.page, JobFilter(), limit=9).jobs[0] is first


def test_jobs_at_work_are_looked_at_anew(bench: Bench, made: JobViews):
    job = bench.trial("1-3")

    assert view(bench, made, job) is not view(bench, made, job)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, column.name)
        for table in (t.jobs, t.stages)
        for column in table.c
        if column.name not in KEPT and (table is t.jobs or column.name not in NOT_SHOWN)
    ],
    ids=str,
)
def test_whatever_changes_is_shown_at_once(
    bench: Bench, tmp_path: Path, ended: int, table: Any, column: str
):
    made, anew = (JobViews(ManagerSettings(tmp_path), Pulse(), Roster()) for _ in range(2))
    for _ in range(2):
        view(bench, made, ended)
    value = OTHERS.get(column) or OTHER[table.c[column].type.python_type]
    with bench.engine.connect() as connection:
        connection.execute(update(table).values({column: value}))

        shown = made.one(connection, ended)

        assert shown == anew.one(connection, ended)
        connection.rollback()


def test_a_job_that_is_put_back_to_work_is_shown_so(bench: Bench, made: JobViews, ended: int):
    for _ in range(2):
        view(bench, made, ended)
    bench.retry(ended, everything=True)

    assert view(bench, made, ended).state == "queued"
    assert view(bench, made, ended).stages[0].pending == 3


def test_a_session_that_is_open_still_is_shown(bench: Bench, made: JobViews, ended: int):
    for _ in range(2):
        view(bench, made, ended)
    session = {"job_id": ended, "wanted": 2, "waiting": False, "created_at": 0.0}
    with bench.engine.connect() as connection:
        connection.execute(insert(t.sessions), session)

        shown = made.one(connection, ended).session

        assert shown is not None
        assert shown.wanted == 2
        connection.rollback()


def test_of_very_many_jobs_not_all_views_are_kept(
    bench: Bench, made: JobViews, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(views, "_REMEMBERED", 3)
    jobs = [bench.trial("1") for _ in range(8)]
    bench.work_off()

    for _ in range(4):
        assert [view(bench, made, job).id for job in jobs] == jobs
        assert len(made._known) <= 3
        assert len(made._seen) <= 3
