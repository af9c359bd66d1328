"""A second machine on the network: a namespace of the kernel's, joined to this one by a cable."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import itertools
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

_T = TypeVar("_T")
_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(os.getpid() % 250 * 4)
_TRIES = 20
_libc = ctypes.CDLL(None, use_errno=True)


class OtherMachine:
    """A network namespace.

    Attributes:
        name: Of the namespace.
        here: This machine's address on the cable.
        there: The other's.
    """

    def __init__(self, number: int) -> None:
        self.name = f"ff{os.getpid()}n{number}"
        net = f"10.{200 + number // 250 % 50}.{number % 250}"
        self.here, self.there = f"{net}.1", f"{net}.2"
        self._ours, self._theirs = f"ffa{number}", f"ffb{number}"

    def open(self) -> None:
        _ip("netns", "add", self.name)
        _ip("link", "add", self._ours, "type", "veth", "peer", self._theirs, "netns", self.name)
        _ip("addr", "add", f"{self.here}/24", "dev", self._ours)
        _ip("link", "set", self._ours, "up")
        _ip("-n", self.name, "addr", "add", f"{self.there}/24", "dev", self._theirs)
        for device in ("lo", self._theirs):
            _ip("-n", self.name, "link", "set", device, "up")
        # Multicast finds its way by this route.
        _ip("-n", self.name, "route", "add", "default", "via", self.here)

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("netns", "del", self.name)

    def command(self, *words: str) -> list[str]:
        """What runs a program over there."""
        return ["ip", "netns", "exec", self.name, *words]

    def inside(self, work: Callable[[], _T]) -> _T:
        """Do something over there, in a thread of its own; sockets made so stay over there."""
        found: list[Any] = []

        def run() -> None:
            with Path(f"/run/netns/{self.name}").open("rb") as place:
                assert _libc.setns(place.fileno(), _CLONE_NEWNET) == 0, os.strerror(
                    ctypes.get_errno()
                )
            try:
                found.append((work(), None))
            except BaseException as error:  # noqa: BLE001  raised again by the caller
                found.append((None, error))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        [(answer, error)] = found
        if error is not None:
            raise error
        return answer  # type: ignore[no-any-return]

    def connect(self, port: int, host: str | None = None) -> socket.socket:
        """A connection from there to a port here."""
        return self.inside(lambda: socket.create_connection((host or self.here, port), timeout=60))

    def ask(
        self,
        port: int,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP request from there; status, headers in lower case, body."""
        connection = http.client.HTTPConnection(self.here, port, timeout=60)
        connection.sock = self.connect(port)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, told, answer.read()
        finally:
            connection.close()


def _opened() -> OtherMachine:
    """The first whose devices and addresses no other test process has."""
    for number in itertools.islice(_numbers, _TRIES):
        made = OtherMachine(number)
        try:
            made.open()
        except (OSError, subprocess.CalledProcessError) as error:
            made.close()
            if b"File exists" not in (getattr(error, "stderr", None) or b""):
                pytest.skip(f"a second machine needs network namespaces, which need root: {error}")
        else:
            return made
    raise AssertionError(f"{_TRIES} second machines are there already; see `ip netns`")


@contextlib.contextmanager
def other_machine() -> Iterator[OtherMachine]:
    """A second machine, or a skipped test where the system allows none."""
    made = _opened()
    try:
        yield made
    finally:
        made.close()


def _ip(*words: str) -> None:
    command = ["ip", *words]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
