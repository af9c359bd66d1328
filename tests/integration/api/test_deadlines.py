"""`POST /api/jobs/{job}/deadline`."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.integration.api.manager import Manager, is_problem

AT = "2040-12-01T18:00:00+01:00"


def test_a_deadline_is_set_shown_and_taken_away(manager: Manager):
    job = manager.trial(deadline=AT)
    path = f"/api/jobs/{job['id']}/deadline"
    assert datetime.fromisoformat(job["deadline"]) == datetime.fromisoformat(AT)

    assert manager.http.post(path, json={"deadline": None}).json()["deadline"] is None
    assert manager.http.post(path, json={"deadline": AT}).json()["deadline"] == job["deadline"]


@pytest.mark.parametrize("wrong", ["soon", "2040-12-01T18:00:00", "0001-01-01T00:00+14:00", ""])
def test_a_deadline_without_its_zone_is_refused(manager: Manager, wrong: object):
    job = manager.trial()

    answer = manager.http.post(f"/api/jobs/{job['id']}/deadline", json={"deadline": wrong})

    assert is_problem(answer, 422, "invalid_request")
    assert manager.job(job["id"])["deadline"] is None


def test_a_job_that_is_not_there_has_no_deadline(manager: Manager):
    answer = manager.http.post("/api/jobs/99/deadline", json={"deadline": AT})

    assert is_problem(answer, 404, "no_such_job")
