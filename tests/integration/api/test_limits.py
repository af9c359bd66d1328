"""`POST /api/jobs/{job}/limit`, and what waits for a limit to be lifted."""

from __future__ import annotations

import pytest

from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.test_why import reasons, why


def test_a_slot_that_a_limit_keeps_waiting_is_served_when_it_is_lifted(manager: Manager):
    job = manager.trial(max_workers=1)
    assert job["max_workers"] == 1
    with manager.worker(name="first") as first, manager.worker(name="second") as second:
        first.lease()
        second.say({"type": "ready", "slot": "cpu"})
        told = why(manager, job)

        manager.http.post(
            f"/api/jobs/{job['id']}/limit", json={"max_workers": 2}
        ).raise_for_status()
        assert second.hear("lease")

    assert "It has 1 of the 1 slots that it may have at a time" in told["answer"]
    assert f"`framefarm limit {job['id']} 2`" in told["answer"]
    assert "limit above" in reasons(told)["second"][0]
    assert not told["stuck"]


def test_a_slot_that_a_limit_keeps_waiting_is_served_when_another_slot_ends(manager: Manager):
    manager.trial(max_workers=1)
    with manager.worker(name="first") as first, manager.worker(name="second") as second:
        lease = first.lease()
        second.say({"type": "ready", "slot": "cpu"})

        # It asks for nothing more, so only the end of its lease can wake the other.
        first.finish(lease)

        assert second.hear("lease")


@pytest.mark.parametrize("asked", [{"max_workers": 0}, {"max_workers": "many"}, {}, {"most": 1}])
def test_a_limit_that_is_none_is_refused(manager: Manager, asked: dict[str, object]):
    job = manager.trial()

    answer = manager.http.post(f"/api/jobs/{job['id']}/limit", json=asked)

    assert is_problem(answer, 422, "invalid_request")
    assert manager.job(job["id"])["max_workers"] is None


def test_a_job_that_is_not_there_has_no_limit(manager: Manager):
    answer = manager.http.post("/api/jobs/99/limit", json={"max_workers": 1})

    assert is_problem(answer, 404, "no_such_job")
