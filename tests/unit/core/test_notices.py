"""What people are told, and in which words."""

from __future__ import annotations

import random
from typing import Any

import pytest

from framefarm.core.accounts import UserRole
from framefarm.core.notices import MAY_HEAR, Event, Notice, compose, retry_after_s


def job(event: Event = Event.JOB_DONE, number: int = 7, **facts: Any) -> Notice:
    known = {"name": "shot 10", "owner": "ada", "done": 250, "total": 250, "seconds": 200.0}
    return Notice(event, {"job": number, "message": "", **known, **facts}, 0.0)


def worker(event: Event, name: str = "ants") -> Notice:
    return Notice(event, {"worker": name, "id": "0", "reason": "it broke 3 units"}, 0.0)


def test_one_thing_is_told_with_its_details():
    words = compose([job()])

    assert words.title == "job 7 (shot 10) is done"
    assert words.body.splitlines() == [
        "250 of 250 units, 3 min 20 s from the first to the last",
        "Owner: ada",
        "framefarm fetch 7",
    ]


def test_what_failed_is_told_with_its_reason():
    words = compose([job(Event.JOB_FAILED, message="Units failed: 1 of 3 in render.", done=2)])

    assert words.title == "job 7 (shot 10) failed"
    assert words.body.splitlines()[0] == "Units failed: 1 of 3 in render."
    assert words.body.splitlines()[-1] == "framefarm logs 7"


def test_what_is_held_is_told_with_what_becomes_of_it():
    words = compose([job(Event.JOB_HELD, message="Held: 10 frames failed the same way: no share.")])

    assert words.title == "job 7 (shot 10) is held"
    assert words.body.splitlines() == [
        "Held: 10 frames failed the same way: no share.",
        "It is tried again now and then, with one unit.",
        "Owner: ada",
        "framefarm why 7",
    ]


def test_many_things_are_counted_and_the_first_of_them_named():
    told = [job(number=number) for number in range(1, 41)]
    words = compose([*told, job(Event.JOB_FAILED, 41), worker(Event.WORKER_LOST)])

    assert words.title == "40 jobs are done, 1 job failed, 1 worker is lost"
    lines = words.body.splitlines()
    assert len(lines) == 26
    assert lines[0] == "job 1 (shot 10) is done"
    assert lines[-1] == "and 17 more"


def test_each_event_has_words_alone_and_with_others():
    disk = Notice(Event.DISK_LOW, {"free_bytes": 5e8, "low_bytes": 1e9}, 0.0)
    others = [worker(Event.WORKER_LOST), worker(Event.WORKER_QUARANTINED), disk]
    for notice in [
        job(),
        job(Event.JOB_FAILED),
        job(Event.JOB_HELD),
        *others,
        Notice(Event.TEST, {}, 0.0),
    ]:
        assert compose([notice]).title
        assert compose([notice]).body
        assert compose([notice, notice]).title
    assert compose([disk]).title == "the farm's disk is low: 0.5 GB free"


def test_quotas_are_told_with_what_is_used_and_what_was_refused():
    near = {"user": "ada", "used_bytes": 9 << 30, "most_bytes": 10 << 30}
    refused = {"user": "ada", "message": "ada may have 1 job."}
    told = [Notice(Event.QUOTA_NEAR, near, 1.0), Notice(Event.QUOTA_REFUSED, refused, 2.0)]

    assert compose(told[:1]).title == "the files of ada take 9 GiB of 10 GiB"
    assert "framefarm users quota ada" in compose(told[:1]).body
    assert compose(told[1:]).title == "something of ada was refused"
    assert compose(told[1:]).body == "ada may have 1 job."
    assert compose(told).title == "1 quota is nearly used up, 1 thing was refused"


def test_what_somebody_named_does_nothing_in_a_message():
    name = "x\r\nBcc: all@studio.example\x1b[2J\u202e"
    words = compose([job(name=name, owner=name)])

    assert "\n" not in words.title
    assert not {"\r", "\x1b", "\u202e"} & set(words.title + words.body)
    assert len(compose([job(name="n" * 500)]).title) <= 150


def test_everybody_hears_only_of_what_everybody_may_see():
    jobs = {Event.JOB_DONE, Event.JOB_FAILED, Event.JOB_HELD}
    own = jobs | {Event.QUOTA_NEAR, Event.QUOTA_REFUSED}
    assert MAY_HEAR[UserRole.ARTIST] == own
    assert Event.DISK_LOW not in MAY_HEAR[UserRole.VIEWER]
    assert MAY_HEAR[UserRole.ADMIN] == set(Event) - {Event.TEST}


@pytest.mark.parametrize(("tries", "least", "most"), [(1, 15, 30), (3, 60, 120), (60, 1800, 3600)])
def test_attempts_become_rarer_and_never_come_together(tries: int, least: float, most: float):
    waits = [retry_after_s(tries, random.Random(seed)) for seed in range(50)]

    assert all(least <= wait <= most for wait in waits)
    assert len(set(waits)) == 50


def test_what_the_other_side_asks_for_counts_within_an_hour():
    assert retry_after_s(1, random.Random(1), 600) == 600
    assert retry_after_s(1, random.Random(1), 1e9) == 3600
