"""Where each rendering slot renders: its device, and what its children may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from framefarm.agent.errors import NoSuchGpuError, TooManyCoresError
from framefarm.agent.machine import allowed_cores, usable_cores
from framefarm.processes.child_process import NO_LIMITS, ChildLimits
from framefarm.processes.disk_watch import DiskLimits

if TYPE_CHECKING:
    from framefarm.agent.gpus import Gpu
    from framefarm.agent.settings import AgentSettings
    from framefarm.core.slot_plans import SlotPlan


@dataclass(frozen=True, slots=True)
class Place:
    """Where a slot renders.

    Attributes:
        cycles_device: As `RenderSettings.device` says it.
        limits: What its children may take.
    """

    cycles_device: str = "CPU"
    limits: ChildLimits = NO_LIMITS


def places(
    settings: AgentSettings, gpus: Sequence[Gpu], works: Mapping[str, bool], *, blender: str
) -> dict[str, Place]:
    """Find each slot its device.

    Args:
        settings: The agent's.
        gpus: Those that Cycles can use, in the order in which slots count them.
        works: What is known of their backends, see `Gpu.best_way`.
        blender: Which Blender was asked for them, for messages.

    Returns:
        A place for each rendering slot, by name.

    Raises:
        NoSuchGpuError: A slot's GPU is not there; the message says what is.
        TooManyCoresError: More cores are asked for than there are.
    """
    shared = child_limits(settings)
    found = ((plan.name, _gpu_of(plan, gpus, blender)) for plan in settings.slot_plans)
    return {name: _place(gpu, works, shared) for name, gpu in found}


def child_limits(settings: AgentSettings) -> ChildLimits:
    """What every child of the worker may take, wherever it renders.

    Raises:
        TooManyCoresError: More cores are asked for than there are.
    """
    return ChildLimits(
        cores=pinned_cores(settings.cores),
        niceness=settings.niceness,
        memory_bytes=settings.memory_bytes or 0,
        disk=DiskLimits(settings.unit_disk_bytes, settings.disk_reserve_bytes),
    )


def pinned_cores(wanted: int | None) -> tuple[int, ...]:
    """The numbers of the cores that children are pinned to; none to leave them free.

    They are the last ones: systems put what people wait for on the first.

    Raises:
        TooManyCoresError: There are not so many.
    """
    if wanted is None:
        return ()
    there = usable_cores()
    if wanted > there:
        raise TooManyCoresError(wanted, there)
    return allowed_cores()[-wanted:]


def _place(gpu: Gpu | None, works: Mapping[str, bool], shared: ChildLimits) -> Place:
    if gpu is None:
        return Place(limits=shared)
    limits = replace(shared, environment=gpu.environment)
    return Place(f"GPU:{gpu.best_way(works).id}", limits)


def _gpu_of(plan: SlotPlan, gpus: Sequence[Gpu], blender: str) -> Gpu | None:
    if plan.gpu is None:
        return None
    if plan.gpu < len(gpus):
        return gpus[plan.gpu]
    raise NoSuchGpuError(plan.name, f"{blender} {described(gpus)}")


def described(gpus: Sequence[Gpu]) -> str:
    """What devices there are, for messages."""
    if not gpus:
        return "finds no GPU that Cycles can use; the slots there are: cpu"
    named = [f"gpu:{number} ({gpu.name})" for number, gpu in enumerate(gpus)]
    return f"finds {', '.join(named)}; the slots there are: cpu and these"
