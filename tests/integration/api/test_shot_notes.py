"""What people write about shots."""

from __future__ import annotations

import pytest

from tests.integration.api.manager import Manager, is_edited_only_as_seen, is_problem
from tests.integration.api.test_shot_edits import make


def test_notes_are_written_changed_and_deleted(manager: Manager):
    shot = make(manager, "shots")
    path = f"/api/shots/{shot['id']}/notes"
    made = [
        manager.http.post(path, json={"text": text}).raise_for_status().json()
        for text in ("one\r\n\ttwo", "🎬", "x" * 2000)
    ]

    assert manager.http.get(path).json() == {"notes": made, "next": None}
    assert (made[0]["author"], made[0]["text"]) == ("", "one\n\ttwo")
    assert made[0]["changed_at"] is None
    page = manager.http.get(path, params={"limit": 2}).json()
    assert page["notes"] == made[:2]
    assert manager.http.get(path, params={"after": page["next"]}).json()["notes"] == made[2:]
    changed = manager.http.patch(f"{path}/{made[1]['id']}", json={"text": "cut"}).json()
    assert (changed["text"], changed["created_at"]) == ("cut", made[1]["created_at"])
    assert changed["changed_at"] is not None
    assert manager.http.delete(f"{path}/{made[0]['id']}").status_code == 204
    assert [one["text"][:3] for one in manager.http.get(path).json()["notes"]] == ["cut", "xxx"]


def test_note_belongs_to_its_shot(manager: Manager):
    shot, other = make(manager, "shots"), make(manager, "shots", name="020")
    note = manager.http.post(f"/api/shots/{shot['id']}/notes", json={"text": "a"}).json()
    wrong = f"/api/shots/{other['id']}/notes/{note['id']}"

    is_problem(manager.http.patch(wrong, json={"text": "b"}), 404, "no_such_note")
    is_problem(manager.http.delete(wrong), 404, "no_such_note")
    nowhere = "/api/shots/77/notes"
    is_problem(manager.http.get(nowhere), 404, "no_such_shot")
    is_problem(manager.http.post(nowhere, json={"text": "b"}), 404, "no_such_shot")
    unseen = [{"text": f"a{char}"} for char in ("\x00", "\x1b[2J", "\u202e", "\r")]
    for body in ({}, {"text": ""}, {"text": "x" * 2001}, {"text": 1}, *unseen):
        answer = manager.http.post(f"/api/shots/{shot['id']}/notes", json=body)
        is_problem(answer, 422, "invalid_request")


def test_shot_has_so_many_notes_and_no_more(manager: Manager, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("framefarm.farm.shot_notes.MOST_NOTES", 2)
    path = f"/api/shots/{make(manager, 'shots')['id']}/notes"
    for _ in range(2):
        assert manager.http.post(path, json={"text": "a"}).status_code == 201

    is_problem(manager.http.post(path, json={"text": "a"}), 409, "too_many_notes")


def test_note_is_changed_and_deleted_only_as_it_was_seen(manager: Manager):
    notes = f"/api/shots/{make(manager, 'shots')['id']}/notes"
    note = manager.http.post(notes, json={"text": "a"}).json()
    path = f"{notes}/{note['id']}"
    assert manager.http.get(path).json() == note

    is_edited_only_as_seen(manager.http, path, {"text": "b"}, {"text": "c"})

    is_problem(manager.http.get(path), 404, "no_such_note")
