"""What this manager answers to a result, the agent's decision on it reads as it is meant."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from framefarm.agent.answers import DAMAGED_OFFERS, Reaction, Refused, Settled, TryAgain, reaction
from framefarm.db import open_engine, sqlite_url
from framefarm.protocol import ResultManifest, encode_manifest
from tests.integration.api.manager import Manager, Worker, of, picture, result_file
from tests.integration.api.test_results import SMALL, raw, render_job

OTHER_PICTURE = ("0001.png", "image", picture(width=3))


def after(answer: httpx.Response, *, attempt: int = 1) -> Reaction:
    """What an agent does that offers a result the so manieth time."""
    return reaction(
        answer.status_code,
        answer.content,
        answer.headers.get("Retry-After"),
        attempt=attempt,
        die=lambda: 1.0,
    )


@pytest.fixture
def job(manager: Manager) -> int:
    return render_job(manager)


@pytest.fixture
def worker(manager: Manager, job: int) -> Iterator[Worker]:  # noqa: ARG001  it must be there first
    with manager.worker() as made:
        yield made


# --- the result is off the worker's hands -------------------------------------------------------


def test_l5_a_result_and_its_repetition_are_settled(worker: Worker):
    lease = worker.lease()

    assert [after(worker.put(lease, SMALL)) for _ in range(2)] == [Settled("accepted")] * 2


def test_l4_late_results_are_settled_the_first_and_the_second(manager: Manager, worker: Worker):
    lease = worker.lease()
    worker.say({"type": "released", "lease": lease["lease"]})
    with manager.worker() as other:
        second = other.lease()

        assert after(worker.put(lease, SMALL)) == Settled("accepted_late")
        assert after(other.put(second, SMALL)) == Settled("already_done")


def test_what_nobody_wants_any_more_is_settled(manager: Manager, worker: Worker, job: int):
    lease = worker.lease()
    manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()
    assert after(worker.put(lease, SMALL)) == Settled("gone")

    manager.http.delete(f"/api/jobs/{job}").raise_for_status()
    assert after(worker.put(lease, SMALL)) == Settled("gone")
    assert after(worker.put(lease, SMALL, lease="f" * 32)) == Settled("gone")


# --- it will never be taken, or was damaged on its way ------------------------------------------


def test_l5_a_picture_that_was_not_asked_for_is_never_offered_again(worker: Worker):
    answer = after(worker.put(worker.lease(), OTHER_PICTURE))

    assert isinstance(answer, Refused)
    assert "3" in answer.message


def test_l6_what_was_damaged_on_its_way_is_offered_again_but_not_for_ever(worker: Worker):
    lease = worker.lease()
    unit, small = of(lease), result_file(*SMALL)
    whole = encode_manifest(ResultManifest(unit["stage"], unit["attempt"], (small,))) + SMALL[2]

    answers = [
        after(worker.put(lease, content=damaged), attempt=attempt)
        for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), b"?" + whole)
        for attempt in (1, DAMAGED_OFFERS)
    ]

    assert [type(answer) for answer in answers] == [TryAgain, Refused] * 2


def test_l14_what_is_too_large_is_never_offered_again(worker: Worker):
    with raw(worker, worker.lease(), {"Content-Length": str(1 << 50)}) as connection:
        connection.sendall(b"x")
        told = read_answer(connection)

    answer = after(told)

    assert told.status_code == 413
    assert isinstance(answer, Refused)


def test_a_path_that_is_none_is_never_asked_for_again(manager: Manager):
    told = manager.http.put("/api/leases/x/units", content=b"")

    assert told.status_code == 404
    assert isinstance(after(told), Refused)


# --- it is offered again ------------------------------------------------------------------------


def test_l6_who_is_not_known_greets_and_offers_again(worker: Worker):
    lease = worker.lease()

    told = worker.put(lease, SMALL, headers={"Authorization": "Bearer guess"})
    answer = after(told)

    assert told.status_code == 401
    assert isinstance(answer, TryAgain)
    assert answer.greet


def test_l6_who_was_revoked_greets_so_that_it_hears_why(manager: Manager, worker: Worker):
    lease = worker.lease()
    manager.http.post(f"/api/workers/{worker.id}/revoke").raise_for_status()

    told = worker.put(lease, SMALL)
    answer = after(told)

    assert told.status_code in {401, 403}
    assert isinstance(answer, TryAgain)
    assert answer.greet


def test_l6_a_database_that_fails_is_given_its_time(manager: Manager, worker: Worker):
    lease = worker.lease()

    with without_table(manager, "results"):
        told = worker.put(lease, SMALL)
    answer = after(told)

    assert (told.status_code, told.headers["Retry-After"]) == (503, "1")
    assert isinstance(answer, TryAgain)
    assert (answer.delay_s, answer.greet) == (1.25, False)
    assert after(worker.put(lease, SMALL)) == Settled("accepted")


def test_l14_a_full_disk_of_the_manager_is_asked_again_in_half_a_minute(tmp_path: Path):
    manager = Manager(tmp_path / "manager", low_water_bytes=1 << 60)
    render_job(manager)
    with contextlib.closing(manager), manager.worker() as worker:
        told = worker.put(worker.lease(), SMALL)

    answer = after(told)

    assert told.status_code == 507
    assert isinstance(answer, TryAgain)
    assert answer.delay_s == 37.5


def read_answer(connection: socket.socket) -> httpx.Response:
    """The answer that comes over a connection of a test's own."""
    with contextlib.closing(HTTPResponse(connection)) as answer:
        answer.begin()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


@contextlib.contextmanager
def without_table(manager: Manager, table: str) -> Iterator[None]:
    """Inside, the manager's database lacks a table: every statement that needs it fails."""
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {table}_away"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {table}_away RENAME TO {table}"))
        engine.dispose()
