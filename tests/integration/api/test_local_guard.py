"""Pages of strangers cannot reach a manager that trusts its own machine."""

from __future__ import annotations

import socket

import pytest
from websockets.sync.client import connect

from tests.integration.api.manager import Manager, Worker, hello, is_problem


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7070",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "",
        "[",
        "::",
    ],
)
def test_a_foreign_name_is_refused(shared: Manager, host: str):
    for method, path in (("GET", "/api/health"), ("POST", "/api/jobs"), ("PUT", "/api/blobs/x")):
        answer = shared.http.request(method, path, headers={"Host": host})
        is_problem(answer, 403, "foreign_origin")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "LOCALHOST:80", "[::1]:7070"])
def test_a_local_name_is_let_in(shared: Manager, host: str):
    assert shared.http.get("/api/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://127.0.0.1.evil.example", "null", "file://", "", "http://["],
)
def test_a_foreign_page_is_refused(shared: Manager, origin: str):
    answer = shared.http.post("/api/jobs", json={}, headers={"Origin": origin})

    is_problem(answer, 403, "foreign_origin")


@pytest.mark.parametrize("origin", ["http://localhost:7070", "http://127.0.0.1", "http://[::1]:1"])
def test_a_local_page_is_let_in(shared: Manager, origin: str):
    assert shared.http.get("/api/jobs", headers={"Origin": origin}).status_code == 200


def test_under_a_foreign_name_a_worker_needs_a_token_also_on_this_machine(shared: Manager):
    here = ("127.0.0.1", shared.http.base_url.port or 0)

    with (
        socket.create_connection(here) as opened,
        connect("ws://studio:7070/api/workers/connect", sock=opened) as knocking,
    ):
        worker = Worker(shared, knocking)
        worker.say(hello())
        worker.closed()
        assert worker.bye()["code"] == "join_token"
