"""The WebSocket that workers connect to: reports come in, orders go out."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import Future
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, cast

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from framefarm.api.doorkeeper import Doorkeeper
from framefarm.api.guard import caller_of
from framefarm.api.websocket_connection import BoundedWebSocket
from framefarm.core.errors import FrameFarmError
from framefarm.core.spans import Spans
from framefarm.farm.failures import Failure
from framefarm.farm.held_files import HeldFiles
from framefarm.farm.late_finishes import Finish
from framefarm.farm.registry import Renewal, note_facts, note_replaced
from framefarm.farm.requeue import release
from framefarm.farm.roster import Link, Slot, slots_of
from framefarm.farm.service import Farm
from framefarm.farm.worker_states import Departure
from framefarm.protocol import MalformedMessageError, decode_reports, encode_orders
from framefarm.protocol import messages as m
from framefarm.protocol.discovery import FARM_HEADER
from framefarm.protocol.limits import MAX_ERROR_CHARACTERS, MAX_LOG_BYTES, PROTOCOL_VERSION

_log = structlog.get_logger(__name__)


_GOODBYE_S = 2.0
_BYE = 1000
_BINARY = 1003
_MALFORMED = 1008


class BinaryMessageError(MalformedMessageError):
    """A message came that is no text."""


class WorkerSocket:
    """One worker's connection."""

    def __init__(self, farm: Farm, socket: WebSocket, doorkeeper: Doorkeeper) -> None:
        self._farm = farm
        self._socket = socket
        self._doorkeeper = doorkeeper
        self._connection = cast("BoundedWebSocket", socket.scope["state"]["connection"])
        self._link: Link | None = None
        self._said_goodbye = False
        self._farewell: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Talk to the worker until either side goes."""
        # Before its hello, so that a worker shows its key to no other farm than the one it is of.
        await self._socket.accept(headers=[(FARM_HEADER.encode(), self._farm.farm_id.encode())])
        try:
            link = await self._greet()
            while link is not None:
                link = await self._hear(link)
        except WebSocketDisconnect as gone:
            self._said_goodbye = gone.code == _BYE
        except BinaryMessageError as error:
            await self._close(_BINARY, str(error), bye="malformed")
        except MalformedMessageError as error:
            await self._close(_MALFORMED, str(error), bye="malformed")
        except FrameFarmError as error:
            retry_in_s = getattr(error, "retry_in_s", 1.0) if error.retryable else None
            await self._close(_BYE, str(error), retry_in_s=retry_in_s, bye=error.code)
        finally:
            if self._link is not None:
                await self._gone(self._link)

    async def _hear(self, link: Link) -> Link | None:
        """Act on the next message; None when a newer connection of the worker has taken over."""
        text = await self._text()
        if self._farm.roster.get(link.worker_id) is not link:
            await self._close(_BYE, "This worker has connected anew.", bye="replaced")
            return None
        await self._take(link, decode_reports(text))
        return link

    async def _text(self) -> str:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", _BYE))
        text: str | None = message.get("text")
        if text is None:
            raise BinaryMessageError("Reports are text; a binary message came.")
        return text

    async def send(self, orders: Sequence[m.Order]) -> None:
        """Send orders, without waiting; nothing happens when the worker has gone."""
        self._connection.send_now(encode_orders(orders))

    async def dismiss(self, bye: m.Bye) -> None:
        """Say goodbye and close."""
        await self._close(_BYE, bye.reason, retry_in_s=bye.retry_in_s, bye=bye.code)

    async def _close(
        self, code: int, reason: str, *, retry_in_s: float | None = None, bye: str = ""
    ) -> None:
        await self.send([m.Bye(reason, retry_in_s, bye)])
        # RFC 6455 section 5.5: a close frame's reason has at most 123 bytes.
        short = reason.encode()[:120].decode(errors="ignore")
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            # It may go while this is on its way.
            await self._socket.close(code, short)

    async def _greet(self) -> Link | None:
        """The first half of the double handshake; None when the worker was turned away."""
        hello_s = self._farm.settings.connections.hello_s
        try:
            # `wait_for` would make a task for each.
            async with asyncio.timeout(hello_s):
                text = await self._text()
            first = decode_reports(text)
        except TimeoutError:
            await self._close(_MALFORMED, "No hello came.", bye="malformed")
            return None
        if not first or not isinstance(first[0], m.Hello):
            await self._close(_MALFORMED, "The first report must be hello.", bye="malformed")
            return None
        hello = first[0]
        if hello.protocol != PROTOCOL_VERSION:
            await self._close(
                _BYE,
                f"This manager speaks protocol {PROTOCOL_VERSION}, the worker {hello.protocol}. "
                "Install the same FrameFarm version on both.",
                bye="version",
            )
            return None
        link = await self._welcome(hello)
        await self._take(link, first[1:])
        return link

    async def _welcome(self, hello: m.Hello) -> Link:
        farm = self._farm
        decided = farm.orders.count
        admission = await self._doorkeeper.admit(hello, caller_of(self._socket.scope))
        job = farm.sessions.job_of(admission.worker_id)
        link = Link(
            worker_id=admission.worker_id,
            name=admission.name,
            boot_id=hello.boot_id,
            agent_version=hello.agent_version,
            facts=hello.facts,
            slots=slots_of(hello.slots, admission.pool, admission.tags, job),
            send=self.send,
            dismiss=self.dismiss,
            enabled=admission.may_claim,
            pool=admission.pool,
            tags=frozenset(admission.tags),
            lease_s=farm.settings.lease_s_of(admission.pool),
            files=HeldFiles(hello.cached),
            job=job,
            takes_prefetch="prefetch" in hello.takes,
        )
        self._connection.recognise()
        farm.workers.bar(link)
        # From here on its going has to be noted, also when the rest of the greeting fails.
        self._link = link
        older = farm.roster.add(link)
        self._doorkeeper.check(link.worker_id)
        if older is not None and older.boot_id != link.boot_id:
            await self._replace(older, link)
        welcome = m.Welcome(
            worker_id=admission.worker_id,
            epoch=farm.epoch,
            lease_s=link.lease_s,
            key=admission.key,
            # Disabled ones give back what they hold; those told to end it first may do so.
            enabled=admission.enabled or bool(admission.held),
            draining=not admission.may_claim,
            stall_s=farm.settings.stall_s,
            name=admission.name,
        )
        revoked = [m.Revoke(lease, "it is another worker's now") for lease in admission.dropped]
        restart = [m.Restart()] if admission.restart else []
        await self.send([welcome, *revoked, *restart])
        if farm.orders.count != decided:
            await farm.orders.remind(link)
        _log.info("worker_connected", worker=link.name, id=link.worker_id)
        farm.jobs.worker_came(link.worker_id)
        farm.workers.recall_work(link, admission.held)
        if older is not None:
            await self._take_back(older, kept=[lease.id for lease in admission.held])
        return link

    async def _take_back(self, older: Link, *, kept: Sequence[str]) -> None:
        """End what was given over the older connection after it broke."""
        given = [slot.work.lease_id for slot in older.slots.values() if slot.work is not None]
        for lease in set(given).difference(kept):
            await self._farm.dispatcher.take_back(older, lease)

    async def _replace(self, older: Link, newer: Link) -> None:
        """Tell a process that another one with the same key is served now, and show it."""
        _log.warning(
            "worker_replaced", worker=newer.name, id=newer.worker_id, host=newer.facts.host
        )
        where = f"on {newer.facts.host} " if newer.facts.host else ""
        bye = m.Bye(
            f"Another process {where}has connected with this worker's key and is served now. "
            "Two workers must not share a data folder's identity: delete identity.json of one "
            "of them, and it joins as a worker of its own.",
            code="replaced",
        )
        await self._farm.writer.write(lambda c: note_replaced(c, newer.worker_id, newer.facts.host))
        # Whoever is served now must not wait for someone who may read nothing any more.
        self._farewell = asyncio.create_task(
            asyncio.wait_for(older.dismiss(bye), _GOODBYE_S), name="goodbye"
        )
        self._farewell.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _gone(self, link: Link) -> None:
        if self._farm.roster.remove(link) and not self._farm.stopping:
            # What it failed and others were to try first may now be for those that are left.
            self._farm.dispatcher.work_appeared()
            _log.info("worker_disconnected", worker=link.name, id=link.worker_id)
            try:
                await self._farm.workers.note_departure(
                    Departure(link.worker_id, link.boot_id, self._said_goodbye)
                )
            except FrameFarmError as error:
                _log.warning("departure_not_noted", worker=link.name, error=str(error))

    async def _take(self, link: Link, reports: Sequence[m.Report]) -> None:
        """Act on one message. All that is to be written is queued before any of it is awaited,
        so that a `finished` and the `ready` beside it share one commit."""  # noqa: D205, D209
        results = self._farm.results
        answers: list[tuple[m.Finished | m.Failed, Future[Any]]] = []
        claims: list[tuple[Slot, Future[Any]]] = []
        orders: list[m.Order] = []
        with _none_unseen(answers, claims):
            for report in reports:
                match report:
                    case m.Finished():
                        answers.append((report, results.finish(_finish_of(link, report))))
                    case m.Failed():
                        answers.append((report, results.fail(_failure_of(link, report))))
                    case m.Ready() if (slot := link.slots.get(report.slot)) is not None:
                        slot.warm, slot.work = report.warm, None
                        if link.enabled:
                            claims.append((slot, self._farm.dispatcher.claim(link, slot)))
                    case _:
                        orders += await self._take_other(link, report)
            for settled, future in answers:
                answer = await results.settled(await future)
                orders.append(m.Settled(settled.lease, settled.unit, answer))
            for slot, future in claims:
                orders += await self._farm.dispatcher.granted(link, slot, future)
        if orders:
            await self.send(orders)

    async def _take_other(self, link: Link, report: m.Report) -> list[m.Order]:
        match report:
            case m.Heartbeat():
                renewal = Renewal(link.worker_id, report.leases, link.lease_s)
                lost = await self._farm.heartbeats.renew(renewal)
                return [m.Revoke(lease, "it had expired") for lease in lost]
            case m.Progress():
                self._progress(link, report)
            case m.Released():
                await self._farm.change(
                    lambda c: release(c, self._farm.catalog, link.worker_id, report.lease)
                )
            case m.GotFiles():
                reason = report.message[:MAX_ERROR_CHARACTERS]
                await self._farm.prefetching.answered(link, report.job, ok=report.ok, reason=reason)
            case m.FactsChanged():
                link.facts = report.facts
                await self._farm.writer.write(
                    lambda c: note_facts(c, link.worker_id, report.facts, report.clock_at)
                )
                self._farm.live.told(link.worker_id)
            case m.LogLine():
                _log.info("worker_says", worker=link.name, text=report.text[:MAX_ERROR_CHARACTERS])
            case m.Ready():
                raise MalformedMessageError(f"There is no slot {report.slot[:40]!r}.")
            case _:
                raise MalformedMessageError("A second hello came.")
        return []

    def _progress(self, link: Link, report: m.Progress) -> None:
        work = next(
            (
                (slot.offer.slot, slot.work)
                for slot in link.slots.values()
                if slot.work is not None and slot.work.lease_id == report.lease
            ),
            None,
        )
        if work is None or report.unit not in Spans.restore(work[1].units):
            return
        name, task = work
        link.slots[name].note_progress(report.unit, report.done, report.total)
        self._farm.pulse.begun(task.stage_id, report.unit)
        self._farm.bus.publish(
            task.job_id,
            "progress",
            {
                "kind": task.kind,
                "unit": report.unit,
                "worker": link.name,
                "slot": name,
                "done": report.done,
                "total": report.total,
                "phase": report.phase[:40],
            },
        )


@contextlib.contextmanager
def _none_unseen(*queued: Sequence[tuple[Any, Future[Any]]]) -> Iterator[None]:
    """Look at the errors of all that was queued when one of them ends the connection.

    When the database fails, all of a message fails. Nobody asks for the errors after the first, and
    the event loop would report each with a traceback.
    """
    try:
        yield
    except BaseException:
        for _, future in chain.from_iterable(queued):
            future.add_done_callback(_look_at)
        raise


def _look_at(future: Future[Any]) -> None:
    """Note that the error of a future, if it has one, is known."""
    if not future.cancelled():
        future.exception()


def _finish_of(link: Link, report: m.Finished) -> Finish:
    return Finish(
        lease_id=report.lease,
        stage_id=report.stage,
        unit=report.unit,
        attempt=report.attempt,
        worker_id=link.worker_id,
        facts=report.facts,
        seal=report.seal,
    )


def _failure_of(link: Link, report: m.Failed) -> Failure:
    return Failure(
        lease_id=report.lease,
        stage_id=report.stage,
        unit=report.unit,
        attempt=report.attempt,
        worker_id=link.worker_id,
        reason=report.reason[:20],
        message=report.message[:MAX_ERROR_CHARACTERS],
        log_tail=report.log_tail[-MAX_LOG_BYTES // 4 :],
        peak_memory_bytes=report.peak_memory_bytes,
        memory_bytes=report.memory_bytes,
    )
