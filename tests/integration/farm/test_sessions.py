"""Whom claims give the units of a job that has a session, and what else goes by its queues."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from framefarm.core.requirements import Requirements
from framefarm.db import tables as t
from framefarm.farm import sessions
from framefarm.farm.blame import asked_of
from framefarm.farm.claim_requests import ClaimRequest
from framefarm.farm.new_jobs import settle_blender
from tests.integration.farm.bench import Bench, ask
from tests.integration.farm.test_tails import tails


def member(worker: str, job: int, **request: Any) -> ClaimRequest:
    """A slot of a worker that is in the session of a job."""
    asked = ask(worker, **request)
    ability = dataclasses.replace(asked.ability, job=job)
    return msgspec.structs.replace(asked, ability=ability)


def with_session(bench: Bench, job: int, *, waits: bool = False) -> int:
    return bench.do(sessions.ask, job, 1, waits=waits)


def test_its_workers_have_a_job_before_all_others_and_nobody_else_has_it(bench: Bench):
    urgent, asking = bench.trial("1-9", priority=90), bench.trial("1-9", priority=10)
    with_session(bench, asking)

    [own, other] = bench.claims([member("w1", asking), ask("w2")])

    assert own is not None
    assert own.job_id == asking
    assert other is not None
    assert other.job_id == urgent


def test_a_worker_whose_job_has_nothing_is_lent_to_jobs_without_a_session_only(bench: Bench):
    own, reserved = bench.trial("1", largest=1), bench.trial("1-9")
    with_session(bench, own)
    with_session(bench, reserved)
    [first, nothing] = bench.claims([member("w1", own), member("w2", own)])
    assert first is not None
    assert first.job_id == own
    assert nothing is None

    anybodys = bench.trial("1-9")

    [lent] = bench.claims([member("w2", own)])
    assert lent is not None
    assert lent.job_id == anybodys


def test_second_leases_of_a_jobs_last_units_go_to_its_workers_only(bench: Bench):
    job = bench.trial("1")
    with_session(bench, job)
    bench.claims([member("slow", job)])

    assert tails(bench, "fast") == [None]


def test_l9_a_unit_that_failed_in_a_session_is_left_to_whoever_could_do_it(bench: Bench):
    job = bench.trial("1")
    with_session(bench, job)
    asked_about: list[Requirements] = []

    def others(asked: Requirements, _: frozenset[str], __: int) -> bool:
        asked_about.append(asked)
        return True

    [lease] = bench.claims([member("w1", job)])
    assert lease is not None
    bench.fail(lease)

    assert bench.claims([member("w1", job, others=others)]) == [None]
    assert {asked.job for asked in asked_about} == {0}
    assert bench.do(asked_of, lease.stage_id).job == 0


@pytest.mark.parametrize("end", [sessions.end, sessions.forget])
def test_when_a_session_is_over_anybody_has_its_job(bench: Bench, end: Any):
    job = bench.film("1-4")
    made = with_session(bench, job, waits=True)
    assert not bench.stage(job).claimable
    assert bench.claim("w1") is None
    bench.check()

    bench.do(end, made, *(["as asked"] if end is sessions.end else []))

    assert bench.take("w1").job_id == job


def test_a_blender_that_is_chosen_later_changes_nothing_about_who_may_have_a_stage(bench: Bench):
    job = bench.film("1-4", wanted="5.0")
    with_session(bench, job)

    bench.do(settle_blender, bench.stage(job).id, "5.0")

    assert bench.claim("w1") is None
    assert bench.claims([member("w1", job)]) != [None]


def test_a_job_can_ask_again_once_its_session_is_over(bench: Bench):
    job = bench.trial("1-4")
    first = with_session(bench, job)
    with pytest.raises(sessions.HasSessionError):
        with_session(bench, job)
    bench.do(sessions.end, first, "as asked")

    second = with_session(bench, job)

    assert second > first
    assert [row.id for row in bench.rows(t.sessions)] == [second]
    with pytest.raises(sessions.NoSuchSessionError):
        bench.do(sessions.end, first, "as asked")


def test_claims_ask_as_little_however_many_jobs_have_sessions(bench: Bench):
    for _ in range(30):
        with_session(bench, bench.trial("1-9"))
    job = bench.trial("1-9")
    with_session(bench, job)
    statements = bench.count_statements()

    [lease] = bench.claims([member("w1", job)])

    assert lease is not None
    assert lease.job_id == job
    assert statements.count < 20
