"""A real manager on a free port, and a worker that says what a test tells it to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import OpenImageIO
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from framefarm.api.serving import ManagerServer
from framefarm.db import open_engine, sqlite_url
from framefarm.farm.invariants import check_invariants
from framefarm.farm.settings import ManagerSettings
from framefarm.protocol import ResultFile, ResultManifest, encode_manifest
from framefarm.protocol.limits import PROTOCOL_VERSION
from framefarm.storage import BlobFolder

SOON_S = 60.0
"""Patience, not a promise: how long things take is measured in `benchmarks`."""


class Manager:
    """A running manager, asked over HTTP."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", **settings: Any) -> None:
        self.settings = ManagerSettings(folder, **{"low_water_bytes": 0, **settings})
        self.server = ManagerServer(self.settings, host=host, port=0)
        self.server.start()
        # To read the certificates of all authorities takes longer than many a test.
        self.http = httpx.Client(base_url=self.server.url, timeout=SOON_S, verify=False)  # noqa: S501

    @property
    def websocket_url(self) -> str:
        return self.server.url.replace("http", "ws", 1) + "/api/workers/connect"

    def close(self) -> None:
        self.http.close()
        self.server.stop(SOON_S)

    def check(self) -> None:
        """The invariants hold, with every blob's hash."""
        engine = open_engine(sqlite_url(self.settings.data_dir / "farm.db"))
        blobs = BlobFolder.__new__(BlobFolder)  # the real constructor clears what is coming in
        blobs.root = self.settings.blobs
        with engine.connect().execution_options(reading=True) as connection:
            assert check_invariants(connection, blobs, hashes=True) == []
        engine.dispose()

    def trial(self, units: str = "1-3", **changes: Any) -> dict[str, Any]:
        settings = {"units": units, "largest_lease": 1, **changes.pop("settings", {})}
        answer = self.http.post(
            "/api/jobs", json={"kind": "trial", "settings": settings, **changes}
        )
        assert answer.status_code in {200, 201}, answer.text
        return dict(answer.json())

    def job(self, job: int) -> dict[str, Any]:
        return dict(self.http.get(f"/api/jobs/{job}").raise_for_status().json())

    def upload(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        assert self.http.put(f"/api/blobs/{sha256}", content=content).status_code in {200, 201}
        return sha256

    @contextlib.contextmanager
    def worker(self, **hello: Any) -> Iterator[Worker]:
        """A worker that was welcomed."""
        with connect(self.websocket_url, open_timeout=SOON_S) as socket:
            worker = Worker(self, socket)
            worker.greet(**hello)
            yield worker


class Worker:
    """One connection; remembers what the welcome said."""

    def __init__(self, manager: Manager, socket: ClientConnection) -> None:
        self.manager = manager
        self.socket = socket
        self.id = self.key = ""
        self._unread: list[dict[str, Any]] = []

    def greet(self, **changes: Any) -> dict[str, Any]:
        self.say(hello(**changes))
        welcome = self.hear("welcome")
        self.id = welcome["worker_id"]
        self.key = welcome.get("key") or changes.get("key", "")
        return welcome

    def say(self, *reports: dict[str, Any]) -> None:
        self.socket.send(json.dumps(reports))

    def hear(self, kind: str) -> dict[str, Any]:
        """The next order of a kind; others that come before it are skipped."""
        deadline = time.monotonic() + SOON_S
        while True:
            while self._unread:
                order = self._unread.pop(0)
                if order["type"] == kind:
                    return order
            self._unread = json.loads(self.socket.recv(timeout=deadline - time.monotonic()))

    def hears(self, *reports: dict[str, Any]) -> list[dict[str, Any]]:
        """Say something, and return all that is heard until it has been acted on."""
        marker = "0" * 32
        self.say(*reports, {"type": "heartbeat", "leases": [marker]})
        heard, self._unread = self._unread, []
        while not any(order.get("lease") == marker for order in heard):
            heard += json.loads(self.socket.recv(timeout=SOON_S))
        return [order for order in heard if order.get("lease") != marker]

    def lease(self, slot: str = "cpu") -> dict[str, Any]:
        self.say({"type": "ready", "slot": slot})
        return self.hear("lease")

    def finish(self, lease: dict[str, Any], /, **changes: Any) -> str:
        self.say({"type": "finished", **of(lease), **changes})
        return str(self.hear("settled")["answer"])

    def fail(self, lease: dict[str, Any], /, **changes: Any) -> str:
        told = {"reason": "error", "message": "it broke", "log_tail": "the log"}
        self.say({"type": "failed", **of(lease), **told, **changes})
        return str(self.hear("settled")["answer"])

    def put(
        self,
        lease: dict[str, Any],
        /,
        *files: tuple[str, str, bytes],
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        **changes: Any,
    ) -> httpx.Response:
        """Upload a result of files `(name, role, bytes)`."""
        unit = of(lease)
        manifest = ResultManifest(
            unit["stage"],
            unit["attempt"],
            tuple(result_file(*file) for file in files),
        )
        body = encode_manifest(manifest) + b"".join(bytes_ for _, _, bytes_ in files)
        return self.manager.http.put(
            f"/api/leases/{changes.get('lease', lease['lease'])}"
            f"/units/{changes.get('unit', unit['unit'])}",
            content=body if content is None else content,
            headers={"Authorization": f"Bearer {self.key}", **(headers or {})},
        )

    def closed(self) -> tuple[int, str]:
        """Wait for the manager to close; returns code and reason."""
        try:
            while True:
                self._unread += json.loads(self.socket.recv(timeout=SOON_S))
        except ConnectionClosed as closed:
            received = closed.rcvd
            assert received is not None, "cut off without a close frame"
            return received.code, received.reason

    def bye(self) -> dict[str, Any]:
        """The goodbye of a connection that was closed."""
        return next(one for one in self._unread if one["type"] == "bye")


def hello(**changes: Any) -> dict[str, Any]:
    slot = {"slot": "cpu", "kinds": ["trial", "render"], "blenders": [{"version": "5.0"}]}
    return {
        "type": "hello",
        "protocol": PROTOCOL_VERSION,
        "boot_id": "boot",
        "name": "worker",
        "agent_version": "0",
        "facts": {"host": "here", "system": "Linux", "cores": 4, "memory_bytes": 8},
        "slots": [slot],
        **changes,
    }


def of(lease: dict[str, Any]) -> dict[str, Any]:
    first = int(lease["units"].split("-")[0].split(",")[0])
    return {
        "lease": lease["lease"],
        "stage": lease["stage"],
        "unit": first,
        "attempt": lease["attempt"],
    }


def result_file(name: str, role: Any, content: bytes) -> ResultFile:
    return ResultFile(name, role, hashlib.sha256(content).hexdigest(), len(content))


def picture(width: int = 8, height: int = 4, kind: str = "png", shade: float = 0.5) -> bytes:
    """A picture file of one shade."""
    pixels = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(width, height, 3, "uint8"))
    OpenImageIO.ImageBufAlgo.fill(pixels, np.array([shade] * 3, dtype=np.float32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture.{kind}"
        assert pixels.write(str(path))
        return path.read_bytes()


def is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a problem as it should be; returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = dict(answer.json())
    assert told["code"] == code, told
    assert told["status"] == status
    assert told["detail"]
    assert ("www-authenticate" in answer.headers) == (status == 401)  # RFC 9110, 15.5.2
    assert ("allow" in answer.headers) == (status == 405)  # RFC 9110, 15.5.6
    assert set(told) == {"type", "title", "status", "code", "detail"}
    return told


def is_edited_only_as_seen(
    http: httpx.Client, path: str, first: dict[str, Any], second: dict[str, Any], etag: str = ""
) -> None:
    """Check that a thing is changed, changed again and removed only as its tag says that it is."""
    seen = {"If-Match": etag or http.get(path).headers["etag"]}

    changed = http.patch(path, json=first, headers=seen)
    again = http.patch(path, json=second, headers=seen)
    removed = http.delete(path, headers=seen)

    assert (changed.status_code, changed.json()) == (200, {**changed.json(), **first})
    is_problem(again, 412, "changed")
    is_problem(removed, 412, "changed")
    assert http.get(path).json().items() >= first.items()
    now = {"If-Match": changed.headers["etag"]}
    assert http.delete(path, headers=now).status_code == 204


def until(check: Callable[[], Any], what: str) -> Any:
    """Wait for something only the outside of the process can see; returns what it saw."""
    deadline = time.monotonic() + SOON_S
    while True:
        seen = check()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in time")
        time.sleep(0.01)
