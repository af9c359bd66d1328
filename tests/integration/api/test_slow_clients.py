"""Connections that take their time are ended, and take nothing from the others (L14)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from framefarm.farm.settings import ConnectionLimits
from tests.integration.api.manager import SOON_S, Manager, hello, until
from tests.integration.api.slow import UPGRADE, Raw, frame, one_by_one, open_connections

QUICK = ConnectionLimits(
    head_s=1.0, idle_s=1.0, hello_s=1.0, over_s=1.0, least_bytes_per_s=200.0, head_bytes=8_192
)
HEAD = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
PUT = b"PUT /api/blobs/%b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager with little patience."""
    made = Manager(tmp_path_factory.mktemp("manager"), connections=QUICK, lease_s=1.0)
    yield made
    made.close()
    made.check()


def problem_in(answer: bytes) -> tuple[int, dict]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    told = json.loads(body)
    assert told["status"] == int(head.split()[1])
    return told["status"], told


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, UPGRADE])
def test_a_head_that_does_not_end_is_answered_and_closed(quick: Manager, sent: bytes):
    status, told = problem_in(Raw(quick).send(sent).rest())

    assert (status, told["code"]) == (408, "too_slow")


def test_a_head_sent_byte_by_byte_is_answered_and_closed(quick: Manager):
    answer = Raw(quick).trickle(one_by_one(HEAD))

    assert problem_in(answer)[0] == 408


def test_empty_lines_between_requests_keep_no_connection(quick: Manager):
    raw = Raw(quick).send(HEAD + b"\r\n")

    answer = raw.trickle(repeat(b"\r\n"))

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_body_sent_byte_by_byte_is_answered_and_closed_and_leaves_nothing(quick: Manager):
    content = bytes(1_000_000)
    sha256 = hashlib.sha256(content).hexdigest()

    answer = Raw(quick).send(PUT % (sha256.encode(), len(content))).trickle(one_by_one(content))

    assert problem_in(answer)[1]["code"] == "too_slow"
    coming_in = quick.settings.blobs / "incoming"
    until(lambda: not list(coming_in.glob("*")), "the tidying")
    assert quick.http.head(f"/api/blobs/{sha256}").status_code == 404


def test_a_slow_upload_over_a_thin_line_is_taken_whole(tmp_path: Path):
    limits = ConnectionLimits(over_s=1.0, least_bytes_per_s=10.0)
    manager = Manager(tmp_path / "manager", connections=limits)
    content = bytes(range(250)) * 10
    sha256 = hashlib.sha256(content).hexdigest()
    raw = Raw(manager).send(PUT % (sha256.encode(), len(content)))
    began = time.monotonic()

    for at in range(0, len(content), 50):
        time.sleep(0.06)  # a line of 800 bytes a second at most, and of far less on a busy machine
        raw.send(content[at : at + 50])

    assert raw.socket.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert time.monotonic() - began > 2 * limits.over_s
    raw.close()
    manager.close()


def test_a_refused_upload_is_not_waited_for(quick: Manager):
    raw = Raw(quick).send(PUT % (b"0" * 63 + b"!", 1 << 30))

    answer = raw.trickle(one_by_one(b""))

    assert answer.startswith(b"HTTP/1.1 4")


def test_an_answer_that_nobody_reads_is_not_kept(quick: Manager):
    sha256 = quick.upload(bytes(32 << 20))
    before = open_connections(quick)
    raw = Raw(quick, receive_buffer=4_096)
    raw.send(b"GET /api/blobs/%b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % sha256.encode())
    until(lambda: open_connections(quick) > before, "the connection")

    def gone() -> bool:
        raw.socket.recv(1)  # as a peer that wants to look alive
        return open_connections(quick) <= before

    with contextlib.suppress(ConnectionResetError):
        until(gone, "the end of the connection")
    until(lambda: open_connections(quick) <= before, "the end of the connection")
    raw.close()


@pytest.mark.parametrize(
    "sent",
    [b"", frame(b"[", length=100)[:3], frame(b"[", length=100)],
    ids=["nothing", "half a frame's head", "half a frame"],
)
def test_a_websocket_without_hello_is_told_and_closed(quick: Manager, sent: bytes):
    answer = Raw(quick).upgrade().send(sent).rest()

    assert b'"code":"malformed"' in answer
    assert b"No hello came." in answer


def test_a_hello_sent_byte_by_byte_is_told_and_closed(quick: Manager):
    whole = frame(json.dumps([hello()]).encode())

    answer = Raw(quick).upgrade().trickle(one_by_one(whole))

    assert b"No hello came." in answer


# --- size ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"X: " + b"x" * 300_000,
        HEAD + b"X: y\r\n" * 60_000,
        b"GET /" + b"x" * 300_000,
        PUT.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") % (b"0" * 64)
        + b"1\r\nx\r\n0\r\n"
        + b"X: y\r\n" * 60_000,
    ],
)
def test_a_head_without_end_is_refused_while_it_comes(quick: Manager, sent: bytes):
    raw = Raw(quick)
    sender = threading.Thread(target=lambda: _push(raw, sent), daemon=True)
    sender.start()

    answer = raw.rest()

    sender.join(SOON_S)
    assert not answer or problem_in(answer)[0] in {400, 431}
    assert quick.http.get("/api/health").status_code == 200


def _push(raw: Raw, content: bytes) -> None:
    try:
        raw.send(content)
    except OSError:
        return


def test_requests_sent_ahead_without_end_are_refused(quick: Manager):
    raw = Raw(quick)
    _push(raw, (HEAD + b"\r\n") * 2_000)

    answer = raw.rest()

    assert answer.count(b"HTTP/1.1 200") < 100


def test_a_few_requests_sent_ahead_are_answered_in_order(quick: Manager):
    raw = Raw(quick).send((HEAD + b"\r\n") * 4)

    answer = raw.rest()

    assert answer.count(b"HTTP/1.1 200") == 4


# --- number -------------------------------------------------------------------------------------


def test_strangers_beyond_the_limit_give_way_and_healthy_calls_go_on(tmp_path: Path):
    few = ConnectionLimits(strangers_per_address=20, strangers=40)
    manager = Manager(tmp_path, connections=few)
    with manager.worker() as worker:
        idle = [Raw(manager) for _ in range(200)]

        for _ in range(5):
            manager.http.get("/api/health").raise_for_status()
        told = [problem_in(raw.rest()) for raw in idle[:150]]

        assert {(status, one["code"]) for status, one in told} == {(503, "busy")}
        assert worker.hears() == []
        for raw in idle:
            raw.close()
    manager.close()


def test_workers_beyond_the_room_for_greetings_are_told_when_to_come(tmp_path: Path):
    one_at_a_time = ConnectionLimits(greetings=1)
    manager = Manager(tmp_path, connections=one_at_a_time)
    first = Raw(manager).upgrade()

    answer = Raw(manager).send(UPGRADE + b"\r\n").rest()

    status, told = problem_in(answer)
    assert (status, told["code"]) == (503, "busy")
    assert "try again in" in told["detail"]
    assert b"retry-after: 1\r\n" in answer
    first.close()
    until(lambda: _welcomed(manager), "the second worker's turn")
    manager.close()


def test_l7_no_lease_ends_while_workers_are_told_to_come_later_than_it_lives(tmp_path: Path):
    a_turn_a_second = ConnectionLimits(greetings=1, greetings_per_s=1.0)
    manager = Manager(tmp_path, connections=a_turn_a_second, lease_s=0.5)
    manager.trial("1-2")
    with manager.worker() as worker:
        in_the_way = Raw(manager).upgrade()
        for _ in range(3):
            Raw(manager).send(UPGRADE + b"\r\n").rest()
        kept = worker.lease()

        until(lambda: _over_for_s(manager, kept) > 1.0, "the end of a lease's life, and more")
        assert worker.finish(kept) == "accepted"

        ended = worker.lease()
        in_the_way.close()
        # When all may be back it begins anew, and then it ends as ever.
        assert worker.hear("revoke")["lease"] == ended["lease"]
    manager.close()


def _over_for_s(manager: Manager, lease: dict[str, Any]) -> float:
    """For how long a lease that is in force has been over by the clock."""
    path = manager.settings.data_dir / "farm.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        found = database.execute(
            "SELECT expires_at FROM leases WHERE id = ? AND state = 'active'", [lease["lease"]]
        ).fetchone()
    assert found is not None, "the lease has ended"
    return time.time() - float(found[0])


def _welcomed(manager: Manager) -> bool:
    from websockets.exceptions import InvalidStatus  # noqa: PLC0415

    try:
        with manager.worker() as worker:
            return bool(worker.id)
    except InvalidStatus:
        return False
