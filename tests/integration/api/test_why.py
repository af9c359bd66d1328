"""`GET /api/jobs/{job}/why`: the exact reason for each worker, and what would change it."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import insert, update

from framefarm.db import open_engine, sqlite_url
from framefarm.db import tables as t
from tests.integration.api.manager import Manager, Worker, until


def why(manager: Manager, job: dict[str, Any]) -> dict[str, Any]:
    return dict(manager.http.get(f"/api/jobs/{job['id']}/why").raise_for_status().json())


def reasons(told: dict[str, Any]) -> dict[str, list[str]]:
    return {worker["worker"]: worker["reasons"] for worker in told["workers"]}


def change(manager: Manager, *statements: Any) -> None:
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    engine.dispose()


def test_a_farm_without_workers_says_how_to_start_one(manager: Manager):
    told = why(manager, manager.trial())

    assert "framefarm worker" in told["answer"]
    assert told["workers"] == []
    assert told["stuck"]


def test_each_worker_is_told_with_its_own_reason(manager: Manager):
    asked = {"tags": ["big"], "min_memory_bytes": 64 << 30}
    job = manager.trial(requires=asked)
    slot = {"slot": "cpu", "kinds": ["trial"], "memory_bytes": 8 << 30}
    with (
        manager.worker(name="small", slots=[slot]),
        manager.worker(name="encoder", slots=[{"slot": "media", "kinds": ["movie"]}]),
        manager.worker(name="gone"),
    ):
        pass
    until(lambda: all("not connected" in r[0] for r in reasons(why(manager, job)).values()), "all")
    with (
        manager.worker(name="near", slots=[slot]),
        manager.worker(name="other", slots=[{"slot": "media", "kinds": ["movie"]}]),
    ):
        told = why(manager, job)

    found = reasons(told)
    assert told["answer"].startswith(f"No worker works on job {job['id']}.")
    assert [word in " ".join(found["near"]) for word in ("tag big", "8 GiB", "64 GiB")] == [
        True
    ] * 3
    assert "no trial work" in found["other"][0]
    assert re.search(r"last seen \d+ s ago", found["gone"][0])
    assert told["stuck"]
    assert told["stages"] == ["trial: 0 of 3 done, 0 in work, 3 wait for a slot"]


def test_a_worker_that_is_busy_elsewhere_is_told_with_the_priority_that_would_help(
    manager: Manager,
):
    other = manager.trial(priority=70)
    job = manager.trial(priority=50)
    with manager.worker(name="busy") as worker:
        worker.lease()
        told = why(manager, job)

    [reason] = reasons(told)["busy"]
    assert f"works on job {other['id']} (priority 70, this job has 50)" in reason
    assert f"framefarm priority {job['id']} 71" in reason
    assert told["workers"][0]["able"]
    assert not told["stuck"]


def test_those_that_work_on_it_come_first(manager: Manager):
    job = manager.trial()
    with manager.worker(name="a") as _, manager.worker(name="z") as working:
        working.lease()
        told = why(manager, job)

    first = told["workers"][0]
    assert (first["worker"], first["working"]) == ("z", True)
    assert told["answer"].startswith("1 worker works on job")


def test_steered_workers_are_told_with_the_command_that_helps(manager: Manager):
    job = manager.trial()
    with manager.worker(name="off") as off, manager.worker(name="on") as on:
        change(
            manager,
            update(t.workers).where(t.workers.c.id == off.id).values(state="disabled"),
            insert(t.quarantines).values(
                worker_id=on.id,
                kind="trial",
                blender="",
                reason="It failed units that others finished.",
                since_at=0.0,
                until_at=4e9,
                strikes=1,
            ),
        )
        found = reasons(why(manager, job))

    assert "framefarm workers enable off" in found["off"][0]
    assert "quarantined for trial: It failed units" in found["on"][0]
    assert "framefarm workers enable on" in found["on"][0]


def test_a_worker_that_rests_of_its_own_accord_is_told_with_its_own_words(manager: Manager):
    job = manager.trial()
    night = {"host": "here", "resting": "it works 19:00-07:00 only, next at 19:00"}
    with manager.worker(name="owl", facts=night) as owl:
        resting = reasons(why(manager, job))
        owl.hears({"type": "facts", "facts": {"host": "here"}})
        awake = reasons(why(manager, job))

    expected = "it asks for no work just now: it works 19:00-07:00 only, next at 19:00"
    assert resting["owl"] == [expected]
    assert expected not in awake["owl"]


def test_a_job_that_only_waits_for_a_workers_hours_is_not_stuck(manager: Manager):
    night = {"host": "here", "resting": "it works 19:00-07:00 only, next at 19:00"}
    job = manager.trial()
    with manager.worker(name="owl", facts=night):
        assert not why(manager, job)["stuck"]


def test_a_trial_that_asks_for_a_gpu_waits_for_one(manager: Manager):
    job = manager.trial(requires={"gpu": True})
    with manager.worker(name="plain"):
        told = why(manager, job)

    assert told["stuck"]
    assert "asks for a GPU" in reasons(told)["plain"][0]


def test_paused_and_ended_jobs_say_so(manager: Manager):
    paused, cancelled = manager.trial(), manager.trial()
    manager.http.post(f"/api/jobs/{cancelled['id']}/cancel").raise_for_status()
    change(
        manager,
        update(t.jobs).where(t.jobs.c.id == paused["id"]).values(state="paused"),
        update(t.stages).where(t.stages.c.job_id == paused["id"]).values(claimable=False),
    )

    assert f"framefarm resume {paused['id']}" in why(manager, paused)["answer"]
    assert f"framefarm retry {cancelled['id']}" in why(manager, cancelled)["answer"]


def test_of_a_paused_job_only_those_are_listed_that_end_something_of_it(manager: Manager):
    job = manager.trial()
    with manager.worker(name="a"), manager.worker(name="z") as working:
        working.lease()
        manager.http.post(f"/api/jobs/{job['id']}/pause").raise_for_status()
        told = why(manager, job)

    assert [one["worker"] for one in told["workers"]] == ["z"]
    assert "1 worker works on what was handed out before" in told["answer"]
    assert not told["stuck"]


def test_a_job_whose_blender_nobody_has_says_which(manager: Manager):
    job = manager.trial()
    change(
        manager,
        update(t.stages).values(wanted_blender="9.9", blender="", claimable=False),
    )
    with manager.worker():
        told = why(manager, job)

    assert "asks for Blender 9.9" in told["stages"][0]
    assert "there: 5.0" in told["stages"][0]
    assert "waits for a worker with a Blender that reads its file" in told["answer"]
    assert told["stuck"]


def test_with_nobody_connected_that_comes_before_the_blender(manager: Manager):
    job = manager.trial()
    change(
        manager,
        update(t.stages).values(wanted_blender="9.9", blender="", claimable=False),
    )
    with manager.worker(name="gone"):
        pass
    until(lambda: "not connected" in " ".join(reasons(why(manager, job))["gone"]), "its end")

    told = why(manager, job)

    assert told["answer"].startswith(f"No worker is connected, so nobody works on job {job['id']}.")
    assert "framefarm worker" in told["answer"]
    assert "asks for Blender 9.9" in told["stages"][0]
    assert "install" not in told["stages"][0]
    assert told["stuck"]


def test_what_a_worker_has_failed_is_for_others_to_try(manager: Manager):
    job = manager.trial("1")
    with manager.worker(name="bad") as bad, manager.worker(name="good"):
        bad.fail(bad.lease())
        bad.hears({"type": "heartbeat", "leases": []})
        bad.say({"type": "ready", "slot": "cpu"})
        until(lambda: reasons(why(manager, job))["bad"], "a reason")
        told = why(manager, job)

    assert "failed all that is left" in reasons(told)["bad"][0]
    assert reasons(told)["good"] == []


def test_there_is_no_answer_for_a_job_that_is_not_there(manager: Manager):
    answer = manager.http.get("/api/jobs/99/why")

    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_job")


def test_l11_an_idle_worker_is_lent_what_a_slow_one_is_at_and_the_slow_one_is_told(
    manager: Manager,
):
    manager.trial("1-4")
    with manager.worker(name="slow") as slow, manager.worker(name="fast") as fast:
        held = slow.lease()
        for _ in range(3):
            assert fast.finish(fast.lease(), facts={"seconds": 0.05}) == "accepted"
        second = fast.lease()

        assert second["units"] == held["units"]
        assert fast.finish(second) == "accepted"
        assert slow.hear("revoke")["lease"] == held["lease"]
        assert slow.finish(held) == "already_done"
    assert isinstance(slow, Worker)
    manager.check()


def test_when_every_worker_works_on_a_job_nobody_else_is_explained(manager: Manager):
    job = manager.trial("1-4")
    with manager.worker(name="only") as only:
        only.lease()

        told = why(manager, job)

    assert told["answer"] == f"1 worker works on job {job['id']}. It has them all."
    assert reasons(told) == {"only": []}
