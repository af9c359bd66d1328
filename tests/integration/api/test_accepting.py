"""Connections are counted and bounded before they have said anything (L14)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from uvicorn.server import ServerState

from framefarm.api.accepting import Acceptor
from framefarm.api.certificate import own_certificate
from framefarm.api.gate import Gate, Visit
from framefarm.api.http_connection import BoundedHttp
from framefarm.api.listening import listening
from framefarm.api.serving import ManagerServer
from framefarm.farm.settings import ConnectionLimits, ManagerSettings
from tests.integration.api.manager import SOON_S
from tests.integration.api.slow import UPGRADE

FEW = 20
MANY = 200
CALL = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
LIMITS = ConnectionLimits(handshake_s=1.0, strangers_per_address=FEW)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ManagerServer]:
    settings = ManagerSettings(tmp_path, low_water_bytes=0, connections=LIMITS)
    made = ManagerServer(settings, port=0, certificate=own_certificate(tmp_path))
    made.start()
    yield made
    made.stop()


def knock(server: ManagerServer) -> socket.socket:
    """A connection over which nobody has said anything."""
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=SOON_S)


def is_closed(opened: socket.socket) -> bool:
    """Whether the manager has ended a connection; waits for it."""
    try:
        return opened.recv(1) == b""
    except ConnectionResetError:
        return True


def healthy(server: ManagerServer, folder: Path) -> bool:
    context = ssl.create_default_context(cafile=str(own_certificate(folder).chain))
    context.check_hostname = False
    with knock(server) as opened, context.wrap_socket(opened) as spoken:
        spoken.sendall(b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return spoken.recv(12) == b"HTTP/1.1 200"


def test_a_tls_handshake_that_does_not_end_is_ended(server: ManagerServer):
    with knock(server) as silent, knock(server) as half:
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00")

        assert is_closed(silent)
        assert is_closed(half)


def test_unfinished_handshakes_beyond_the_limit_give_way_and_a_healthy_call_is_served(
    server: ManagerServer, tmp_path: Path
):
    silent = [knock(server) for _ in range(3 * FEW)]
    try:
        assert healthy(server, tmp_path)

        assert all(is_closed(one) for one in silent)
    finally:
        for one in silent:
            one.close()


def test_no_handshake_is_left_when_the_manager_stops(tmp_path: Path):
    settings = ManagerSettings(tmp_path, low_water_bytes=0)
    server = ManagerServer(settings, port=0, certificate=own_certificate(tmp_path))
    server.start()
    with knock(server) as silent:
        assert healthy(server, tmp_path)

        server.stop()

        assert is_closed(silent)


async def test_workers_without_room_are_answered_before_they_are_connections():
    full = Gate(ConnectionLimits(greetings=1, greetings_per_s=MANY / 10), most=10 * MANY)
    greeted = Visit("127.0.0.1", lambda: None)
    full.enter(greeted)
    full.greet(greeted, asyncio.get_running_loop().time())
    opened: list[Visit] = []
    others = asyncio.Event()

    def protocol(visit: Visit) -> asyncio.Protocol:
        opened.append(visit)
        if len(opened) == 2:
            others.set()
        return asyncio.Protocol()

    with listening("127.0.0.1", 0, backlog=10 * MANY) as listeners, contextlib.ExitStack() as stack:
        # All of them wait in the kernel before anybody is accepted, as after a restart.
        said = [*[UPGRADE + b"\r\n"] * MANY, CALL + b"\r\n", UPGRADE]
        peers = [
            stack.enter_context(socket.create_connection(listeners[0].getsockname())) for _ in said
        ]
        for peer, text in zip(peers, said, strict=True):
            peer.sendall(text)

        acceptor = Acceptor(listeners, full, protocol)
        stack.callback(acceptor.close)
        workers = [asyncio.to_thread(_rest, peer) for peer in peers[:MANY]]
        answers = await asyncio.gather(*workers)
        await asyncio.wait_for(others.wait(), SOON_S)

    # A call, and a worker of which not all has come, are connections like any other.
    assert len(opened) == 2
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 503 Service Unavailable"}
    assert {int(_after(answer, b"retry-after: ")) for answer in answers} == set(range(1, 12))


async def test_a_request_that_a_busy_manager_has_not_read_yet_is_not_too_slow():
    async def app(_: object, __: object, send: Callable[..., Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    theirs, ours = socket.socketpair()
    protocol = BoundedHttp(
        gate=Gate(ConnectionLimits(), most=10),
        limits=ConnectionLimits(),
        visit=Visit("127.0.0.1", lambda: None),
        config=config,
        server_state=ServerState(),
        app_state={},
    )
    await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, ours)
    with theirs:
        theirs.sendall(CALL + b"Connection: close\r\n\r\n")

        protocol.check(float("inf"))
        answer = await asyncio.to_thread(_rest, theirs)

    assert answer.startswith(b"HTTP/1.1 204")


def _rest(peer: socket.socket) -> bytes:
    peer.settimeout(SOON_S)
    with contextlib.closing(peer.makefile("rb")) as answer:
        return answer.read()


def _after(answer: bytes, name: bytes) -> bytes:
    return answer.partition(name)[2].partition(b"\r\n")[0]
