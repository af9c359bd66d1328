"""The one settings object of a worker process."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How one agent works.

    Attributes:
        data_dir: Where it keeps its identity, cache, outbox and work in progress. One agent each.
        name: What people call the worker; None for the host's name.
        slots: How many units may render at the same time.
        threads: Threads of each rendering slot; None shares the cores between the slots.
        blenders: Blender executables to offer besides those found in the usual places.
        managed_dir: Where `framefarm blender install` puts Blenders; None for nowhere.
        cache_bytes: Most the cache of fetched files may hold; files in use do not count as spare.
        disk_reserve_bytes: Below this much free disk no new lease is taken (L6, L14).
        join_token: What lets an unknown worker in, where the manager asks for one.
        media: Also offer a slot that encodes and joins movies.
        warm_start: Start Blender before the first lease asks for one.
        idle_s: A warm Blender that did nothing for this long is ended.
        max_blender_bytes: A warm Blender grown beyond this is renewed after its frame; None for
            three quarters of the machine's memory shared between the slots.
        upload_workers: Results sent at the same time.
        max_keeping: Finished units being hashed and stored at the same time; beyond that a slot
            waits before it begins its next unit.
        max_owed: Results not yet acknowledged, beyond which no new lease is asked for.
        log_level: Least level that is logged; `warning` suits an embedded agent.
    """

    data_dir: Path
    name: str | None = None
    slots: int = 1
    threads: int | None = None
    blenders: tuple[Path, ...] = ()
    managed_dir: Path | None = None
    cache_bytes: int = 20 * GIB
    disk_reserve_bytes: int = GIB // 2
    join_token: str | None = None
    media: bool = True
    warm_start: bool = True
    idle_s: float = 900.0
    max_blender_bytes: int | None = None
    upload_workers: int = 3
    max_keeping: int = 4
    max_owed: int = 64
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def worker_name(self) -> str:
        """What people call the worker."""
        return self.name or socket.gethostname() or "worker"

    @property
    def cpu_slots(self) -> tuple[str, ...]:
        """Names of the rendering slots."""
        return tuple("cpu" if n == 1 else f"cpu-{n}" for n in range(1, self.slots + 1))
