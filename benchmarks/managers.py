"""A real `framefarm serve` process for a benchmark, and what it costs."""

from __future__ import annotations

import atexit
import json
import shutil
import signal
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

FRAMEFARM = str(Path(sys.executable).parent / "framefarm")
"""The command as it was installed beside this Python."""

_START_S = 20.0


@dataclass
class RunningManager:
    """A manager in a process of its own."""

    url: str
    data_dir: Path
    process: psutil.Popen

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process by a signal."""
        self.process.send_signal(number)
        self.process.wait(20)

    def start(self) -> float:
        """Start another process over the same data; returns the seconds until it answered."""
        began = time.perf_counter()
        self.process = _launch(self.url, self.data_dir)
        _wait_until_ready(self)
        return time.perf_counter() - began

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request, its JSON answer."""
        request = urllib.request.Request(  # noqa: S310  our own loopback address
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            text = answer.read()
            return json.loads(text) if text else None

    def memory_mib(self) -> float:
        """Its resident memory."""
        return float(self.process.memory_info().rss / 2**20)

    def cpu_s(self) -> float:
        """Processor time it has used."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


@contextmanager
def running_manager() -> Iterator[RunningManager]:
    """Start a manager on a free port over an empty folder; stop it at the end."""
    folder = tempfile.mkdtemp(prefix="framefarm-measured-")
    # Removed at the very end: for minutes after many files were deleted, ext4 searches long for an
    # inode that was not (`recently_deleted` in fs/ext4/ialloc.c), which would slow the next run.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    url = f"http://127.0.0.1:{_free_port()}"
    manager = RunningManager(url, Path(folder), _launch(url, Path(folder)))
    try:
        _wait_until_ready(manager)
        yield manager
    finally:
        manager.stop()


def _launch(url: str, folder: Path) -> psutil.Popen:
    command = [FRAMEFARM, "serve", "--listen", url.removeprefix("http://"), "--data", str(folder)]
    with (folder / "serve.log").open("ab") as log:
        return psutil.Popen(command, stdout=log, stderr=log)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(manager: RunningManager) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            manager.call("GET", "/api/health")
        except (urllib.error.URLError, ConnectionError):
            if manager.process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
