"""Giving leases to slots: at once when there is work, as soon as there is some otherwise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from functools import partial

import msgspec
import structlog

from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.db import GroupCommitWriter, Handler
from framefarm.farm.catalog import Catalog
from framefarm.farm.claim_requests import ClaimRequest
from framefarm.farm.claims import pools_with_work
from framefarm.farm.grants import Grant, Grants
from framefarm.farm.inputs import files_of
from framefarm.farm.limits import Limited
from framefarm.farm.paces import Paces
from framefarm.farm.requeue import release
from framefarm.farm.roster import Link, Roster, Slot, Work
from framefarm.farm.stalls import stall_limit_s
from framefarm.farm.tails import TailRequest
from framefarm.protocol.messages import Lease, Order, Task

_log = structlog.get_logger(__name__)
_TOLD_REMEMBERED = 1_000
"""Stages of which it is remembered that a worker knows their task."""

_TAILS_AT_A_TIME = 64
_WAVE = 128
"""Idle slots that ask at a time when work appears."""
_AGAIN_S = 1.0


def _nobody_listens(_link: Link, _job_id: int) -> None:
    """The default of `Dispatcher.on_lease`."""


class Dispatcher:
    """Answers slots that are ready.

    Args:
        writer: Runs the claims.
        catalog: The stages' settings.
        roster: Who is connected.
        stall_s: How long a unit may show no progress, at least (L10).

    Attributes:
        on_lease: Told of each lease that goes out: to whom, and of which job.
    """

    def __init__(
        self,
        writer: GroupCommitWriter,
        catalog: Catalog,
        roster: Roster,
        *,
        stall_s: float = 300.0,
    ) -> None:
        self._writer = writer
        self._catalog = catalog
        self._roster = roster
        self._stall_s = stall_s
        self._paces = Paces(roster)
        self._limited = Limited()
        self._tail_turn = 0
        grants = Grants(catalog, self._limited)
        self._claims: Handler[ClaimRequest, Grant | None] = Handler(grants.of_claims, rank=80)
        self._tails: Handler[TailRequest, Grant | None] = Handler(grants.of_tails, rank=85)
        self.on_lease: Callable[[Link, int], None] = _nobody_listens
        self._appeared = 0
        self._woken = asyncio.Event()
        self._only_limits = True
        self._again: asyncio.TimerHandle | None = None

    def claim(self, link: Link, slot: Slot) -> asyncio.Future[Grant | None]:
        """Ask for a lease for one slot; await the answer with `orders_for`."""
        slot.waiting = False
        slot.asked_at = self._appeared
        return self._writer.submit(self._claims, self.request_of(link, slot))

    def request_of(self, link: Link, slot: Slot) -> ClaimRequest:
        """What a slot asks for. May be called from any thread."""
        return ClaimRequest(
            worker_id=link.worker_id,
            slot=slot.offer.slot,
            ability=slot.ability,
            warm=slot.warm,
            cached=link.files.known,
            seconds_per_unit=link.seconds_per_unit(),
            peers=self._roster.peers(slot.ability.kinds),
            others=self._roster.others,
            lease_s=link.lease_s,
            barred=link.barred,
            probation=link.probation,
            resting=link.resting,
        )

    async def granted(
        self, link: Link, slot: Slot, claimed: asyncio.Future[Grant | None]
    ) -> list[Order]:
        """Orders that give the slot what it claimed; none when it has to wait, which it then does.

        Args:
            link: Whose slot it is.
            slot: Which claimed.
            claimed: What `claim` returned.
        """
        grant = await claimed
        while grant is None and self._appeared != slot.asked_at:
            # Work appeared while the claim was on its way: it may have come too late for it.
            grant = await self.claim(link, slot)
        if grant is None:
            slot.waiting = True
            return []
        if grant.lease.opens:
            self.work_appeared()
        if self._roster.get(link.worker_id) is not link:
            await self.take_back(link, grant.lease.lease_id)
            return []
        return self._orders(link, slot, grant)

    async def take_back(self, link: Link, lease_id: str) -> None:
        """End a lease that was given over a connection which was none any more.

        Its worker never hears of it. Nor does its next hello free it where that was written before
        the claim: the unit would wait for the end of a lease that nobody renews.
        """
        news = await self._writer.write(
            lambda c: release(c, self._catalog, link.worker_id, lease_id)
        )
        if news.work:
            _log.info("lease_taken_back", worker=link.name, lease=lease_id)
            self.work_appeared()

    def work_appeared(self) -> None:
        """Units became pending: slots that wait shall have them."""
        self._only_limits = False
        self._wake()

    def jobs_changed(self, jobs: Collection[int]) -> None:
        """Leases of some jobs may have ended: what a limit kept back may go on now."""
        if self._limited.concerned(jobs, self._catalog.owner_of):
            self._wake()

    def _wake(self) -> None:
        self._appeared += 1
        self._woken.set()

    async def serve_waiting(self) -> None:
        """Give work that appears to the slots that wait for it, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            only_limits, self._only_limits = self._only_limits, True
            pools = None
            if only_limits and self._roster.anyone_waits():
                # Nearly always whoever ended a lease has taken the place that it left; going
                # through ten thousand slots that wait to find that out costs more than the lease.
                pools = await self._pools_with_work()
            if pools is None or pools:
                await self._serve_in_waves(_of_pools(self._roster.waiting(), pools))

    async def _serve_in_waves(self, waiting: list[tuple[Link, Slot]]) -> None:
        """Let some slots ask at a time, until nothing is left that anybody could have.

        All of ten thousand idle slots asking for one unit that appeared held up everybody else's
        messages for a second.
        """
        while waiting:
            wave, waiting = waiting[:_WAVE], waiting[_WAVE:]
            served = await asyncio.gather(*(self._serve(link, slot) for link, slot in wave))
            if waiting and not any(served):
                waiting = _of_pools(waiting, await self._pools_with_work())

    async def _pools_with_work(self) -> Collection[Pool] | None:
        """The pools for whose slots limits leave something that is pending; None for unknown."""
        try:
            return await self._writer.write(partial(pools_with_work, limited=self._limited))
        except FrameFarmError:
            return None

    async def _serve(self, link: Link, slot: Slot, *, tail: bool = False) -> bool:
        """Let a slot ask if it still waits; whether it got something."""
        if not (link.enabled and slot.waiting and self._roster.get(link.worker_id) is link):
            return False
        claim = self._claim_tail if tail else self.claim
        try:
            orders = await self.granted(link, slot, claim(link, slot))
        except FrameFarmError as error:
            slot.waiting = True
            self._ask_again_soon()
            _log.warning("claim_failed", worker=link.name, error=str(error))
            return False
        except Exception:  # noqa: BLE001  the others that wait must be served all the same
            slot.waiting = True
            _log.exception("claim_failed", worker=link.name)
            return False
        if orders:
            await link.send(orders)
        return bool(orders)

    def _ask_again_soon(self) -> None:
        """The database took no claims: nothing may appear for hours that would wake the slots."""
        if self._again is None:
            self._again = asyncio.get_running_loop().call_later(_AGAIN_S, self._ask_again)

    def _ask_again(self) -> None:
        self._again = None
        self.work_appeared()

    async def serve_tails(self, every_s: float) -> None:
        """Lend the last units of a stage to slots that wait as well, for ever (L11)."""
        while every_s > 0:
            await self.pause_before_tails(every_s)
            asking = self._next_for_tails()
            await asyncio.gather(*(self._serve(link, slot, tail=True) for link, slot in asking))

    async def pause_before_tails(self, every_s: float) -> None:
        """Wait until it is time to look again."""
        await asyncio.sleep(every_s)

    def _next_for_tails(self) -> list[tuple[Link, Slot]]:
        """Some of the slots that wait, others each time.

        All of ten thousand idle slots asking twice a second would keep the manager busy for
        nothing: there are never more second leases than units in work.
        """
        waiting = [(link, slot) for link, slot in self._roster.waiting() if link.enabled]
        if len(waiting) <= _TAILS_AT_A_TIME:
            return waiting
        first = self._tail_turn % len(waiting)
        self._tail_turn = first + _TAILS_AT_A_TIME
        return [*waiting[first:], *waiting[:first]][:_TAILS_AT_A_TIME]

    def _claim_tail(self, link: Link, slot: Slot) -> asyncio.Future[Grant | None]:
        # `asked_at` stays: this does not ask for pending work, so what appeared since the slot last
        # did must still be asked for.
        slot.waiting = False
        request = TailRequest(self.request_of(link, slot), self._paces)
        return self._writer.submit(self._tails, request)

    def _orders(self, link: Link, slot: Slot, grant: Grant) -> list[Order]:
        lease, stage = grant.lease, grant.stage
        orders: list[Order] = []
        if stage.id not in link.told:
            if len(link.told) >= _TOLD_REMEMBERED:
                # It is told again then, which costs a message and hurts nobody.
                link.told.clear()
            link.told.add(stage.id)
            settings = msgspec.Raw(stage.settings_json)
            orders.append(Task(stage.id, stage.job_id, stage.kind, settings))
        if stage.blend_sha256:
            # It fetches that now, so it will hold it when it asks again.
            link.files.note([stage.blend_sha256])
        link.may_fetch.add(files_of(stage, grant.inputs), time.monotonic())
        units = str(lease.units)
        slot.work = Work(lease.lease_id, stage.job_id, stage.id, stage.kind, units)
        slot.note_progress(lease.units.first, 0, 0)
        self.on_lease(link, stage.job_id)
        usual_s = link.seconds_per_unit().get(stage.id) or self._paces.usual_s(stage.id)
        slot.stall_s = stall_limit_s(self._stall_s, usual_s)
        orders.append(
            Lease(
                lease=lease.lease_id,
                stage=stage.id,
                slot=lease.slot,
                units=units,
                attempt=lease.attempt,
                expires_in_s=link.lease_s,
                inputs=grant.inputs,
                stall_s=slot.stall_s if slot.stall_s > self._stall_s else None,
                seal=lease.seal,
            )
        )
        return orders


def _of_pools(
    waiting: list[tuple[Link, Slot]], pools: Collection[Pool] | None
) -> list[tuple[Link, Slot]]:
    """Those of some slots that are of these pools; None for any."""
    return waiting if pools is None else [one for one in waiting if one[0].pool in pools]
