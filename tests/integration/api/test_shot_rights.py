"""Who sees and changes which shots: jobs of others are hidden from artists, and what is of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.integration.api.manager import Worker, is_problem, of, result_file
from tests.integration.api.people import People
from tests.integration.api.shots import SHADES, archive
from tests.integration.api.test_people import ALLOWED

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "/api/projects/{project_id}"): {"status": "closed"},
    ("PATCH", "/api/sequences/{sequence_id}"): {"status": "final"},
    ("PATCH", "/api/shots/{shot_id}"): {"status": "final"},
    ("POST", "/api/shots/{shot_id}/notes"): {"text": "mine"},
    ("PATCH", "/api/shots/{shot_id}/notes/{note}"): {"text": "mine"},
}
OTHERS = [
    (method, path)
    for method, path in sorted(ALLOWED["artist"])
    if any(name in path for name in ("{project_id}", "{sequence_id}", "{shot_id}"))
]
NAMES = iter(range(10**6))


@dataclass
class Shot:
    """Ada's shot with a finished version, and her note."""

    people: People
    project: str
    ids: dict[str, int]

    def path(self, route: str) -> str:
        for name, number in self.ids.items():
            route = route.replace(f"{{{name}}}", str(number))
        return route.replace("{frame}", "1").replace("{note}", str(self.ids["note"]))

    def ask(self, who: str, method: str, route: str, **more: Any) -> httpx.Response:
        return self.people.ask(who, method, self.path(route), **more)

    def submit(self, who: str, units: str = "1-2", **more: Any) -> dict[str, Any]:
        place = {"project": self.project, "sequence": "sq01", "shot": "010", **more}
        settings = {"units": units, "largest_lease": 1}
        body = {"kind": "trial", "settings": settings, **place}
        made = self.people.ask(who, "POST", "/api/jobs", json=body)
        assert made.status_code == 201, made.text
        return dict(made.json())

    def render(self, who: str, units: str = "1-2") -> dict[str, Any]:
        job = self.submit(who, units)
        with self.people.manager.worker(name="w", boot_id=f"{job['id']}") as worker:
            for _ in range(job["stages"][0]["total"]):
                _make_one(worker, SHADES[job["version"]])
        return job

    def told(self, who: str) -> dict[str, Any]:
        """Everything of the shot that somebody is shown, by route."""
        return {
            path: answer.json()
            for method, path in OTHERS
            if method == "GET" and "{shot_id}" in path
            for answer in [self.ask(who, method, path)]
            if answer.headers["content-type"] == "application/json"
        }


def _make_one(worker: Worker, image: bytes) -> None:
    lease = worker.lease()
    name = f"trial_{of(lease)['unit']:04d}.png"
    assert worker.put(lease, (name, "image", image)).status_code == 200


@pytest.fixture
def shot(people: People) -> Iterator[Shot]:
    project = f"Film{next(NAMES)}"
    made = Shot(people, project, {})
    job = made.render("ada")
    view = people.ask("ada", "GET", f"/api/shots/{job['shot_id']}").json()
    made.ids = {name: view[name] for name in ("project_id", "sequence_id")}
    made.ids["shot_id"] = view["id"]
    note = people.ask("ada", "POST", f"/api/shots/{view['id']}/notes", json={"text": "hers"})
    made.ids["note"] = note.json()["id"]
    yield made
    for job in people.manager.http.get(f"/api/jobs?project={project}").json()["jobs"]:
        people.manager.http.delete(f"/api/jobs/{job['id']}").raise_for_status()


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_shot_of_another_artist_is_as_if_it_were_not_there(shot: Shot, method: str, path: str):
    body = BODIES.get((method, path))
    before = {who: shot.told(who) for who in ("ada", "root", "vic")}
    name = next(name for name in ("project_id", "sequence_id", "shot_id") if name in path)

    answer = shot.ask("bob", method, path, json=body)

    missing = shot.path(path.replace(f"{{{name}}}", "987654"))
    nothing = shot.people.ask("bob", method, missing, json=body)
    if method == "HEAD":  # told as GET is, without the words
        assert (answer.status_code, nothing.status_code) == (404, 404)
        assert not answer.content
    else:
        told = is_problem(answer, 404, f"no_such_{name[:-3]}")
        detail = told["detail"].replace(f" {shot.ids[name]}", " 987654")
        assert detail == nothing.json()["detail"]
    assert {who: shot.told(who) for who in ("ada", "root", "vic")} == before


@pytest.mark.parametrize("spelled", ["{}.0", "+{}", "%20{}", "0x{:x}", "%D9%A1", "1_0", "-1"])
@pytest.mark.parametrize("kind", ["project", "sequence", "shot"])
def test_number_has_one_spelling(shot: Shot, kind: str, spelled: str):
    number = spelled.format(shot.ids[f"{kind}_id"])

    answer = shot.people.ask("bob", "GET", f"/api/{kind}s/{number}")

    assert answer.status_code in {403, 404, 422}


def listed(people: People, who: str, kind: str) -> set[str]:
    found = people.ask(who, "GET", f"/api/{kind}").raise_for_status().json()[kind]
    return {one.get("path", one["name"]) for one in found}


def test_lists_show_artists_what_own_jobs_belong_to_and_what_they_made(shot: Shot):
    people, project = shot.people, shot.project
    mine = {"project": f"{project}b", "sequence": "sq09", "name": "090"}
    assert people.ask("bob", "POST", "/api/shots", json=mine).json()["created_by"] == "bob"
    paths = {
        "projects": (project, f"{project}b"),
        "sequences": (f"{project}/sq01", f"{project}b/sq09"),
        "shots": (f"{project}/sq01/010", f"{project}b/sq09/090"),
    }

    for kind, (hers, his) in paths.items():
        for who in ("root", "vic"):
            assert {hers, his} <= listed(people, who, kind)
        assert hers in listed(people, "ada", kind)
        assert his not in listed(people, "ada", kind)
        assert his in listed(people, "bob", kind)
        assert hers not in listed(people, "bob", kind)
    # With a job of his own in her shot he sees the shot, and not the jobs of hers.
    shot.submit("bob")
    for kind, (hers, _) in paths.items():
        assert hers in listed(people, "bob", kind)


def test_artist_sees_own_versions_and_frames_of_a_shot_of_several(shot: Shot):
    his = shot.render("bob", "2-3")

    ada, bob, root = (shot.told(who) for who in ("ada", "bob", "root"))

    of_shot = "/api/shots/{shot_id}"
    assert (ada[of_shot]["versions"], bob[of_shot]["versions"], root[of_shot]["versions"]) == (
        1,
        1,
        2,
    )
    assert (ada[of_shot]["newest"]["version"], bob[of_shot]["newest"]["version"]) == (1, 2)
    parts = {
        who: [(one["version"], one["frames"]) for one in told[f"{of_shot}/frames"]["frames"]]
        for who, told in {"ada": ada, "bob": bob, "root": root}.items()
    }
    assert parts == {"ada": [(1, "1-2")], "bob": [(2, "2-3")], "root": [(2, "2-3"), (1, "1")]}
    assert [one["owner"] for one in bob[f"{of_shot}/versions"]["versions"]] == ["bob"]
    assert {one["job"] for one in bob[f"{of_shot}/files"]["files"]} == {his["id"]}
    frame = f"{of_shot}/frames/{{frame}}"
    assert shot.ask("root", "GET", frame).content == SHADES[1]
    is_problem(shot.ask("bob", "GET", frame), 404, "no_such_unit")
    zipped = f"{of_shot}/download?what=frames"
    assert set(archive(shot.ask("bob", "GET", zipped)).values()) == {SHADES[2]}
    assert set(archive(shot.ask("vic", "GET", zipped)).values()) == {SHADES[1], SHADES[2]}
    assert str(result_file("a", "image", SHADES[1]).sha256) not in str(bob)


def test_artist_changes_a_shot_with_own_jobs_and_projects_only_of_own_making(shot: Shot):
    shot.submit("bob")

    changed = shot.ask("bob", "PATCH", "/api/shots/{shot_id}", json={"status": "review"})
    assert changed.json()["status"] == "review"
    for route in ("/api/projects/{project_id}", "/api/sequences/{sequence_id}"):
        told = is_problem(
            shot.ask("bob", "PATCH", route, json={"priority": 99}), 403, "not_allowed"
        )
        assert "made by ada" in told["detail"]
        assert shot.ask("ada", "PATCH", route, json={"priority": 51}).status_code == 200
        assert shot.ask("root", "PATCH", route, json={"priority": 52}).status_code == 200
        is_problem(shot.ask("vic", "PATCH", route, json={"priority": 99}), 403, "not_allowed")
        is_problem(shot.ask("bob", "DELETE", route), 403, "not_allowed")
    is_problem(shot.ask("bob", "DELETE", "/api/shots/{shot_id}"), 403, "not_allowed")


def test_artist_deletes_no_jobs_and_shots_of_others(shot: Shot):
    his = shot.submit("bob")
    shot.people.ask("bob", "POST", f"/api/jobs/{his['id']}/cancel").raise_for_status()

    for route in ("/api/shots/{shot_id}", "/api/projects/{project_id}"):
        answer = shot.ask("ada", "DELETE", f"{route}?jobs=true")
        assert "of others" in is_problem(answer, 409, "in_use")["detail"]
    assert shot.people.manager.job(his["id"])["state"] == "cancelled"
    shot.people.ask("bob", "DELETE", f"/api/jobs/{his['id']}").raise_for_status()
    new = {"project": shot.project, "sequence": "sq01", "name": "020"}
    shot.people.ask("bob", "POST", "/api/shots", json=new).raise_for_status()
    for route in ("/api/sequences/{sequence_id}", "/api/projects/{project_id}"):
        answer = shot.ask("ada", "DELETE", f"{route}?jobs=true")
        assert "Others made shots in it" in is_problem(answer, 409, "in_use")["detail"]

    assert shot.ask("root", "DELETE", "/api/projects/{project_id}?jobs=true").status_code == 204


def test_many_shots_are_those_that_an_artist_sees(shot: Shot):
    his = {"project": shot.project, "sequence": "sq01", "name": "020"}
    made = shot.people.ask("bob", "POST", "/api/shots", json=his).json()

    def update(who: str, **body: Any) -> httpx.Response:
        return shot.people.ask(who, "POST", "/api/shots/update", json={"status": "final", **body})

    both = [made["id"], shot.ids["shot_id"]]
    is_problem(update("bob", shots=both), 404, "no_such_shot")
    assert shot.told("root")["/api/shots/{shot_id}"]["status"] == "waiting"
    where = {"project": shot.project}
    assert [one["name"] for one in update("bob", where=where).json()["shots"]] == ["020"]
    assert shot.told("root")["/api/shots/{shot_id}"]["status"] == "waiting"
    is_problem(update("vic", where=where), 403, "not_allowed")
    assert len(update("root", where=where).json()["shots"]) == 2


def test_note_is_changed_by_its_author_and_deleted_by_admins_too(shot: Shot):
    shot.submit("bob")
    notes, note = "/api/shots/{shot_id}/notes", "/api/shots/{shot_id}/notes/{note}"

    assert [one["author"] for one in shot.ask("bob", "GET", notes).json()["notes"]] == ["ada"]
    for who in ("bob", "root", "vic"):
        answer = shot.ask(who, "PATCH", note, json={"text": "no"})
        is_problem(answer, 403, "not_allowed")
    is_problem(shot.ask("bob", "DELETE", note), 403, "not_allowed")
    is_problem(shot.ask("vic", "POST", notes, json={"text": "no"}), 403, "not_allowed")
    assert shot.ask("ada", "PATCH", note, json={"text": "yes"}).json()["text"] == "yes"
    assert shot.ask("root", "DELETE", note).status_code == 204
    his = shot.ask("bob", "POST", notes, json={"text": "his"}).json()
    shot.ids["note"] = his["id"]
    is_problem(shot.ask("ada", "PATCH", note, json={"text": "no"}), 403, "not_allowed")
    assert shot.ask("bob", "DELETE", note).status_code == 204


def test_token_that_hands_in_jobs_makes_their_shots_and_changes_none(shot: Shot):
    token = shot.people.token("ada", scope="submit")

    assert shot.submit(token, "1")["version"] == 2
    for (method, route), body in BODIES.items():
        answer = shot.ask(token, method, route, json=body)
        is_problem(answer, 403, "not_allowed")
    assert shot.ask(token, "GET", "/api/shots/{shot_id}").status_code == 200
