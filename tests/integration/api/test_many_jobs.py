"""`POST /api/jobs/steer`: the same for many jobs, by number or by what they are like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from framefarm.api.many_jobs import WhereJobs
from framefarm.client import AsyncFarm, Farm, JobFilter
from framefarm.farm.job_selection import MOST_AT_ONCE
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.people import People

FILM: dict[str, Any] = {"project": "Film", "sequence": "sq01"}


@pytest.fixture
def jobs(manager: Manager) -> list[int]:
    """Two of shot 010, ann's and bob's, one of 020, and one of no shot."""
    made = [
        manager.trial("1-2", **FILM, shot="010", owner="ann"),
        manager.trial("1-2", **FILM, shot="010", owner="bob"),
        manager.trial("1-2", **FILM, shot="020", owner="ann", name="wide"),
        manager.trial("1-2", owner="bob", priority=70),
    ]
    return [job["id"] for job in made]


def asked(manager: Manager, action: str, **body: Any) -> httpx.Response:
    return manager.http.post("/api/jobs/steer", json={"action": action, **body})


def steer(manager: Manager, action: str, **body: Any) -> dict[int, tuple[str, str]]:
    """What became of which job, and its state then."""
    told = asked(manager, action, **body).raise_for_status().json()["jobs"]
    assert all(one["message"] for one in told)
    return {one["id"]: (one["outcome"], one["state"]) for one in told}


def states(manager: Manager, jobs: list[int]) -> list[str]:
    return [manager.job(job)["state"] for job in jobs]


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ({"project": "Film"}, [0, 1, 2]),
        ({"project": "Film", "shot": "010"}, [0, 1]),
        ({"sequence": "sq01", "owner": "ann"}, [0, 2]),
        ({"owner": "bob", "state": ["queued", "failed"]}, [1, 3]),
        ({"name": "WIDE"}, [2]),
        ({"shot": ""}, [3]),
        ({"kind": "trial"}, [0, 1, 2, 3]),
    ],
    ids=str,
)
def test_those_that_match_are_paused_and_no_others(
    manager: Manager, jobs: list[int], where: dict[str, Any], meant: list[int]
):
    told = steer(manager, "pause", where=where)

    assert told == {jobs[at]: ("done", "paused") for at in meant}
    expected = ["paused" if at in meant else "queued" for at in range(4)]
    assert states(manager, jobs) == expected
    manager.check()


def test_those_that_are_named_are_steered_once(manager: Manager, jobs: list[int]):
    told = steer(manager, "cancel", jobs=[jobs[2], jobs[0], jobs[2]])

    assert told == dict.fromkeys((jobs[0], jobs[2]), ("done", "cancelled"))
    assert states(manager, jobs) == ["cancelled", "queued", "cancelled", "queued"]


def test_each_action_does_what_it_does_to_one(manager: Manager, jobs: list[int]):
    film = {"where": {"project": "Film"}}

    assert set(steer(manager, "priority", priority=90, **film).values()) == {("done", "queued")}
    assert [manager.job(job)["priority"] for job in jobs] == [90, 90, 90, 70]
    assert set(steer(manager, "pause", **film).values()) == {("done", "paused")}
    assert set(steer(manager, "resume", **film).values()) == {("done", "queued")}
    assert set(steer(manager, "cancel", **film).values()) == {("done", "cancelled")}
    assert set(steer(manager, "retry", **film).values()) == {("done", "queued")}
    assert [manager.job(job)["stages"][0]["pending"] for job in jobs] == [2] * 4
    assert set(steer(manager, "delete", **film).values()) == {("done", "")}
    assert [one["id"] for one in manager.http.get("/api/jobs").json()["jobs"]] == jobs[3:]
    manager.check()


def test_what_is_in_work_is_taken_back_at_once_where_that_is_asked(
    manager: Manager, jobs: list[int]
):
    with manager.worker(name="one") as one, manager.worker(name="two") as two:
        leases = [one.lease(), two.lease()]

        told = steer(manager, "pause", where={"state": ["running", "queued"]}, now=True)

        assert told.keys() == set(jobs)
        assert [one.hear("revoke")["lease"], two.hear("revoke")["lease"]] == [
            lease["lease"] for lease in leases
        ]
    manager.check()


def test_what_is_so_already_is_told(manager: Manager, jobs: list[int]):
    for action, body in (("pause", {}), ("priority", {"priority": 3}), ("cancel", {})):
        steer(manager, action, jobs=jobs[:1], **body)
        [told] = steer(manager, action, jobs=jobs[:1], **body).values()
        assert told[0] == "unchanged"
    [told] = steer(manager, "resume", jobs=jobs[1:2]).values()
    assert told == ("unchanged", "queued")


def test_what_one_refuses_holds_up_no_other(manager: Manager, jobs: list[int]):
    with manager.worker() as worker:
        for _ in range(2):
            worker.finish(worker.lease())  # the most urgent one, of bob's
    assert states(manager, jobs) == ["queued", "queued", "queued", "done"]

    assert steer(manager, "cancel", jobs=jobs) == {
        **dict.fromkeys(jobs[:3], ("done", "cancelled")),
        jobs[3]: ("refused", "done"),
    }
    told = asked(manager, "retry", jobs=jobs[2:]).json()["jobs"]
    assert [one["outcome"] for one in told] == ["done", "refused"]
    assert "Nothing of job" in told[1]["message"]


def test_a_filter_without_a_state_leaves_out_what_cannot_be_meant(
    manager: Manager, jobs: list[int]
):
    steer(manager, "cancel", jobs=jobs[:1])

    assert steer(manager, "pause", where={"project": "Film"}).keys() == {jobs[1], jobs[2]}
    assert steer(manager, "retry", where={"project": "Film"}).keys() == {jobs[0]}
    ended = {"project": "Film", "state": ["cancelled", "paused"]}
    assert steer(manager, "cancel", where=ended).keys() == {jobs[1], jobs[2]}
    assert steer(manager, "delete", where={"project": "Film"}).keys() == set(jobs[:3])


NOBODY_SAID = "say which jobs"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"action": "pause"}, "invalid_request", NOBODY_SAID),
        ({"action": "pause", "jobs": []}, "invalid_request", NOBODY_SAID),
        ({"action": "delete", "where": {}}, "invalid_request", NOBODY_SAID),
        ({"action": "delete", "where": {"state": []}}, "invalid_request", NOBODY_SAID),
        ({"action": "delete", "where": {"name": ""}}, "invalid_request", "name"),
        ({"action": "delete", "where": {"owner": None}}, "invalid_request", NOBODY_SAID),
        ({"action": "pause", "jobs": [1], "where": {"name": "a"}}, "invalid_request", NOBODY_SAID),
        ({"action": "pause", "all": True}, "invalid_request", "all"),
        ({"action": "pause", "where": {"porject": "Film"}}, "invalid_request", "porject"),
        ({"action": "pause", "where": {"state": ["lost"]}}, "invalid_request", "state"),
        ({"action": "pause", "where": {"name": "a\0"}}, "invalid_request", "name"),
        ({"action": "explode", "jobs": [1]}, "invalid_request", "action"),
        ({"action": "pause", "jobs": [1.5]}, "invalid_request", "jobs"),
        ({"action": "pause", "jobs": list(range(1_001))}, "invalid_request", "jobs"),
        ({"action": "cancel", "jobs": [1], "now": True}, "invalid_request", "now"),
        ({"action": "cancel", "jobs": [1], "outputs": True}, "invalid_request", "outputs"),
        ({"action": "cancel", "jobs": [1], "priority": 1}, "invalid_request", "priority"),
        ({"action": "priority", "jobs": [1]}, "invalid_request", "priority"),
        ({"action": "priority", "jobs": [1], "priority": 101}, "invalid_request", "priority"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    shared: Manager, body: dict[str, Any], code: str, said: str
):
    job = shared.trial()["id"]

    answer = shared.http.post("/api/jobs/steer", json=body)

    assert said in is_problem(answer, 422, code)["detail"]
    assert shared.job(job)["state"] == "queued"
    shared.http.delete(f"/api/jobs/{job}").raise_for_status()


def test_where_one_is_not_there_nothing_is_done(manager: Manager, jobs: list[int]):
    told = is_problem(asked(manager, "cancel", jobs=[*jobs, 999_999]), 404, "no_such_job")
    assert "999999" in told["detail"]
    told = is_problem(asked(manager, "cancel", where={"name": "tight"}), 404, "no_such_job")
    assert "framefarm jobs" in told["detail"]
    is_problem(asked(manager, "retry", where={"project": "Film"}), 404, "no_such_job")

    assert states(manager, jobs) == ["queued"] * 4


def test_more_than_can_be_steered_in_one_go_are_refused(
    manager: Manager, jobs: list[int], monkeypatch: pytest.MonkeyPatch
):
    assert MOST_AT_ONCE == 1_000
    monkeypatch.setattr("framefarm.farm.job_selection.MOST_AT_ONCE", 3)

    told = is_problem(asked(manager, "cancel", where={"kind": "trial"}), 422, "too_many_jobs")

    assert "More than 3 jobs match that; narrow it" in told["detail"]
    assert states(manager, jobs) == ["queued"] * 4
    assert len(steer(manager, "cancel", where={"project": "Film"})) == 3


def test_a_filter_has_all_that_the_list_is_filtered_by(manager: Manager):
    described = manager.http.get("/api/openapi.json").json()["paths"]["/api/jobs"]["get"]
    filters = {one["name"] for one in described["parameters"]} - {"sort", "cursor", "limit"}

    assert set(WhereJobs.model_fields) == filters


async def test_both_clients_steer_many(manager: Manager, jobs: list[int]):
    with Farm(manager.server.url) as farm:
        told = farm.steer_jobs("pause", JobFilter(project="Film", state=("queued",)), now=True)
        assert [(one.id, one.outcome, one.state) for one in told] == [
            (job, "done", "paused") for job in jobs[:3]
        ]
        assert [job.id for job in farm.jobs(JobFilter(shot="010", owner="bob"))] == [jobs[1]]
    async with AsyncFarm(manager.server.url) as waiting:
        [told_one] = await waiting.steer_jobs("priority", jobs[3:], priority=10)
        assert told_one.message == "has priority 10"


# --- rights ---


@pytest.fixture
def theirs(people: People) -> Iterator[dict[str, int]]:
    body = {"kind": "trial", "settings": {"units": "1"}, "project": "Ours"}
    made = {
        who: people.ask(who, "POST", "/api/jobs", json=body).raise_for_status().json()["id"]
        for who in ("ada", "bob")
    }
    yield made
    for job in made.values():
        people.ask("root", "DELETE", f"/api/jobs/{job}")


def ask(people: People, who: str, **body: Any) -> httpx.Response:
    return people.ask(who, "POST", "/api/jobs/steer", json={"action": "pause", **body})


def test_an_artist_steers_own_jobs_only(people: People, theirs: dict[str, int]):
    told = ask(people, "ada", where={"project": "Ours"}).raise_for_status().json()["jobs"]

    assert [one["id"] for one in told] == [theirs["ada"]]
    # Asked for those of somebody else, the own ones are not meant.
    is_problem(ask(people, "ada", where={"owner": "bob"}), 404, "no_such_job")
    missing = is_problem(ask(people, "ada", jobs=[987_654]), 404, "no_such_job")["detail"]
    others = is_problem(ask(people, "ada", jobs=list(theirs.values())), 404, "no_such_job")
    assert others["detail"].replace(str(theirs["bob"]), "987654") == missing
    assert people.manager.job(theirs["bob"])["state"] == "queued"


def test_viewers_and_tokens_that_only_read_or_hand_in_steer_nothing(
    people: People, theirs: dict[str, int]
):
    where = {"project": "Ours"}
    for who in ("vic", people.token("ada", scope="read"), people.token("ada", scope="submit")):
        is_problem(ask(people, who, where=where), 403, "not_allowed")

    assert people.manager.job(theirs["ada"])["state"] == "queued"
    told = ask(people, "root", where=where).raise_for_status().json()["jobs"]
    assert {one["id"] for one in told} == set(theirs.values())
