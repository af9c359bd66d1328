"""The one settings object of a worker process."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from framefarm.agent.idleness import IdleLimits
from framefarm.core.hours import Hours
from framefarm.core.slot_plans import SlotPlan, plan_slots

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How one agent works.

    Attributes:
        data_dir: Where it keeps its identity, cache, outbox and work in progress. One agent each.
        name: What people call the worker; None for the host's name.
        slots: The rendering slots: how many, or as `--slots` says it, such as `gpu:0,cpu*2`.
        threads: Threads of each rendering slot; None shares the cores between the slots.
        cores: How many cores renders may use; None for all. Where the system has affinity (Linux)
            children are pinned to so many, elsewhere only the threads are counted.
        memory_bytes: Most memory a slot's Blender, or its encoder, and all that it starts may hold
            together; beyond it they are killed. None for no such limit.
        unit_disk_bytes: Most that a unit may write while it is made; beyond it what makes it is
            killed. 0 for any amount.
        niceness: How far children give way to other programs: 0 not at all, 19 the most.
        only_when_idle: Begin no unit while somebody uses the machine.
        idle: What counts as use.
        hours: When work is begun; None for always.
        probe_devices: Find out by rendering which devices Cycles can use, to tell the manager.
        blenders: Blender executables to offer besides those found in the usual places.
        managed_dir: Where `framefarm blender install` puts Blenders; None for nowhere.
        cache_bytes: Most the cache of fetched files may hold; files in use do not count as spare.
        disk_reserve_bytes: Below this much free disk no new lease is taken (L6, L14).
        join_token: What lets an unknown worker in, where the manager asks for one, as people
            are shown it.
        fingerprint: SHA-256 of the only certificate the manager is believed by; None where the join
            token says it, or nobody knows.
        media: Also offer a slot that encodes and joins movies.
        warm_start: Start Blender before the first lease asks for one.
        idle_s: A warm Blender or encoder that did nothing for this long is ended.
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
    slots: int | str = 1
    threads: int | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    unit_disk_bytes: int = 20 * GIB
    niceness: int = 0
    only_when_idle: bool = False
    idle: IdleLimits = field(default_factory=IdleLimits)
    hours: Hours | None = None
    probe_devices: bool = True
    blenders: tuple[Path, ...] = ()
    managed_dir: Path | None = None
    cache_bytes: int = 20 * GIB
    disk_reserve_bytes: int = GIB // 2
    join_token: str | None = None
    fingerprint: str | None = None
    media: bool = True
    warm_start: bool = True
    idle_s: float = 900.0
    max_blender_bytes: int | None = None
    upload_workers: int = 3
    max_keeping: int = 4
    max_owed: int = 64
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def join_secret(self) -> str | None:
        """The part of the join token that the manager is to know."""
        return None if self.join_token is None else self.join_token.partition(".")[0]

    @property
    def worker_name(self) -> str:
        """What people call the worker."""
        return self.name or socket.gethostname() or "worker"

    def memory_per_slot(self, total_bytes: int) -> int:
        """Memory of each rendering slot: its limit, else the machine's shared out."""
        return self.memory_bytes or total_bytes // len(self.slot_plans)

    @property
    def slot_plans(self) -> tuple[SlotPlan, ...]:
        """The rendering slots.

        Raises:
            SlotsError: `slots` makes no sense.
        """
        return plan_slots(str(self.slots))
