"""What this worker offers the manager: its slots, their kinds and Blenders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framefarm.agent.executors.table import CPU_KINDS, MEDIA_KINDS
from framefarm.protocol.messages import BlenderOffer, SlotOffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framefarm.agent.settings import AgentSettings
    from framefarm.blender.installations import BlenderInstallation

MEDIA_SLOT = "media"


def threads_per_slot(settings: AgentSettings, cores: int) -> int:
    """CPU threads of each rendering slot: as asked, else the cores shared out."""
    return settings.threads or max(1, cores // len(settings.slot_plans))


def slot_offers(
    settings: AgentSettings,
    blenders: Sequence[BlenderInstallation],
    *,
    cores: int,
    memory_bytes: int,
) -> tuple[SlotOffer, ...]:
    """The slots of an agent.

    Args:
        settings: The agent's.
        blenders: Those found here; without any the slots offer no rendering.
        cores: Of the machine, as far as the worker may use them.
        memory_bytes: Of the machine.
    """
    kinds = CPU_KINDS if blenders else tuple(kind for kind in CPU_KINDS if kind != "render")
    offered = _blender_offers(blenders)
    threads = threads_per_slot(settings, cores)
    memory = settings.memory_per_slot(memory_bytes)
    slots = [
        SlotOffer(plan.name, kinds, offered, threads, plan.device, memory)
        for plan in settings.slot_plans
    ]
    if settings.media:
        slots.append(_media_offer(settings, cores, memory_bytes))
    return tuple(slots)


def _media_offer(settings: AgentSettings, cores: int, memory_bytes: int) -> SlotOffer:
    # A unit that needs more is tried where there is more.
    memory = settings.memory_bytes or memory_bytes
    return SlotOffer(MEDIA_SLOT, MEDIA_KINDS, (), cores, memory_bytes=memory)


def _blender_offers(blenders: Sequence[BlenderInstallation]) -> tuple[BlenderOffer, ...]:
    """One for each version, the preferred installation's."""
    offers: dict[str, BlenderOffer] = {}
    for found in blenders:
        version = str(found.version)
        offers.setdefault(version, BlenderOffer(version, found.full_version, found.kind))
    return tuple(offers.values())
