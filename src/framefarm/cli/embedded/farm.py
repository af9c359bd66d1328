"""A manager in a process beside this one and a worker in a thread of it, for one render."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.cli.embedded.place import LEAST_FREE_BYTES, OutputPlace
from framefarm.cli.failures import EmbeddedFarmError
from framefarm.cli.settings import Settings

if TYPE_CHECKING:
    from framefarm.agent import Agent

_HOST = "127.0.0.1"
LOG_NAME = "farm.log"
_RETRY_DIE = 0.05
"""In place of chance in the worker's pauses between tries: it waits for a manager that starts at
the same time, and is alone in doing so."""

_AGENT_STOP_S = 1.2
_MANAGER_STOP_S = 1.0


class EmbeddedFarm:
    """The two of them, started at the same time.

    Args:
        place: Where frames and data go.
        settings: Name further Blenders.
        on_failure: Told, from a thread, when the worker ended by itself.
    """

    def __init__(
        self, place: OutputPlace, settings: Settings, on_failure: Callable[[Exception], None]
    ) -> None:
        self._place = place
        self._settings = settings
        self._on_failure = on_failure
        self._port = _free_port()
        self._agent: Agent | None = None
        self._manager: subprocess.Popen[bytes] | None = None
        self._answers = threading.Event()
        self._worker_thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._starting = threading.Lock()

    @property
    def url(self) -> str:
        """Where the manager answers, once it is started."""
        return f"http://{_HOST}:{self._port}"

    @property
    def log(self) -> Path:
        """Where manager warnings and errors are written."""
        return self._place.private / LOG_NAME

    def start_worker(self) -> None:
        """Start the worker; it tries to reach the manager until that is there."""
        from framefarm.agent import Agent, AgentSettings  # noqa: PLC0415  slow to import
        from framefarm.cli.logs import log_to_file  # noqa: PLC0415  slow to import

        with self._starting:
            if self._stopping.is_set():
                return
            log_to_file(self._place.private / "worker.log")
            settings = AgentSettings(
                data_dir=self._place.private / "agent",
                blenders=self._settings.blenders,
                managed_dir=self._settings.managed_blenders,
                disk_reserve_bytes=LEAST_FREE_BYTES // 3,
                log_level="error",
                probe_devices=False,
            )
            self._agent = Agent(self.url, settings, die=lambda: _RETRY_DIE)
            self._worker_thread = threading.Thread(
                target=self._run_worker, args=(self._agent,), name="worker", daemon=True
            )
            self._worker_thread.start()

    def launch_manager(self) -> None:
        """Start the manager's process; `await_manager` tells when it answers.

        A process of its own, because importing a manager takes a second of one core: in a thread
        that second would hold up the worker and everything else here.
        """
        with self._starting:
            if self._stopping.is_set() or self._manager is not None:
                return
            where = (str(self._place.private), str(self._place.folder), str(self._port))
            self._manager = subprocess.Popen(
                [sys.executable, "-m", "framefarm.cli.embedded.manager_process", *where],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )

    def await_manager(self) -> None:
        """Return when the manager answers.

        Raises:
            EmbeddedFarmError: Its port or its data cannot be used, or it ended.
        """
        manager = self._manager
        if manager is None or manager.stdout is None:
            return
        line = manager.stdout.readline()
        if self._stopping.is_set():
            return
        if not line:
            raise EmbeddedFarmError(f"the manager could not be started; see {self.log}")
        told: dict[str, str] = json.loads(line)
        if told:
            raise EmbeddedFarmError(told["message"])
        self._answers.set()

    def stop(self) -> None:
        """Stop both, within 2 s."""
        self._stopping.set()
        if self._agent is not None:
            self._agent.stop()
        self._join_worker()
        with self._starting:
            manager = self._manager
        if manager is not None:
            self._stop_manager(manager)

    def _stop_manager(self, manager: subprocess.Popen[bytes]) -> None:
        if not self._answers.is_set():
            # In the middle of its start it has taken nothing yet that could be lost.
            manager.kill()
        assert manager.stdin is not None
        manager.stdin.close()
        try:
            manager.wait(_MANAGER_STOP_S)
        except subprocess.TimeoutExpired:
            manager.kill()
            manager.wait()
        if manager.stdout is not None:
            manager.stdout.close()

    def _join_worker(self) -> None:
        if self._worker_thread is not None:
            self._worker_thread.join(_AGENT_STOP_S)

    def _run_worker(self, agent: Agent) -> None:
        try:
            asyncio.run(agent.run())
        except Exception as error:  # noqa: BLE001  the end of a thread: told to the main one
            self._on_failure(error)
            return
        if not self._stopping.is_set():
            self._on_failure(EmbeddedFarmError("the worker ended by itself"))


def _free_port() -> int:
    """A port nobody listens on now. The worker has to know it before the manager is there."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
