"""A manager and a worker in threads of this process, for one render."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.cli.embedded.place import LEAST_FREE_BYTES, OutputPlace
from framefarm.cli.failures import EmbeddedFarmError
from framefarm.cli.settings import Settings

if TYPE_CHECKING:
    from framefarm.agent import Agent
    from framefarm.api.serving import ManagerServer

_HOST = "127.0.0.1"
_RETRY_DIE = 0.05
"""In place of chance in the worker's pauses between tries: it waits for a manager that starts at
the same time, and is alone in doing so."""

_AGENT_STOP_S = 1.2
_MANAGER_STOP_S = 0.5
_START_ENDS_S = 5.0


class EmbeddedFarm:
    """The two of them. The worker is started first: its Blender takes longest to come up.

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
        self._server: ManagerServer | None = None
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
        return self._place.private / "farm.log"

    def start_worker(self) -> None:
        """Start the worker; it tries to reach the manager until that is there."""
        from framefarm.agent import Agent, AgentSettings  # noqa: PLC0415  slow to import

        with self._starting:
            if self._stopping.is_set():
                return
            settings = AgentSettings(
                data_dir=self._place.private / "agent",
                blenders=self._settings.blenders,
                managed_dir=self._settings.managed_blenders,
                disk_reserve_bytes=LEAST_FREE_BYTES // 3,
                log_level="error",
            )
            self._agent = Agent(self.url, settings, die=lambda: _RETRY_DIE)
            self._worker_thread = threading.Thread(
                target=self._run_worker, args=(self._agent,), name="worker", daemon=True
            )
            self._worker_thread.start()

    def start_manager(self) -> None:
        """Start the manager; returns when it answers.

        Raises:
            FrameFarmError: Its port or its data cannot be used.
        """
        from framefarm.api.serving import ManagerServer  # noqa: PLC0415  slow to import
        from framefarm.cli.logs import log_to_file  # noqa: PLC0415  slow to import
        from framefarm.farm.settings import ManagerSettings  # noqa: PLC0415  slow to import

        with self._starting:
            if self._stopping.is_set():
                return
            log_to_file(self.log)
            settings = ManagerSettings(
                data_dir=self._place.private,
                outputs_dir=self._place.folder,
                flat_outputs=True,
                low_water_bytes=LEAST_FREE_BYTES // 3,
            )
            self._server = ManagerServer(settings, host=_HOST, port=self._port)
            self._server.start()

    def stop(self) -> None:
        """Stop both, within 2 s unless one of them is just starting."""
        self._stopping.set()
        if self._agent is not None:
            self._agent.stop()
        self._join_worker()
        # A manager in the middle of its start could not be told to stop.
        if self._starting.acquire(timeout=_START_ENDS_S):
            self._starting.release()
        if self._server is not None:
            self._server.stop(_MANAGER_STOP_S)

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
