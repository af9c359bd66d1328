"""A slot that waits never misses work, whenever it appears."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from framefarm.core.requirements import Pool, Requirements
from framefarm.core.spans import Spans
from framefarm.db.writer import DatabaseError
from framefarm.farm.catalog import Catalog, StageFacts
from framefarm.farm.claim_requests import ClaimedLease
from framefarm.farm.claims import pools_with_work
from framefarm.farm.dispatch import Dispatcher
from framefarm.farm.grants import Grant
from framefarm.farm.roster import Link, Roster, slots_of
from framefarm.protocol.messages import Lease, MachineFacts, Order, SlotOffer

STAGE = StageFacts(1, 1, 0, "trial", Spans.of(1, 9), {}, b"{}", "", Requirements("trial"))
GRANT = Grant(ClaimedLease("lease", 1, 1, "w", "cpu", Spans.of(1, 1), 1), STAGE)


class Claims:
    """A writer whose answers a test gives."""

    def __init__(self) -> None:
        self.futures: list[asyncio.Future[Any]] = []
        self.asked = asyncio.Event()
        self.pools_left: frozenset[Pool] = frozenset()
        self.looked = 0

    def submit(self, _handler: object, _request: object) -> asyncio.Future[Any]:
        self.futures.append(asyncio.get_running_loop().create_future())
        self.asked.set()
        return self.futures[-1]

    async def write(self, work: Any) -> frozenset[Pool]:
        assert work.func is pools_with_work
        self.looked += 1
        return self.pools_left

    def answer(self, *answers: object) -> None:
        """To those that have no answer yet; to the rest of them, nothing."""
        waiting = [future for future in self.futures if not future.done()]
        for future, answer in zip_longest(waiting, answers):
            future.set_result(answer)

    async def next(self) -> asyncio.Future[Any]:
        async with asyncio.timeout(60):
            await self.asked.wait()
        self.asked.clear()
        return self.futures[-1]


def set_up(claims: Claims) -> tuple[Dispatcher, Link, list[Order]]:
    sent: list[Order] = []

    async def send(orders: Sequence[Order]) -> None:
        sent.extend(orders)

    roster = Roster()
    slots = slots_of([SlotOffer("cpu", ("trial",))])
    link = Link("w", "w", "boot", "0", MachineFacts("host"), slots, send)
    roster.add(link)
    return Dispatcher(claims, Catalog(), roster), link, sent  # type: ignore[arg-type]


def idle(dispatcher: Dispatcher, count: int, pool: Pool = Pool.OWN) -> list[Order]:
    """Let a worker of so many idle slots be connected; returns what it is sent."""
    sent: list[Order] = []

    async def send(orders: Sequence[Order]) -> None:
        sent.extend(orders)

    offers = [SlotOffer(f"cpu-{n}", ("trial",)) for n in range(count)]
    link = Link(pool, "many", "boot", "0", MachineFacts("host"), slots_of(offers), send, pool=pool)
    dispatcher._roster.add(link)
    for slot in link.slots.values():
        slot.waiting = True
    return sent


async def rounds() -> None:
    """Let all that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_work_that_appears_before_the_answer_is_looked_at_is_not_missed():
    claims = Claims()
    dispatcher, link, _ = set_up(claims)
    slot = link.slots["cpu"]
    claimed = dispatcher.claim(link, slot)
    claimed.set_result(None)
    dispatcher.work_appeared()

    orders = asyncio.ensure_future(dispatcher.granted(link, slot, claimed))
    claims.asked.clear()
    (await claims.next()).set_result(GRANT)

    assert [type(order) for order in await orders][-1] is Lease
    assert not slot.waiting


async def test_a_slot_that_gets_nothing_waits_and_is_served_when_work_appears():
    claims = Claims()
    dispatcher, link, sent = set_up(claims)
    slot = link.slots["cpu"]
    claimed = dispatcher.claim(link, slot)
    claimed.set_result(None)
    assert await dispatcher.granted(link, slot, claimed) == []
    assert slot.waiting
    claims.asked.clear()
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher.work_appeared()
    (await claims.next()).set_result(GRANT)
    await rounds()

    assert isinstance(sent[-1], Lease)
    assert not slot.waiting
    duty.cancel()


async def test_l9_slots_that_were_kept_from_units_ask_again_once_the_failed_one_is_taken():
    claims = Claims()
    dispatcher, link, _ = set_up(claims)
    idle(dispatcher, 1)
    duty = asyncio.create_task(dispatcher.serve_waiting())
    claimed = dispatcher.claim(link, link.slots["cpu"])
    claims.asked.clear()

    lease = msgspec.structs.replace(GRANT.lease, opens=True)
    claimed.set_result(msgspec.structs.replace(GRANT, lease=lease))
    await dispatcher.granted(link, link.slots["cpu"], claimed)

    (await claims.next()).set_result(None)
    duty.cancel()


async def test_one_claim_that_fails_does_not_end_the_duty():
    claims = Claims()
    dispatcher, link, sent = set_up(claims)
    slot = link.slots["cpu"]
    slot.waiting = True
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher.work_appeared()
    (await claims.next()).set_exception(ValueError("unheard of"))
    await rounds()
    assert slot.waiting
    dispatcher.work_appeared()
    (await claims.next()).set_result(GRANT)
    await rounds()

    assert isinstance(sent[-1], Lease)
    assert not duty.done()
    duty.cancel()


async def test_l11_work_that_appears_while_a_slot_asks_for_a_tail_is_not_missed():
    claims = Claims()
    dispatcher, link, sent = set_up(claims)
    slot = link.slots["cpu"]
    slot.waiting = True

    dispatcher.work_appeared()
    # Before the duty that serves waiting slots has come to it: it finds no slot waiting then.
    tail = asyncio.create_task(dispatcher._serve(link, slot, tail=True))
    (await claims.next()).set_result(None)
    (await claims.next()).set_result(GRANT)
    await tail

    assert isinstance(sent[-1], Lease)
    assert not slot.waiting


async def test_a_claim_that_the_database_refused_is_made_again(monkeypatch):
    monkeypatch.setattr("framefarm.farm.dispatch._AGAIN_S", 0.0)
    claims = Claims()
    dispatcher, link, sent = set_up(claims)
    link.slots["cpu"].waiting = True
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher.work_appeared()
    (await claims.next()).set_exception(DatabaseError("disk I/O error"))
    (await claims.next()).set_result(GRANT)
    await rounds()

    assert isinstance(sent[-1], Lease)
    duty.cancel()


async def test_idle_slots_stop_asking_when_nothing_is_left_for_anybody():
    claims = Claims()
    dispatcher, _, _ = set_up(claims)
    sent = idle(dispatcher, 1_000)
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher.work_appeared()
    await rounds()
    first = len(claims.futures)
    claims.answer(GRANT)
    await rounds()
    claims.answer()
    await rounds()

    assert isinstance(sent[-1], Lease)
    assert len(claims.futures) == 2 * first < 1_000
    assert claims.looked == 1
    duty.cancel()


async def test_all_idle_slots_ask_while_anything_is_left_that_the_first_cannot_have():
    claims = Claims()
    claims.pools_left = frozenset({Pool.OWN})
    dispatcher, _, _ = set_up(claims)
    idle(dispatcher, 1_000)
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher.work_appeared()
    for _ in range(20):
        await rounds()
        claims.answer()
    await rounds()

    assert len(claims.futures) == 1_000
    duty.cancel()


async def test_slots_of_pools_for_which_limits_leave_nothing_stop_asking():
    claims = Claims()
    claims.pools_left = frozenset({Pool.PUBLIC})
    dispatcher, _, _ = set_up(claims)
    idle(dispatcher, 900)
    idle(dispatcher, 100, Pool.PUBLIC)
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher.work_appeared()
    for _ in range(20):
        await rounds()
        claims.answer()
    await rounds()

    # One wave of those that may have nothing, then those that may.
    assert len(claims.futures) == 128 + 100
    duty.cancel()


async def test_when_only_a_limit_may_have_room_slots_ask_where_it_has():
    claims = Claims()
    dispatcher, _, _ = set_up(claims)
    idle(dispatcher, 1_000)
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher._limited.note([7], ())
    dispatcher.jobs_changed([7])
    await rounds()
    assert (claims.looked, len(claims.futures)) == (1, 0)

    claims.pools_left = frozenset({Pool.OWN})
    dispatcher._limited.note([7], ())
    dispatcher.jobs_changed([7])
    await rounds()
    assert len(claims.futures) == 128
    # What appeared is asked for at once, and so is what came with it.
    claims.answer(*[GRANT] * 128)
    claims.pools_left = frozenset()
    dispatcher._limited.note([7], ())
    dispatcher.jobs_changed([7])
    dispatcher.work_appeared()
    looked = claims.looked
    await rounds()
    assert (claims.looked, len(claims.futures)) == (looked, 256)
    duty.cancel()


async def test_a_slot_that_asked_itself_meanwhile_does_not_ask_twice():
    claims = Claims()
    claims.pools_left = frozenset({Pool.OWN})
    dispatcher, _, _ = set_up(claims)
    idle(dispatcher, 200)
    [(link, slot)] = dispatcher._roster.waiting()[-1:]
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher.work_appeared()
    await rounds()
    dispatcher.claim(link, slot)
    for _ in range(5):
        claims.answer()
        await rounds()

    assert len(claims.futures) == 200
    duty.cancel()


async def test_a_disabled_worker_is_not_served():
    claims = Claims()
    dispatcher, link, _ = set_up(claims)
    link.enabled = False
    link.slots["cpu"].waiting = True
    duty = asyncio.create_task(dispatcher.serve_waiting())

    dispatcher.work_appeared()
    await rounds()

    assert claims.futures == []
    duty.cancel()


async def test_l11_idle_slots_take_turns_in_asking_for_tails():
    claims = Claims()
    dispatcher, _, _ = set_up(claims)
    idle(dispatcher, 100)

    rounds_of_two = [dispatcher._next_for_tails() for _ in range(2)]

    assert [len(asking) for asking in rounds_of_two] == [64, 64]
    asked = {slot.offer.slot for asking in rounds_of_two for _, slot in asking}
    assert len(asked) == 100
