"""The calls about workers: what they send."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from framefarm.client import Farm, WorkerFilter
from tests.integration.client.fake_manager import CannedManager, as_json

WORKER = {"id": "1", "name": "ants", "state": "idle"}


@pytest.fixture
def canned() -> Iterator[CannedManager]:
    with CannedManager() as fake:
        yield fake


def test_workers_come_page_by_page_with_the_filter_on_every_page(canned: CannedManager):
    first = "/api/workers?state=idle&state=busy&host=rack%2A&limit=500"
    canned.reply("GET", first, as_json({"workers": [WORKER], "next": "abc"}))
    canned.reply("GET", f"{first}&cursor=abc", as_json({"workers": [WORKER], "next": None}))
    with Farm(canned.url) as farm:
        found = list(farm.workers(WorkerFilter(state=("idle", "busy"), host="rack*")))

    assert [one.name for one in found] == ["ants", "ants"]


@pytest.mark.parametrize(
    ("workers", "sent"),
    [
        (("ants", "bees"), {"workers": ["ants", "bees"]}),
        (WorkerFilter(tag=("fast",)), {"where": {"tag": ["fast"]}}),
        (None, {"all": True}),
    ],
)
def test_who_is_meant_is_sent_in_one_way(canned: CannedManager, workers, sent):
    steered = {"id": "1", "name": "ants", "outcome": "done", "message": "is disabled"}
    canned.reply("POST", "/api/workers/steer", as_json({"workers": [steered]}))
    with Farm(canned.url) as farm:
        [told] = farm.steer_workers("disable", workers, now=True, reason="noisy")

    assert (told.name, told.outcome) == ("ants", "done")
    body = json.loads(canned.asked[-1].body)
    assert body == {"action": "disable", "now": True, "reason": "noisy", "tags": [], **sent}


def test_a_name_with_odd_characters_is_one_part_of_the_path(canned: CannedManager):
    canned.reply("POST", "/api/workers/a%3F%2F%20b/rename", as_json(WORKER))
    canned.reply("GET", "/api/workers/a%3F%2F%20b?live=true", as_json(WORKER))
    with Farm(canned.url) as farm:
        assert farm.rename_worker("a?/ b", "ants").name == "ants"
        assert farm.worker("a?/ b", live=True).answered is None
