"""An agent's parts, and doing with them what its decisions say."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm import __version__
from framefarm.agent import instructions as do
from framefarm.agent.http import is_loopback
from framefarm.agent.identity import Identities, Identity
from framefarm.agent.machine import Machine, worth_telling
from framefarm.protocol.limits import MAX_CACHED_TOLD, PROTOCOL_VERSION
from framefarm.protocol.messages import FactsChanged, Hello, MachineFacts, SlotOffer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from framefarm.agent.cache import BlobCache
    from framefarm.agent.connection import Connection
    from framefarm.agent.events import Owed
    from framefarm.agent.identity import IdentityFile
    from framefarm.agent.journal import Journal
    from framefarm.agent.keeping import Keeper
    from framefarm.agent.outbox import Outbox
    from framefarm.agent.prefetching import Prefetcher
    from framefarm.agent.settings import AgentSettings
    from framefarm.agent.slots import Slot
    from framefarm.agent.thumbnails import Thumbnailer
    from framefarm.agent.trust import Trust
    from framefarm.agent.uploads import Uploader
    from framefarm.agent.workdirs import WorkDirs

WORTH_TELLING_BYTES = 64 << 10
"""Smaller files are fetched faster than it takes to choose a worker that has them."""

CLOCK_SET_S = 2.0
"""A clock that was set by more is told of; those that are kept right are moved by less."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything an agent consists of besides its state.

    Attributes:
        url: The manager's address.
        boot_id: Random per process run.
        offers: What the slots can do.
        pools: Threads, to be shut down at the end.
    """

    url: str
    settings: AgentSettings
    boot_id: str
    machine: Machine
    offers: tuple[SlotOffer, ...]
    slots: Mapping[str, Slot]
    connection: Connection
    uploader: Uploader
    keeper: Keeper
    prefetcher: Prefetcher
    thumbnails: Thumbnailer
    cache: BlobCache
    workdirs: WorkDirs
    identity_file: IdentityFile
    trust: Trust
    outbox: Outbox
    http: httpx.AsyncClient
    pools: tuple[ThreadPoolExecutor, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in the data directory from earlier runs.

    Attributes:
        identities: Who this worker is, to each farm that it has joined.
        owed: Results that were never acknowledged.
        interrupted: Stage and unit of what a process that died was at.
    """

    identities: Identities
    owed: tuple[Owed, ...]
    interrupted: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How an agent ends.

    Attributes:
        refused: Why the manager will not have it, None when that is not the reason.
        again: The process is to be started anew.
    """

    refused: str | None = None
    again: bool = False


class Performer:
    """Does what the decisions say.

    Args:
        parts: What with.
        found: What earlier runs left: who the worker is, and what it was at.
        end: Ends the agent.
        journal: For what is worth knowing.
    """

    def __init__(
        self,
        parts: Parts,
        found: Found,
        *,
        end: Callable[[Ending], None],
        journal: Journal,
    ) -> None:
        self._parts = parts
        self._identities = found.identities
        self._identity: Identity | None = None
        self._interrupted = found.interrupted
        self._told: MachineFacts | None = None
        self._told_offset_s = 0.0
        self._owed = found.owed
        self._end = end
        self._journal = journal

    def facts_changed(self) -> bool:
        """Whether the machine changed so far since it was last told of that it is to be told."""
        told = self._told
        now = self._parts.machine.facts(resting=told.resting if told else "")
        set_by_s = abs(_clock_offset_s() - self._told_offset_s)
        return told is not None and (worth_telling(told, now) or set_by_s > CLOCK_SET_S)

    @property
    def key(self) -> str | None:
        """The worker's secret, None before this farm's first welcome."""
        return self._identity.key if self._identity else None

    def perform(self, instruction: do.Instruction) -> None:  # noqa: C901, PLR0912 - one line each
        """Do one thing. Nothing here waits; what takes time goes on in the background."""
        parts = self._parts
        match instruction:
            case do.StartUnit(work):
                parts.slots[work.slot].start(work)
            case do.FetchAhead(order):
                parts.prefetcher.fetch(order)
            case do.Send(report):
                parts.connection.send(report)
            case do.Keep(work, outcome):
                parts.keeper.keep(work, outcome)
            case do.Offer(entry):
                parts.uploader.offer(entry)
            case do.DropEntry(entry, useful):
                parts.keeper.drop(entry, useful=useful)
            case do.Discard(work):
                parts.keeper.discard(work)
            case do.AbortUnit(slot):
                parts.slots[slot].abort()
            case do.Greet():
                parts.connection.send(self._hello(instruction))
            case do.Settle():
                self._settle(instruction)
            case do.SendFacts(resting):
                parts.connection.send(FactsChanged(self._facts(resting), time.time()))
            case do.Reconnect(reason):
                parts.connection.reconnect(reason)
            case do.AwaitReturn(retry_in_s):
                parts.connection.await_return(retry_in_s)
            case do.GiveUp(reason):
                self._end(Ending(refused=reason))
            case do.Quit(again):
                self._end(Ending(again=again))

    def _facts(self, resting: str) -> MachineFacts:
        self._told_offset_s = _clock_offset_s()
        self._told = self._parts.machine.facts(resting=resting)
        return self._told

    def _hello(self, greet: do.Greet) -> Hello:
        settings, identity = self._parts.settings, self._recall()
        return Hello(
            protocol=PROTOCOL_VERSION,
            boot_id=self._parts.boot_id,
            name=settings.worker_name,
            agent_version=__version__,
            facts=self._facts(greet.resting),
            slots=self._parts.offers,
            worker_id=identity.worker_id if identity else None,
            key=identity.key if identity else None,
            join_token=settings.join_secret,
            holding=greet.holding,
            # Also what was delivered since: the manager keeps only what is still open.
            owed=self._owed_to(self._parts.connection.farm),
            interrupted=self._interrupted,
            cached=self._parts.cache.recent(MAX_CACHED_TOLD, least_bytes=WORTH_TELLING_BYTES),
            clock_at=time.time(),
            takes=("prefetch",),
        )

    def _owed_to(self, farm: str) -> tuple[tuple[str, int], ...]:
        """What earlier processes left in the outbox for a farm."""
        return tuple((item.lease, item.unit) for item in self._owed if item.farm in ("", farm))

    def _recall(self) -> Identity | None:
        """Who this worker is to the farm that it is connected with."""
        farm = self._parts.connection.farm
        certificate, here = self._parts.trust.certificate, is_loopback(self._parts.url)
        self._identity = self._identities.at(farm, certificate, here=here)
        self._parts.outbox.farm = farm
        return self._identity

    def _settle(self, said: do.Settle) -> None:
        self._remember(said)
        # Told once: on every hello it would look like another death.
        self._interrupted = ()
        self._parts.connection.pace(said.lease_s)
        for slot in self._parts.slots.values():
            slot.stall_s = said.stall_s
        self._journal.info("connected", worker=said.name or said.worker_id, url=self._parts.url)

    def _remember(self, said: do.Settle) -> None:
        """Keep who the worker is now, so that a restart finds the same manager and the same key."""
        key = said.key or self.key
        if key is None:
            return
        parts = self._parts
        self._identity = Identity(
            said.worker_id, key, parts.connection.farm, parts.url, parts.trust.certificate
        )
        if self._identity != self._identities.latest:
            self._identities = self._identities.with_latest(self._identity)
            parts.identity_file.save(self._identities)


def _clock_offset_s() -> float:
    """Changes when the machine's clock is set, and while it sleeps."""
    return time.time() - time.monotonic()
