"""What is told of sessions: to followers, and to who asks why."""

from __future__ import annotations

from tests.integration.api.manager import Manager, Worker
from tests.integration.api.sessions import ask, following, until_has
from tests.integration.api.test_why import reasons, why


def test_why_tells_who_is_kept_by_sessions(manager: Manager, workers: list[Worker]):
    job, other = manager.trial("1-9"), manager.trial("1-9")
    made = ask(manager, job, 2)
    names = {worker.id: name for worker, name in zip(workers, "abc", strict=True)}
    inside = [names[one] for one in made["workers"]]
    [outside] = set(names.values()) - set(inside)

    its, others = reasons(why(manager, job)), reasons(why(manager, other))

    assert "it is not in the job's session" in its[outside][0]
    assert f"`framefarm session more {job['id']} 1`" in its[outside][0]
    for name in inside:
        assert its[name] == []
        assert f"it is in the session of job {job['id']}" in others[name][0]
    assert others[outside] == []


def test_no_more_workers_are_suggested_for_a_session_that_lacks_some(
    manager: Manager, workers: list[Worker]
):
    job = manager.trial("1-9")
    made = ask(manager, job, len(workers) + 1, wait=True)

    told = reasons(why(manager, job))

    assert made["workers"] == []
    assert len(told) == len(workers)
    for said in told.values():
        assert any("is not in the job's session yet, which lacks workers" in one for one in said)
        assert not any("session more" in one for one in said)


def test_what_happens_in_a_session_is_told_to_followers(manager: Manager):
    job = manager.trial("1-2")
    with following(manager, job) as told:
        made = ask(manager, job, 1)
        with manager.worker(name="a", boot_id="a") as worker:
            until_has(manager, made, worker.id)
            for _ in range(2):
                worker.finish(worker.lease())
            happened = told("released")

    assert [(one["what"], one.get("unit")) for one in happened] == [
        ("joined", None),
        ("started", None),
        ("frame", 1),
        ("frame", 2),
        ("complete", None),
        ("released", None),
    ]
    assert {(one["session"], one["job"]) for one in happened} == {(made["id"], job["id"])}
    assert [one["worker"] for one in happened if "worker" in one] == ["a"] * 5
    [complete] = [one for one in happened if one["what"] == "complete"]
    assert complete["workers"] == ["a"]


def test_leaving_and_finishing_ones_share_are_told(manager: Manager):
    job = manager.trial("1-2")
    with following(manager, job) as told, manager.worker(name="a", boot_id="a") as first:
        with manager.worker(name="b", boot_id="b") as second:
            ask(manager, job, 2)
            held = first.lease()
            second.finish(second.lease())
            share = told("share")[-1]
        left = told("left")[-1]
        first.finish(held)

    assert (share["worker"], left["worker"], left["reason"]) == ("b", "b", "it left")
