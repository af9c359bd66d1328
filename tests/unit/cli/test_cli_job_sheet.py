"""All that is known of a job, as people see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from framefarm.cli.display.job_sheet import job_sheet
from framefarm.cli.job_facts import Failure, FileCount, JobFacts, Working, counted
from framefarm.client.views import (
    Estimate,
    FileView,
    JobSession,
    Requires,
    SlowestUnit,
    Stage,
    UnitView,
)
from tests.unit.cli.fleet import GIB, work
from tests.unit.cli.jobs import ended, job

AT = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
LOCAL = AT.astimezone().strftime("%Y-%m-%d %H:%M")


def failed(unit: int, message: str) -> Failure:
    return Failure("render", UnitView(unit, "failed", worker="anna", message=message))


def facts(view, **values) -> JobFacts:
    nothing = {"work": (), "failures": (), "files": (), "more_files": False, "waits": ""}
    return JobFacts(**{"job": view, **nothing, **values})


def test_a_running_job_is_shown_in_full_within_80_columns():
    view = job(
        name="hero",
        project="film",
        shot="s010",
        owner="ada",
        stages=(
            Stage(1, "render", "ready", total=48, done=12, failed=1, running=2),
            Stage(2, "movie", "waiting", total=1),
        ),
        requires=Requires(pool="friends", tags=("big", "eu"), min_memory_bytes=16 * GIB, gpu=True),
        created_at=AT,
        started_at=AT,
        estimate=Estimate(250, 300, 350),
        render_seconds=57.6,
        slowest=SlowestUnit(7, 9.5),
        outputs_dir="/farm/outputs/film/s010/0007-hero",
    )
    sheet = job_sheet(
        facts(
            view,
            work=(Working("anna", work(slot="gpu:0")),),
            failures=(failed(17, "Blender crashed (signal 11) " + "and said so " * 10),),
            files=(FileCount("image", 12, 3_000_000, "shot_0001.png", "shot_0012.png"),),
        ),
        width=80,
        now=AT + timedelta(minutes=3),
    )

    assert max(map(len, sheet.splitlines())) <= 80
    for said in (
        "job 7  hero  (film/s010)",
        "state       running\n            12 of 48 frames done, 2 in work, 1 failed\n",
        "            4 to 6 min left\n",
        f"submitted   {LOCAL} by ada",
        f"started     {LOCAL}, 3 min 00 s ago",
        "speed       4.8 s a frame on average, at most 9.5 s (frame 7)",
        "render      CYCLES, 640x360, Blender 5.0",
        "workers     pool friends, tagged big and eu, with 16.0 GiB or more, with a GPU",
        "render  ready      12        2       1  48",
        "anna    gpu:0  render  57 41 %",
        "failed\n  frame 17 on anna: Blender crashed",
        "framefarm logs 7   again: framefarm retry 7",
        "files       12 images, 3.0 MB: shot_0001.png to shot_0012.png",
        "in          /farm/outputs/film/s010/0007-hero",
    ):
        assert said in sheet
    assert "\n\n\n" not in sheet


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (JobSession(3, 4, 2), "session     has 2 of the 4 workers it asked for\n"),
        (
            JobSession(3, 1, 0, waiting=True),
            "session     has 0 of the 1 worker it asked for, waits until it has all\n",
        ),
    ],
)
def test_the_workers_that_a_job_has_for_itself_are_told(session, said):
    assert said in job_sheet(facts(job(session=session)), width=80)
    assert "session" not in job_sheet(facts(job()), width=80)


def test_a_job_that_ended_tells_when_and_how_long_it_took():
    sheet = job_sheet(facts(ended(started_at=AT, finished_at=AT + timedelta(hours=2))), width=80)

    assert "after 2 h 00 min" in sheet
    assert "left" not in sheet
    assert "WORKER" not in sheet


@pytest.mark.parametrize(("message", "said"), [("Cancelled.", "reason      Cancelled.")])
def test_the_managers_reason_is_told(message, said):
    assert said in job_sheet(facts(job(state="cancelled", message=message)), width=80)


def test_of_many_failures_the_first_are_told_and_the_rest_counted():
    view = job(stages=(Stage(1, "render", "failed", total=250, failed=250),))
    failures = tuple(failed(unit, "it is broken") for unit in range(1, 201))

    sheet = job_sheet(facts(view, failures=failures), width=80)

    assert sheet.count("it is broken") == 10
    assert "  and 240 more" in sheet


def test_a_job_of_which_hardly_anything_is_known_has_no_empty_parts():
    sheet = job_sheet(facts(job(stages=(), settings={})), width=80)

    assert "\n\n\n" not in sheet
    assert "submitted   never" not in sheet


def test_files_are_counted_by_what_they_are():
    files = [
        FileView("shot_0001.png", "image", "a", 10, 1),
        FileView("shot_0002.png", "image", "b", 20, 2),
        FileView("shot.mp4", "movie", "c", 5, 0),
    ]

    assert list(counted(files)) == [
        FileCount("image", 2, 30, "shot_0001.png", "shot_0002.png"),
        FileCount("movie", 1, 5, "shot.mp4", "shot.mp4"),
    ]
