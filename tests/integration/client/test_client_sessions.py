"""The calls about sessions: what they send."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from framefarm.client import Farm, SessionHappening
from framefarm.client.events import StreamedEvent
from framefarm.client.happenings import decode_happening
from tests.integration.client.fake_manager import CannedManager, Reply, as_json

SESSION = {"id": 7, "job": 3, "status": "working", "workers": ["1"], "notice": "SUFFICIENT"}


@pytest.fixture
def canned() -> Iterator[CannedManager]:
    with CannedManager() as fake:
        yield fake


def test_sessions_come_page_by_page(canned: CannedManager):
    first = "/api/sessions?job=3&ended=false&limit=200"
    canned.reply("GET", first, as_json({"sessions": [SESSION], "next": 7}))
    canned.reply("GET", f"{first}&cursor=7", as_json({"sessions": [SESSION], "next": None}))
    with Farm(canned.url) as farm:
        found = list(farm.sessions(job=3, ended=False))

    assert [one.id for one in found] == [7, 7]


def test_what_is_asked_is_sent(canned: CannedManager):
    for path in ("", "/7/more", "/7/release"):
        canned.reply("POST", f"/api/sessions{path}", as_json(SESSION))
    canned.reply("DELETE", "/api/sessions/7", Reply(204))
    with Farm(canned.url) as farm:
        assert farm.ask_for_workers(3, 4, wait=True).notice == "SUFFICIENT"
        farm.ask_for_more_workers(7, 2)
        farm.release_workers(7, ["ants"])
        farm.release_workers(7)
        farm.delete_session(7)

    assert [json.loads(one.body) for one in canned.asked if one.body] == [
        {"job": 3, "workers": 4, "wait": True},
        {"workers": 2},
        {"workers": ["ants"]},
        {"all": True},
    ]
    assert canned.asked[-1].method == "DELETE"


def test_what_happens_in_a_session_is_read():
    data = {"at": "2026-11-29T12:00:00Z", "session": 7, "job": 3, "what": "frame", "unit": 5}

    read = decode_happening(StreamedEvent("session", json.dumps(data).encode(), "1"))

    assert isinstance(read, SessionHappening)
    assert (read.session, read.what, read.unit, read.worker) == (7, "frame", 5, "")
