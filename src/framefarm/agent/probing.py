"""Which devices Cycles really renders on here: found out by rendering, remembered on disk."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from framefarm.agent.disk import write_durably
from framefarm.agent.errors import NoSuchGpuError
from framefarm.agent.gpus import driver_version, gpus_of, system_gpus
from framefarm.agent.places import Place, places
from framefarm.blender.orders import CyclesDevice
from framefarm.blender.warm import WarmBlender
from framefarm.processes.child_process import NO_LIMITS, ChildLimits
from framefarm.processes.errors import ChildError, ChildFailedError, ChildRefusedError

if TYPE_CHECKING:
    from framefarm.agent.journal import Journal
    from framefarm.agent.settings import AgentSettings
    from framefarm.blender.installations import BlenderInstallation

FILE_NAME = "devices.json"
STALL_S = 900.0
"""A GPU's program is compiled at its first use, which takes minutes for some."""

FAILURES_FOR_S = 86_400.0
"""For so long a device that did not work is not tried again. It may have been passing: no memory
left on it, a driver being updated; a crash each time the worker starts would be worse."""

_NICENESS = 10
_MAX_REMEMBERED = 8


class Findings(msgspec.Struct, frozen=True):
    """What a Blender found on this machine.

    Attributes:
        devices: What Cycles lists, once for each backend.
        works: By id, and `CPU`: whether a test picture came out. What was not tried is absent.
        failed_at: Of those that did not work, when that was, in seconds since 1970.
    """

    devices: tuple[CyclesDevice, ...] = ()
    works: dict[str, bool] = {}
    failed_at: dict[str, float] = {}

    def after(self, name: str, *, works: bool, now: float) -> Findings:
        """The same with what came of trying a device."""
        failed_at = {other: at for other, at in self.failed_at.items() if other != name}
        if not works:
            failed_at[name] = now
        return Findings(self.devices, {**self.works, name: works}, failed_at)

    def lately(self, now: float) -> Findings:
        """The same without failures that are too old to count, which are tried again."""
        works = {
            name: did
            for name, did in self.works.items()
            # A clock that was set back must not make a failure last for years.
            if did or 0 <= now - self.failed_at.get(name, 0.0) < FAILURES_FOR_S
        }
        failed_at = {name: at for name, at in self.failed_at.items() if name in works}
        return Findings(self.devices, works, failed_at)


class DeviceProber:
    """Asks a Blender for devices and tries them.

    Args:
        blender: Which one.
        data_dir: The agent's, where the findings are kept, by Blender's version and GPU drivers.
        journal: For what was found.
        limits: What the worker's renders may take.
    """

    def __init__(
        self,
        blender: BlenderInstallation,
        data_dir: Path,
        journal: Journal,
        limits: ChildLimits = NO_LIMITS,
    ) -> None:
        self._blender = blender
        niceness = max(limits.niceness, _NICENESS)
        # A device must not be taken for broken because a frame's limit is small.
        self._limits = replace(limits, niceness=niceness, memory_bytes=0)
        self._path = data_dir / FILE_NAME
        self._journal = journal
        self._key = ""
        self._known: Findings | None = None

    @property
    def blender_name(self) -> str:
        """Which Blender is asked, for messages."""
        return f"Blender {self._blender.full_version}"

    async def find(self) -> Findings:
        """What is known, and at least which devices there are.

        Raises:
            ChildError: Blender does not start, or cannot say.
        """
        if self._known is None:
            self._key = f"{self._blender.full_version}|{self._blender.path}|"
            self._key += await asyncio.to_thread(driver_version)
            known = _read(self._path).get(self._key)
            self._known = known and known.lately(time.time())
        if self._known is None:
            # A slot that waits for the answer is not at work yet, and that takes seconds.
            self._journal.info(f"asking {self.blender_name} which GPUs there are")
            async with await self._start() as blender:
                self._remember(Findings(await blender.devices()))
        assert self._known is not None
        return self._known

    async def probe(self) -> Findings:
        """Try every device that was not tried yet, one after the other; each costs a Blender.

        Raises:
            ChildError: Blender does not start, or cannot say which there are.
        """
        found = await self.find()
        wanted = {"CPU": "CPU", **{it.id: f"GPU:{it.id}" for it in found.devices}}
        for name, device in wanted.items():
            if name not in found.works:
                works = await self._try(device)
                found = found.after(name, works=works, now=time.time())
                self._remember(found)
        return found

    async def _try(self, device: str) -> bool:
        with tempfile.TemporaryDirectory(prefix="framefarm-probe-") as folder:
            blender = await self._start()
            try:
                used = await blender.probe(device, Path(folder), stall_s=STALL_S)
            except (ChildRefusedError, ChildFailedError) as error:
                self._journal.warning("device does not work", device=device, reason=str(error))
                return False
            finally:
                await blender.quit()
        self._journal.info("device works", device=device, used=used)
        return True

    async def _start(self) -> WarmBlender:
        return await WarmBlender.start(self._blender, limits=self._limits)

    def _remember(self, found: Findings) -> None:
        self._known = found
        others = {key: it for key, it in _read(self._path).items() if key != self._key}
        kept = dict(list(others.items())[-_MAX_REMEMBERED + 1 :])
        with contextlib.suppress(OSError):
            write_durably(self._path, msgspec.json.encode({**kept, self._key: found}))


async def find_places(settings: AgentSettings, prober: DeviceProber | None) -> dict[str, Place]:
    """Where each rendering slot renders. A Blender is only asked when a slot wants a GPU.

    Raises:
        NoSuchGpuError: A slot's GPU is not there, or no Blender can tell.
        TooManyCoresError: More cores are asked for than there are.
    """
    wanting = next((plan for plan in settings.slot_plans if plan.gpu is not None), None)
    if wanting is None:
        return places(settings, (), {}, blender="")
    if prober is None:
        raise NoSuchGpuError(wanting.name, "there is no Blender to use it, see framefarm doctor")
    try:
        found = await prober.find()
    except ChildError as error:
        raise NoSuchGpuError(wanting.name, str(error)) from error
    gpus = gpus_of(found.devices, await asyncio.to_thread(system_gpus))
    return places(settings, gpus, found.works, blender=prober.blender_name)


def working_devices(found: Findings) -> tuple[str, ...]:
    """The processor and backends on which a test picture came out, each once."""
    backends = {device.id: device.backend for device in found.devices}
    works = [backends.get(name, name) for name, did in found.works.items() if did]
    return tuple(dict.fromkeys(works))


def _read(path: Path) -> dict[str, Findings]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Findings])
    except (OSError, msgspec.DecodeError):
        return {}
