"""An agent's parts, and doing with them what its decisions say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm import __version__
from framefarm.agent import instructions as do
from framefarm.agent.identity import Identity
from framefarm.agent.machine import machine_facts
from framefarm.protocol.limits import PROTOCOL_VERSION
from framefarm.protocol.messages import FactsChanged, Hello, SlotOffer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from framefarm.agent.connection import Connection
    from framefarm.agent.identity import IdentityFile
    from framefarm.agent.journal import Journal
    from framefarm.agent.keeping import Keeper
    from framefarm.agent.settings import AgentSettings
    from framefarm.agent.slots import Slot
    from framefarm.agent.uploads import Uploader


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything an agent consists of besides its state.

    Attributes:
        boot_id: Random per process run.
        offers: What the slots can do.
        pools: Threads, to be shut down at the end.
    """

    settings: AgentSettings
    boot_id: str
    offers: tuple[SlotOffer, ...]
    slots: Mapping[str, Slot]
    connection: Connection
    uploader: Uploader
    keeper: Keeper
    identity_file: IdentityFile
    http: httpx.AsyncClient
    pools: tuple[ThreadPoolExecutor, ...]


class Performer:
    """Does what the decisions say.

    Args:
        parts: What with.
        identity: Who the worker is, as far as known.
        end: Ends the agent, with the reason when there is one.
        journal: For what is worth knowing.
    """

    def __init__(
        self,
        parts: Parts,
        identity: Identity | None,
        *,
        end: Callable[[str | None], None],
        journal: Journal,
    ) -> None:
        self._parts = parts
        self._identity = identity
        self._end = end
        self._journal = journal

    @property
    def key(self) -> str | None:
        """The worker's secret, None before its first welcome."""
        return self._identity.key if self._identity else None

    def perform(self, instruction: do.Instruction) -> None:  # noqa: C901, PLR0912 - one line each
        """Do one thing. Nothing here waits; what takes time goes on in the background."""
        parts = self._parts
        match instruction:
            case do.StartUnit(work):
                parts.slots[work.slot].start(work)
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
            case do.Greet(holding):
                parts.connection.send(self._hello(holding))
            case do.Settle():
                self._settle(instruction)
            case do.SendFacts():
                parts.connection.send(FactsChanged(machine_facts(parts.settings.data_dir)))
            case do.Reconnect(reason):
                parts.connection.reconnect(reason)
            case do.AwaitReturn(retry_in_s):
                parts.connection.await_return(retry_in_s)
            case do.GiveUp(reason):
                self._end(reason)
            case do.Quit():
                self._end(None)

    def _hello(self, holding: tuple[str, ...]) -> Hello:
        settings, identity = self._parts.settings, self._identity
        return Hello(
            protocol=PROTOCOL_VERSION,
            boot_id=self._parts.boot_id,
            name=settings.worker_name,
            agent_version=__version__,
            facts=machine_facts(settings.data_dir),
            slots=self._parts.offers,
            worker_id=identity.worker_id if identity else None,
            key=identity.key if identity else None,
            join_token=settings.join_token,
            holding=holding,
        )

    def _settle(self, said: do.Settle) -> None:
        if said.key is not None:
            self._identity = Identity(said.worker_id, said.key)
            self._parts.identity_file.save(self._identity)
        self._parts.connection.pace(said.lease_s)
        for slot in self._parts.slots.values():
            slot.stall_s = said.stall_s
        self._journal.info("connected", worker=said.worker_id)
