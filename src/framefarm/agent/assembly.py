"""Building an agent's parts and wiring them together."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.agent.cache import BlobCache
from framefarm.agent.connection import Connection
from framefarm.agent.disk import disk_is_low, free_bytes
from framefarm.agent.downloads import Downloader
from framefarm.agent.executors.contract import SlotResources
from framefarm.agent.executors.table import executors_for
from framefarm.agent.http import open_client
from framefarm.agent.identity import IdentityFile
from framefarm.agent.keeping import Keeper
from framefarm.agent.machine import Machine, memory_bytes, usable_cores
from framefarm.agent.offers import slot_offers
from framefarm.agent.outbox import Outbox
from framefarm.agent.parts import Found, Parts
from framefarm.agent.places import Place, child_limits
from framefarm.agent.prefetching import Prefetcher
from framefarm.agent.slots import Slot
from framefarm.agent.sources import SourceFiles
from framefarm.agent.thumbnails import Thumbnailer
from framefarm.agent.trees import Trees
from framefarm.agent.uploads import Uploader
from framefarm.agent.workdirs import WorkDirs
from framefarm.processes.threadpool import low_priority_pool

if TYPE_CHECKING:
    from framefarm.agent.backoff import Die
    from framefarm.agent.events import Event
    from framefarm.agent.executors.table import MakeExecutor
    from framefarm.agent.journal import Journal
    from framefarm.agent.settings import AgentSettings
    from framefarm.agent.trust import Trust
    from framefarm.blender.installations import BlenderInstallation
    from framefarm.protocol.messages import SlotOffer

_FETCHES = 4
"""Connections for fetching, besides one for each upload."""


@dataclass(frozen=True, slots=True)
class Wires:
    """How the parts reach the agent's state.

    Attributes:
        tell: Takes events, all that belong together at once.
        key: The worker's secret, None before the first welcome.
        held: The leases to renew now.
        die: Random number from 0 up to 1.
        journal: The agent's.
    """

    tell: Callable[[Sequence[Event]], None]
    key: Callable[[], str | None]
    held: Callable[[], tuple[str, ...]]
    die: Die
    journal: Journal

    def tell_one(self, event: Event) -> None:
        """Take one event."""
        self.tell([event])


class Store:
    """The agent's folders.

    Attributes:
        outbox, workdirs, identity_file: In them.
    """

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        root = settings.data_dir
        self.identity_file = IdentityFile(root)
        self.outbox = Outbox(root / "outbox")
        self.workdirs = WorkDirs(root / "work")
        self.scratch = root / "scratch"

    def load(self, cache: BlobCache) -> Found:
        """Clean up after an earlier run and find what it left. Blocks on the disk.

        Raises:
            IdentityError: The identity file is there but cannot be used.
            OSError: The data directory cannot be used.
        """
        interrupted = self.workdirs.units()
        self.workdirs.clear()
        WorkDirs(self.scratch).clear()
        cache.load()
        return Found(self.identity_file.load(), tuple(self.outbox.load()), interrupted)


def disk_low(settings: AgentSettings, *, was_low: bool = False) -> bool:
    """Whether what is free on the data directory's disk is kept for results."""
    free = free_bytes(settings.data_dir)
    return disk_is_low(free, settings.disk_reserve_bytes, was_low=was_low)


async def assemble(
    url: str,
    settings: AgentSettings,
    wires: Wires,
    *,
    trust: Trust,
    executors: Mapping[str, MakeExecutor],
    blenders: Sequence[BlenderInstallation],
    places: Mapping[str, Place],
    boot_id: str,
) -> tuple[Parts, Found]:
    """Build the parts of an agent.

    Args:
        url: The manager's.
        settings: The agent's.
        wires: How the parts reach the agent's state.
        executors: What makes which kind of unit.
        blenders: Those found here.
        places: Where each rendering slot renders, by its name.
        boot_id: Of this process.

    Returns:
        The parts, nothing of them running yet, and what was found in the data directory.

    Raises:
        IdentityError: The identity file is there but cannot be used.
        OSError: The data directory cannot be used.
    """
    store = await asyncio.to_thread(Store, settings)
    http = open_client(url, trust.context, connections=settings.upload_workers + _FETCHES)
    keeping_pool = low_priority_pool("framefarm-keep", 2)
    working_pool = low_priority_pool("framefarm-work", len(settings.slot_plans) + 1)
    cache = BlobCache(
        settings.data_dir / "cache",
        limit_bytes=settings.cache_bytes,
        reserve_bytes=settings.disk_reserve_bytes,
        fetcher=Downloader(http, key=wires.key, die=wires.die, journal=wires.journal),
        journal=wires.journal,
    )
    found = await asyncio.to_thread(store.load, cache)
    trust.remember(found.identities.farms)
    cores = settings.cores or usable_cores()
    machine = Machine(url, settings.data_dir, cores=cores)
    await asyncio.to_thread(machine.look)
    offers = slot_offers(settings, blenders, cores=cores, memory_bytes=memory_bytes())
    connection = Connection(
        url, trust, tell=wires.tell, held=wires.held, die=wires.die, journal=wires.journal
    )
    sources = SourceFiles()
    trees = Trees(store.scratch / "trees", cache)
    # The slot for movies renders nowhere, but its children are limited like others.
    elsewhere = Place(limits=child_limits(settings))

    thumbnails = Thumbnailer(store.scratch, elsewhere.limits, idle_s=settings.idle_s)

    def slot(offer: SlotOffer) -> Slot:
        journal = wires.journal.bind(slot=offer.slot)
        place = places.get(offer.slot, elsewhere)
        resources = SlotResources(
            slot=offer.slot,
            settings=settings,
            threads=offer.threads,
            blenders=tuple(blenders),
            cache=cache,
            trees=trees,
            sources=sources,
            thumbnails=thumbnails,
            pool=working_pool,
            scratch_dir=store.scratch,
            journal=journal,
            limits=place.limits,
            device=offer.device,
            cycles_device=place.cycles_device,
        )
        return Slot(
            offer.slot,
            executors_for(offer.kinds, executors, resources),
            workdirs=store.workdirs,
            tell=wires.tell_one,
            report=connection.send,
            journal=journal,
            full=functools.partial(disk_low, settings),
            memory_bytes=offer.memory_bytes,
        )

    parts = Parts(
        url=url,
        settings=settings,
        boot_id=boot_id,
        machine=machine,
        offers=offers,
        slots={offer.slot: slot(offer) for offer in offers},
        connection=connection,
        uploader=Uploader(
            http,
            store.outbox,
            tell=wires.tell_one,
            key=wires.key,
            die=wires.die,
            journal=wires.journal,
        ),
        keeper=Keeper(
            outbox=store.outbox,
            cache=cache,
            workdirs=store.workdirs,
            pool=keeping_pool,
            tell=wires.tell_one,
            journal=wires.journal,
        ),
        prefetcher=Prefetcher(cache, trees, sources, report=connection.send, journal=wires.journal),
        thumbnails=thumbnails,
        cache=cache,
        workdirs=store.workdirs,
        identity_file=store.identity_file,
        trust=trust,
        outbox=store.outbox,
        http=http,
        pools=(keeping_pool, working_pool),
    )
    return parts, found
