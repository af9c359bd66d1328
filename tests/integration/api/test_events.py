"""`/api/events`: the whole farm's life, filtered by right and wish, and gone on with."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.manager import Manager, is_problem

Event = tuple[str, str, dict[str, Any]]


class Stream:
    """An open stream of events; each is (id, kind, facts)."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        self._lines = answer.iter_lines()

    def next(self) -> Event:
        found: dict[str, str] = {}
        for line in self._lines:
            if not line and found:
                return found["id"], found["event"], json.loads(found["data"])
            name, _, value = line.partition(": ")
            if name:
                found[name] = value
        raise AssertionError("the stream ended")

    def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """All up to the first that is wanted."""
        found = [self.next()]
        while not wanted(found[-1]):
            found.append(self.next())
        return found


@contextlib.contextmanager
def stream(manager: Manager, *, after: str = "", token: str = "", **asked: Any) -> Iterator[Stream]:
    headers = {"Last-Event-ID": after} if after else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    url = f"{manager.server.url}/api/events"
    with (
        httpx.Client(timeout=30) as http,
        http.stream("GET", url, params=asked, headers=headers) as answer,
    ):
        yield Stream(answer)


def is_done(job: int) -> Callable[[Event], bool]:
    return lambda event: (
        (event[1], event[2].get("job"), event[2].get("state"))
        == (
            "job",
            job,
            "done",
        )
    )


def told(events: list[Event], kind: str) -> list[dict[str, Any]]:
    return [facts for _, name, facts in events if name == kind]


def is_offline(event: Event) -> bool:
    return (event[1], event[2].get("state")) == ("worker", "offline")


def do_all(manager: Manager, units: int, name: str = "box") -> None:
    with manager.worker(name=name, boot_id=name) as worker:
        for _ in range(units):
            assert worker.finish(worker.lease()) == "accepted"


def test_a_stream_tells_of_jobs_units_and_workers(manager: Manager):
    with stream(manager) as heard:
        assert heard.next()[1] == "begin"
        job = manager.trial("1-3")["id"]
        events: list[Event] = []
        with manager.worker(name="box", boot_id="box") as worker:
            # States are told a few times a second: one that lasts for less may be passed over.
            events += heard.until(lambda event: event[1] == "worker")
            for _ in range(3):
                assert worker.finish(worker.lease()) == "accepted"
            events += heard.until(is_done(job))
        events += heard.until(is_offline)

    units = told(events, "unit")
    assert [(unit["job"], unit["unit"], unit["state"]) for unit in units] == [
        (job, unit, "done") for unit in (1, 2, 3)
    ]
    assert {unit["worker"] for unit in units} == {"box"}
    assert [worker["state"] for worker in told(events, "worker")] == ["online", "offline"]
    assert told(events, "job")[-1] | {"at": ""} == {
        "at": "",
        "job": job,
        "shot_id": None,
        "version": None,
        "name": manager.job(job)["name"],
        "owner": manager.job(job)["owner"],
        "state": "done",
        "priority": 50,
        "message": "",
        "done": 3,
        "failed": 0,
        "total": 3,
    }
    places = [int(place.partition(".")[2]) for place, _, _ in events]
    assert places == sorted(set(places))


def test_a_stream_goes_on_where_it_broke_off(manager: Manager):
    with stream(manager) as heard:
        place = heard.next()[0]
    job = manager.trial("1-3")["id"]
    do_all(manager, 3)

    with stream(manager, after=place) as heard:
        assert heard.next()[:2] == (place, "begin")
        events = heard.until(is_done(job))
        third = next(event for event in events if event[1] == "unit" and event[2]["unit"] == 2)
    with stream(manager, after=third[0]) as heard:
        later = heard.until(is_done(job))

    assert [unit["unit"] for unit in told(events, "unit")] == [1, 2, 3]
    assert [unit["unit"] for unit in told(later, "unit")] == [3]
    assert not told(events + later, "gap")


def test_a_stream_says_that_a_restart_lost_what_was_between(tmp_path: Path):
    first = Manager(tmp_path)
    try:
        with stream(first) as heard:
            place = heard.next()[0]
    finally:
        first.close()
    again = Manager(tmp_path)
    try:
        with stream(again, after=place) as heard:
            assert heard.next()[1] == "begin"
            now, kind, _ = heard.next()
            job = again.trial("1")["id"]
            new = heard.next()
    finally:
        again.close()

    assert kind == "gap"
    assert now.partition(".")[0] != place.partition(".")[0]
    assert (new[1], new[2]["job"]) == ("job", job)


def test_streams_end_whole_when_the_manager_stops(tmp_path: Path):
    first = Manager(tmp_path)
    job = first.trial("1-2")["id"]
    with (
        httpx.Client(base_url=first.server.url, timeout=60) as http,
        http.stream("GET", "/api/events") as farm,
        http.stream("GET", f"/api/jobs/{job}/events") as one,
    ):
        farm_lines, job_lines = farm.iter_lines(), one.iter_lines()
        place = next(line for line in farm_lines if line).removeprefix("id: ")
        assert "event: job" in next(job_lines)
        with first.worker() as worker:
            assert worker.finish(worker.lease()) == "accepted"
            first.close()
        # Broken off, a stream would raise: its last chunk never came.
        left = [list(farm_lines), list(job_lines)]
    again = Manager(tmp_path)
    try:
        with stream(again, after=place) as heard:
            assert heard.next()[1] == "begin"
    finally:
        again.close()

    for lines in left:
        assert "event: unit" in lines
        assert "event: end" not in lines


def test_a_stream_has_only_what_was_asked_for(manager: Manager):
    one, two = manager.trial("1-2")["id"], manager.trial("1-2", name="two")["id"]
    with stream(manager, job=two, kind="unit") as heard:
        heard.next()
        do_all(manager, 4)
        found = [heard.next(), heard.next()]
        assert manager.http.delete(f"/api/jobs/{one}").status_code == 204
    with stream(manager, worker="box", kind=["worker", "job"]) as heard:
        heard.next()
        with manager.worker(name="other", boot_id="other"):
            pass
        renamed = manager.http.post("/api/workers/box/rename", json={"name": "crate"})
        assert renamed.status_code == 200, renamed.text
        changed = heard.until(lambda event: event[2]["worker"] == "crate")

    assert {(kind, facts["job"]) for _, kind, facts in found} == {("unit", two)}
    assert {facts["id"] for _, _, facts in changed} == {changed[-1][2]["id"]}
    assert {kind for _, kind, _ in changed} == {"worker"}


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"worker": "nobody"}, 404, "no_such_worker"),
        ({"stream": "yard"}, 404, "no_such_stream"),
        ({"kind": "party"}, 422, "invalid_request"),
        ({"job": "x"}, 422, "invalid_request"),
        ({"job": [1] * 101}, 422, "invalid_request"),
        ({"project": "a\0"}, 422, "invalid_request"),
        ({"project": ["a", "b"]}, 422, "bad_query"),
        ({"shot_id": "x"}, 422, "invalid_request"),
        ({"sequences": "x"}, 422, "bad_query"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    shared: Manager, asked: dict[str, Any], status: int, code: str
):
    is_problem(shared.http.get("/api/events", params=asked), status, code)


def test_a_job_that_cannot_be_has_no_events_and_is_no_error(shared: Manager):
    with stream(shared, job=10**40) as heard:
        assert heard.next()[1] == "begin"


@pytest.mark.parametrize("place", ["x", "1", "0123456789abcdef.-1", "0123456789abcdef." + "9" * 30])
def test_a_place_that_no_manager_gave_is_refused(shared: Manager, place: str):
    answer = shared.http.get("/api/events", headers={"Last-Event-ID": place})

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_event_id")


def test_an_artist_hears_of_own_jobs_only(manager: Manager):
    token = person(manager, "ada", "artist")
    with stream(manager, token=token) as heard:
        heard.next()
        other = manager.trial("1-2", owner="bob")["id"]
        do_all(manager, 2)
        own = manager.trial("1", owner="ada")["id"]
        do_all(manager, 1)
        events = heard.until(is_done(own))
        assert manager.http.delete(f"/api/jobs/{other}").status_code == 204
        assert manager.http.delete(f"/api/jobs/{own}").status_code == 204
        deleted = heard.next()

    assert {facts["job"] for _, _, facts in events} == {own}
    assert {kind for _, kind, _ in events} == {"job", "unit"}
    assert (deleted[2]["job"], deleted[2]["state"]) == (own, "deleted")


PLACES = {"first": ("sq01", "010"), "second": ("sq01", "020"), "third": ("sq02", "010")}


@pytest.mark.parametrize(
    ("asked", "heard_of"),
    [
        ({"project": "Film"}, {"first", "second", "third"}),
        ({"project": "Film", "sequence": "sq01"}, {"first", "second"}),
        ({"shot": "010"}, {"first", "third"}),
        ({"shot": "010", "sequence": "sq02"}, {"third"}),
        ({"project": "Other"}, set()),
    ],
    ids=lambda value: "-".join(value.values() if isinstance(value, dict) else sorted(value)),
)
def test_a_stream_has_what_happens_to_a_part_of_the_production(
    manager: Manager, asked: dict[str, str], heard_of: set[str]
):
    with stream(manager) as everything:
        place, _, _ = everything.next()
        jobs = {}
        for name, (sequence, shot) in PLACES.items():
            made = manager.trial("1", project="Film", sequence=sequence, shot=shot)
            jobs[made["id"]] = name
            do_all(manager, 1)
            everything.until(is_done(made["id"]))
        [first, *_] = jobs
        manager.http.delete(f"/api/jobs/{first}").raise_for_status()
        last = manager.trial("1", **{"project": "Film", "shot": "030", **asked})["id"]
        everything.until(lambda event: event[2].get("job") == last)

    with stream(manager, after=place, **asked) as heard:
        assert heard.next()[1] == "begin"
        events = heard.until(lambda event: event[2].get("job") == last)

    of_jobs = [(jobs[facts["job"]], kind) for _, kind, facts in events if facts.get("job") in jobs]
    told = {name: {kind for its, kind in of_jobs if its == name} for name, _ in of_jobs}
    assert told == {name: {"job", "unit", "shot"} for name in heard_of}
    deleted = [facts["job"] for _, _, facts in events if facts.get("state") == "deleted"]
    assert deleted == ([first] if "first" in heard_of else [])


def test_a_stream_has_what_happens_to_one_shot_by_its_number(manager: Manager):
    made = manager.trial("1", project="Film", shot="010")
    other = manager.trial("1", project="Film", shot="020")
    with stream(manager, shot_id=made["shot_id"], kind="unit") as heard:
        heard.next()
        do_all(manager, 2)
        manager.trial("2", project="Film", shot="010")
        do_all(manager, 1)
        events = [heard.next(), heard.next()]

    assert {facts["job"] for _, _, facts in events} == {made["id"], other["id"] + 1}


def test_what_happens_to_a_shot_is_told(manager: Manager):
    place = {"project": "Film", "sequence": "sq01", "shot": "010"}
    with stream(manager, kind="shot") as heard:
        heard.next()
        job = manager.trial("1-2", owner="ada", **place)
        path = f"/api/shots/{job['shot_id']}"
        made = heard.next()[2]
        do_all(manager, 2)
        done = heard.next()[2]
        # The job is told of once more, and its version is not.
        manager.http.post(f"/api/jobs/{job['id']}/priority", json={"priority": 9})
        manager.http.patch(path, json={"status": "final", "frames": "1-9"}).raise_for_status()
        changed = heard.next()[2]
        manager.http.delete(path, params={"jobs": True}).raise_for_status()
        deleted = heard.next()[2]

    shot = {"shot": job["shot_id"], "path": "Film/sq01/010", "owner": "ada", "priority": None}
    before, now = {"status": "waiting", "frames": None}, {"status": "final", "frames": "1-9"}
    for facts in (made, done, changed, deleted):
        assert facts.pop("at")
    assert made == {**shot, **before, "what": "made"}
    assert done == {**shot, **before, "what": "version_done", "version": 1, "job": job["id"]}
    assert changed == {**shot, **now, "what": "changed"}
    assert deleted == {**shot, **now, "what": "deleted"}


def test_an_artist_hears_of_the_shots_and_versions_that_the_artist_sees(manager: Manager):
    token = person(manager, "ada", "artist")
    with stream(manager, token=token, kind="shot") as heard:
        heard.next()
        hidden = manager.trial("1", owner="bob", project="Film", shot="hidden")
        do_all(manager, 1)
        manager.http.patch(f"/api/shots/{hidden['shot_id']}", json={"status": "final"})
        his = manager.trial("1", owner="bob", project="Film", shot="both")
        do_all(manager, 1)
        hers = manager.trial("1", owner="ada", project="Film", shot="both")
        do_all(manager, 1)
        events = heard.until(lambda event: event[2].get("version") == hers["version"])
        manager.http.patch(f"/api/shots/{his['shot_id']}", json={"status": "review"})
        events += heard.until(lambda event: event[2]["what"] == "changed")

    assert {facts["path"] for _, _, facts in events} == {"Film/both"}
    assert {facts.get("job") for _, _, facts in events} <= {None, hers["id"]}


def person(manager: Manager, name: str, role: str) -> str:
    made = manager.http.post("/api/users", json={"name": name, "role": role})
    assert made.status_code == 201, made.text
    token = manager.http.post(f"/api/users/{name}/tokens", json={"name": "test"})
    assert token.status_code == 201, token.text
    return str(token.json()["token"])
