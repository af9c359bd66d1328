"""The guard in a process of its own: an audit hook cannot be taken out of this one again."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

BEGIN = """
import asyncio, http.client, json, os, socket, subprocess, sys
from framefarm.notify.guard import Guard
from framefarm.notify.networks import Allowed
guard = Guard()
guard.install()
port = int(sys.argv[1])
guard.begin(Allowed.parse(json.loads(sys.argv[2])))
"""

WAYS = {
    "connect": "socket.create_connection(('127.0.0.1', port))",
    "connect by name": "socket.socket().connect(('localhost', port))",
    "connect_ex": "socket.socket().connect_ex(('127.0.0.1', port))",
    "IPv6": "socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', port))",
    "sendto": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))",
    "sendmsg": "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('127.0.0.1', port))",
    "unix": "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    "http": "http.client.HTTPConnection('127.1', port).request('GET', '/')",
    "asyncio": "asyncio.run(asyncio.open_connection('127.0.0.1', port))",
    "metadata": "socket.create_connection(('169.254.169.254', 80), 1)",
    "program": "subprocess.run(['true'])",
    "shell": "os.system('true')",
    "fork": "os.fork()",
    "exec": "os.execv('/bin/true', ['true'])",
    # A name that leads to a public address when it is asked about, and inside a moment later.
    "rebinding": (
        "guard._resolve = lambda *a, **o: [(2, 1, 6, '', ('93.184.216.34', port))]\n"
        "[entry] = socket.getaddrinfo('rebinding.example', port)\n"
        "socket.socket().connect(('127.0.0.1', port))"
    ),
    "a mixed answer": (
        "guard._resolve = lambda *a, **o: [(2, 1, 6, '', (ip, port)) for ip in ('10.0.0.1',)]\n"
        "socket.create_connection(('mixed.example', port))"
    ),
}


def ran(code: str, port: int, *allowed: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", BEGIN + code, str(port), json.dumps(allowed)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_inside_or_to_another_program(way: str):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)  # noqa: FBT003
        told = ran(WAYS[way], server.getsockname()[1])

        assert told.returncode == 1
        assert "ForbiddenAddressError" in told.stderr or "ForbiddenStartError" in told.stderr
        with pytest.raises(BlockingIOError):
            server.accept()


def test_only_public_addresses_of_a_name_are_left():
    answer = "('10.0.0.1', 'x'), ('93.184.216.34', 'x'), ('::1', 'x')"
    told = ran(
        f"guard._resolve = lambda *a, **o: [(2, 1, 6, '', it) for it in ({answer})]\n"
        "print([entry[4][0] for entry in socket.getaddrinfo('mixed.example', 80)])",
        80,
    )

    assert told.stdout == "['93.184.216.34']\n"


@pytest.mark.parametrize("allowed", ["127.0.0.0/8", "localhost"])
def test_what_is_allowed_is_connected_to(allowed: str):
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = ran(
            "socket.create_connection(('localhost', port)).close()",
            server.getsockname()[1],
            allowed,
        )

    assert (told.returncode, told.stderr) == (0, "")
