"""Making, changing and deleting projects, sequences and shots, one or many; notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.shots import Farm, at_work

KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "projects": ({"name": "Film"}, {"status": "on_hold", "priority": 9, "description": "d"}),
    "sequences": (
        {"project": "Film", "name": "sq01"},
        {"status": "final", "priority": 9, "description": "d"},
    ),
    "shots": (
        {"project": "Film", "sequence": "sq01", "name": "010"},
        {"status": "review", "priority": 9, "description": "d", "frames": "1-4,6"},
    ),
}
"""What is made of each kind, and what may be changed of it."""


def make(manager: Manager, kind: str, **said: Any) -> dict[str, Any]:
    answer = manager.http.post(f"/api/{kind}", json={**KINDS[kind][0], **said})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def names(manager: Manager, kind: str, **asked: Any) -> list[str]:
    answer = manager.http.get(f"/api/{kind}", params=asked).raise_for_status()
    return [one["name"] for one in answer.json()[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_is_there_with_all_above_it(manager: Manager, kind: str):
    made = make(manager, kind, **KINDS[kind][1])

    one = manager.http.get(f"/api/{kind}/{made['id']}")
    assert one.json() == made
    assert one.headers["etag"]
    assert {name: made[name] for name in KINDS[kind][1]} == KINDS[kind][1]
    assert names(manager, "projects") == ["Film"]
    assert names(manager, "sequences") == (["sq01"] if kind != "projects" else [])


@pytest.mark.parametrize("kind", KINDS)
def test_second_of_a_name_is_refused_whatever_its_capitals(manager: Manager, kind: str):
    body = KINDS[kind][0]
    make(manager, kind)

    is_problem(manager.http.post(f"/api/{kind}", json=body), 409, "name_taken")
    other = {**body, "name": body["name"].swapcase() + "a"}
    made = manager.http.post(f"/api/{kind}", json=other)
    again = manager.http.post(f"/api/{kind}", json={**other, "name": other["name"].swapcase()})
    assert made.status_code == 201
    is_problem(again, 409, "name_taken")


def test_same_name_in_another_place_is_another(manager: Manager):
    places = [("Film", ""), ("Film", "sq01"), ("Film", "sq02"), ("Other", "sq01")]
    made = [make(manager, "shots", project=p, sequence=s) for p, s in places]

    assert len({shot["id"] for shot in made}) == 4
    assert [shot["path"] for shot in made] == [
        "Film/010",
        "Film/sq01/010",
        "Film/sq02/010",
        "Other/sq01/010",
    ]
    assert names(manager, "sequences", project="Film") == ["sq01", "sq02"]


@pytest.mark.parametrize("kind", KINDS)
def test_change_counts_only_while_nothing_was_changed_meanwhile(manager: Manager, kind: str):
    made, change = make(manager, kind), KINDS[kind][1]
    path = f"/api/{kind}/{made['id']}"
    seen = {"If-Match": manager.http.get(path).headers["etag"]}

    changed = manager.http.patch(path, json=change, headers=seen)

    assert changed.status_code == 200
    assert changed.json() == {**made, **change} == manager.http.get(path).json()
    assert changed.headers["etag"] == manager.http.get(path).headers["etag"]
    is_problem(manager.http.patch(path, json={"priority": 1}, headers=seen), 412, "changed")
    is_problem(manager.http.delete(path, headers=seen), 412, "changed")
    assert manager.http.get(path).json() == changed.json()
    now = {"If-Match": changed.headers["etag"]}
    assert manager.http.delete(path, headers=now).status_code == 204
    gone = f"no_such_{kind[:-1]}"
    is_problem(manager.http.get(path), 404, gone)
    is_problem(manager.http.delete(path), 404, gone)
    is_problem(manager.http.patch(path, json={}), 404, gone)


def test_what_is_left_out_stays_and_null_empties_what_may_be_empty(manager: Manager):
    made = make(manager, "shots", **KINDS["shots"][1])
    path = f"/api/shots/{made['id']}"

    assert manager.http.patch(path, json={}).json() == made
    null = {"frames": None, "priority": None, "status": None, "description": None}
    now = manager.http.patch(path, json=null).json()
    assert now == {**made, "frames": None, "priority": None}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/projects", {"name": "a/b"}),
        ("/api/projects", {"name": "CON"}),
        ("/api/projects", {}),
        ("/api/projects", {"name": "Film", "status": "final"}),
        ("/api/projects", {"name": "Film", "frames": "1-2"}),
        ("/api/sequences", {"name": "sq01"}),
        ("/api/sequences", {"project": "", "name": "sq01"}),
        ("/api/shots", {"name": "010"}),
        ("/api/shots", {"project": "", "name": "010"}),
        ("/api/shots", {"project": "Film", "name": ""}),
        ("/api/shots", {"project": "Film", "name": "010", "frames": "9-1"}),
        ("/api/shots", {"project": "Film", "name": "010", "frames": ""}),
        ("/api/shots", {"project": "Film", "name": "010", "frames": "1-99999999999"}),
        ("/api/shots", {"project": "Film", "name": "010", "frames": "1-9999x2,1-9999x3,1-99x7"}),
        ("/api/shots", {"project": "Film", "name": "010", "priority": 101}),
        ("/api/shots", {"project": "Film", "name": "010", "status": "done"}),
        ("/api/shots", {"project": "Film", "name": "010", "description": "a\x00"}),
        ("/api/shots", {"project": "Film", "name": "010", "description": "x" * 2001}),
        ("/api/shots", {"project": "Film", "name": "010", "sequence": ".."}),
        ("/api/shots", []),
        ("/api/shots/update", {"status": "final"}),
        ("/api/shots/update", {"shots": [1]}),
        ("/api/shots/update", {"shots": [], "status": "final"}),
        ("/api/shots/update", {"shots": [1], "where": {}, "status": "final"}),
        ("/api/shots/update", {"shots": [1], "frames": "1-2"}),
        ("/api/shots/update", {"where": {"of": "Film"}, "status": "final"}),
        ("/api/shots/update", {"shots": [1], "status": None}),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_and_makes_nothing(shared: Manager, path: str, body: Any):
    answer = shared.http.post(path, json=body)

    told = is_problem(answer, 422, answer.json()["code"])
    assert told["code"] in {"bad_name", "invalid_request", "bad_frames", "shot_without_project"}
    assert names(shared, "projects") == names(shared, "shots") == []


def test_lists_are_filtered_sorted_and_paged(manager: Manager):
    for sequence, count in (("sq01", 5), ("sq02", 4), ("", 3)):
        for number in range(count):
            status = "review" if number % 2 else "waiting"
            make(manager, "shots", sequence=sequence, name=f"{sequence}s{number}", status=status)

    def pages(kind: str, limit: int, **asked: Any) -> list[str]:
        found: list[str] = []
        cursor: Any = ""
        while cursor is not None:
            asked = {**asked, "limit": limit, "cursor": cursor}
            page = manager.http.get(f"/api/{kind}", params=asked).raise_for_status().json()
            found += [one["name"] for one in page[kind]]
            cursor = page["next"]
        return found

    every = names(manager, "shots")
    assert len(every) == 12
    assert every == sorted(every)
    for sort in ("name", "-name", "id", "-id", "status", "-status", "project", "-project"):
        assert pages("shots", 5, sort=sort) == names(manager, "shots", sort=sort)
        assert sorted(pages("shots", 5, sort=sort)) == every
    assert pages("shots", 2, sequence="sq02", status="review") == ["sq02s1", "sq02s3"]
    assert pages("shots", 2, name="S0") == ["s0", "sq01s0", "sq02s0"]
    assert pages("sequences", 1, sort="-name") == ["sq02", "sq01"]
    assert names(manager, "projects", status="closed") == []
    assert manager.http.get("/api/projects").json()["projects"][0]["shots"] == 12
    assert [one["shots"] for one in manager.http.get("/api/sequences").json()["sequences"]] == [
        5,
        4,
    ]
    for kind in KINDS:
        is_problem(manager.http.get(f"/api/{kind}?cursor=x"), 422, "bad_cursor")
        is_problem(manager.http.get(f"/api/{kind}?sort=owner"), 422, "invalid_request")
        is_problem(manager.http.get(f"/api/{kind}?name=%00"), 422, "invalid_request")


# --- many at once -------------------------------------------------------------------------------


def update(manager: Manager, **body: Any) -> httpx.Response:
    return manager.http.post("/api/shots/update", json=body)


def test_many_shots_are_changed_by_number_or_by_what_they_are_like(manager: Manager):
    made = [make(manager, "shots", name=f"{number:03}") for number in range(10, 60, 10)]
    make(manager, "shots", sequence="sq02", name="030")

    by_number = update(manager, shots=[made[0]["id"], made[4]["id"]], status="review")
    assert [shot["name"] for shot in by_number.json()["shots"]] == ["010", "050"]
    where = {"project": "Film", "sequence": "sq01", "first": "020", "last": "040"}
    by_range = update(manager, where=where, status="approved", priority=80)
    assert [shot["name"] for shot in by_range.json()["shots"]] == ["020", "030", "040"]
    back = update(manager, where={"status": "review"}, priority=None, status="waiting")
    assert {shot["status"] for shot in back.json()["shots"]} == {"waiting"}

    assert names(manager, "shots", status="approved") == ["020", "030", "040"]
    priorities = {
        shot["path"]: shot["priority"] for shot in manager.http.get("/api/shots").json()["shots"]
    }
    assert priorities["Film/sq01/030"] == 80
    assert priorities["Film/sq02/030"] is None


def test_of_many_shots_all_are_changed_or_none(manager: Manager):
    made = make(manager, "shots")

    told = is_problem(update(manager, shots=[made["id"], 77], status="final"), 404, "no_such_shot")

    assert "77" in told["detail"]
    is_problem(update(manager, where={"project": "film"}, status="final"), 404, "no_such_shot")
    assert names(manager, "shots", status="final") == []


def test_more_shots_than_go_in_one_transaction_are_refused(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
):
    for number in range(4):
        make(manager, "shots", name=f"{number}")
    monkeypatch.setattr("framefarm.farm.shot_changes.MOST_AT_ONCE", 3)

    is_problem(update(manager, where={}, status="final"), 422, "too_many_shots")
    assert names(manager, "shots", status="final") == []
    assert update(manager, where={"last": "2"}, status="final").status_code == 200


# --- jobs and what they belong to ---------------------------------------------------------------


@pytest.fixture
def farm(manager: Manager) -> Iterator[Farm]:
    with at_work(manager) as made:
        yield made


def test_priority_is_inherited_from_the_nearest_that_says_one(manager: Manager):
    def priority(**place: str) -> int:
        return int(manager.trial(project="Film", **place)["priority"])

    assert priority(sequence="sq01", shot="010") == 50
    project = manager.http.get("/api/projects").json()["projects"][0]
    manager.http.patch(f"/api/projects/{project['id']}", json={"priority": 60})
    assert (priority(), priority(sequence="sq01", shot="010"), priority(shot="new")) == (60,) * 3
    sequence = manager.http.get("/api/sequences").json()["sequences"][0]
    manager.http.patch(f"/api/sequences/{sequence['id']}", json={"priority": 70})
    assert (priority(sequence="sq01", shot="010"), priority(shot="010")) == (70, 60)
    assert priority(sequence="sq01", shot="new") == 70
    shot = manager.http.get("/api/shots?sequence=sq01&shot=010").json()["shots"][0]
    manager.http.patch(f"/api/shots/{shot['id']}", json={"priority": 0})
    assert priority(sequence="sq01", shot="010") == 0


def test_nothing_is_rendered_for_what_is_closed_or_omitted(manager: Manager):
    shot = make(manager, "shots")
    body = {"kind": "trial", "settings": {"units": "1"}, "project": "Film"}
    placed = {**body, "sequence": "sq01", "shot": "010"}

    manager.http.patch(f"/api/shots/{shot['id']}", json={"status": "omitted"}).raise_for_status()
    told = is_problem(manager.http.post("/api/jobs", json=placed), 409, "closed")
    assert "Film/sq01/010 is omitted" in told["detail"]
    assert manager.http.post("/api/jobs", json=body).status_code == 201
    project = f"/api/projects/{shot['project_id']}"
    manager.http.patch(project, json={"status": "closed"}).raise_for_status()
    is_problem(manager.http.post("/api/jobs", json=body), 409, "closed")
    new = {"project": "Film", "name": "020"}
    is_problem(manager.http.post("/api/shots", json=new), 409, "closed")
    assert names(manager, "shots") == ["010"]
