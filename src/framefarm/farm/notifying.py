"""The duty that tells people elsewhere: finds what there is to tell, and has it sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from framefarm.core.errors import FrameFarmError
from framefarm.core.notices import Notice, compose
from framefarm.farm import notify_finding as finding
from framefarm.farm import notify_sending as sending
from framefarm.farm import notify_targets as targets
from framefarm.farm.duties import guarded
from framefarm.farm.notify_sending import Parcel
from framefarm.farm.notify_targets import Listener, TargetView
from framefarm.notify.addresses import Address, BadAddressError, Kind, parse_address, parse_email
from framefarm.notify.courier import Courier
from framefarm.notify.journal import FILE_NAME, Journal
from framefarm.notify.letters import Letter
from framefarm.notify.networks import Allowed
from framefarm.notify.outcomes import Outcome
from framefarm.notify.sealing import SealError, Seals
from framefarm.processes.errors import ChildFailedError, ChildStalledError

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 30.0
_SOONEST_S = 1.0
_LAST_S = 1.0
"""A manager that stops waits so long for a message that is on its way."""


class TooSoonError(FrameFarmError):
    """A target had a message a moment ago."""

    code = "too_soon"
    retryable = True


class Notifying:
    """Tells people at their targets. Used from the manager's event loop only.

    Args:
        farm: Whose news.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._seals = Seals(farm.settings.data_dir)
        self._journal = Journal(farm.settings.data_dir / FILE_NAME)
        self._rng = random.Random()  # noqa: S311  no secret
        self._ended: set[int] = set()
        self._woken = asyncio.Event()
        # One journal, which is emptied when what was sent is noted.
        self._one_at_a_time = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._next_s = _LOOK_EVERY_S

    # --- targets --------------------------------------------------------------------------

    async def add(
        self, listener: Listener, address: str | None, email: str, **values: Any
    ) -> tuple[TargetView, str | None]:
        """Add a target.

        Args:
            address: Of a service or a web hook; None for mail by the farm's own server.
            email: Where to, for mail; empty for the account's own address.
            values: `name`, `tells` and `all_jobs`.

        Returns:
            The target, and what a web hook's messages are signed with: told once.

        Raises:
            BadAddressError: It is none that is taken.
            FrameFarmError: There are too many, or one of that name.
        """
        parsed = await self.read_address(listener, address, email)
        secret = _new_secret() if parsed.kind is Kind.HOOK else None
        columns = self._columns(parsed, secret)
        work = partial(targets.add_target, listener=listener, **columns, **values)
        made = await self._farm.writer.write(work)
        _log.info("target_added", target=made.id, user=listener.name, kind=made.kind)
        return made, secret

    async def change(
        self, listener: Listener, target_id: int, address: str | None, **values: Any
    ) -> TargetView:
        """Change a target; a web hook keeps its secret, also at another address.

        Raises:
            BadAddressError: It cannot be told at the address.
            FrameFarmError: There is no such target, or another one of that name.
        """
        if address is not None:
            row = await self._farm.read(lambda c: targets.find_target(c, listener, target_id))
            parsed = await self.read_address(listener, address, "")
            if parsed.kind != row.kind:
                raise BadAddressError("Another kind of address is another target: add it.")
            secret = _opened(self._seals, row.sealed)["secret"] if row.kind == Kind.HOOK else None
            columns = self._columns(parsed, secret)
            values |= {name: columns[name] for name in ("sealed", "shown")}
        work = partial(targets.change_target, listener=listener, target_id=target_id, **values)
        changed = await self._farm.writer.write(work)
        self.wake()
        return changed

    async def read_address(self, listener: Listener, address: str | None, email: str) -> Address:
        """Check where somebody wants to be told.

        Raises:
            BadAddressError: Not there.
        """
        if address is None:
            return self._mail(listener, email)
        parsed = parse_address(address, self._allowed)
        if parsed.kind is Kind.SERVICE:
            # A process for each is enough to keep a machine busy, if somebody wants to.
            async with self._reading, await Courier.start() as courier:
                await courier.check(parsed.text)
        return parsed

    def _mail(self, listener: Listener, email: str) -> Address:
        if self._farm.settings.mail_server is None:
            raise BadAddressError(
                "This farm has no mail server; whoever runs it sets mail_server "
                "(docs/how-to/be-told.md)."
            )
        if email and listener.user_id is not None:
            raise BadAddressError("Mail goes to the address of your account.")
        if not email and listener.user_id is None:
            raise BadAddressError("Say which address mail goes to: there is no account here.")
        return Address(Kind.MAIL, parse_email(email) if email else "", email)

    def _columns(self, address: Address, secret: str | None) -> dict[str, Any]:
        sealed = self._seals.seal(json.dumps({"address": address.text, "secret": secret or ""}))
        return {"kind": address.kind, "sealed": sealed, "shown": address.shown}

    @property
    def _allowed(self) -> Allowed:
        return Allowed.parse(self._farm.settings.notify_allow)

    async def test(self, listener: Listener, target_id: int) -> Outcome:
        """Send a test message at once; a target that failed for ever is tried again.

        Raises:
            NoSuchTargetError: There is no such target.
            TooSoonError: It had a message less than a minute ago.
        """
        await self._farm.read(lambda c: targets.find_target(c, listener, target_id))
        take = partial(sending.take_test, farm_id=self._farm.farm_id, target_id=target_id)
        async with await Courier.start() as courier:
            outcome = await self._deliver(courier, take)
        if outcome is None:
            raise TooSoonError("It had a message less than a minute ago; try again then.")
        self.wake()
        return outcome

    # --- the duty -------------------------------------------------------------------------

    def wake(self) -> None:
        """Something happened that somebody may want to know."""
        self._woken.set()

    def job_ended(self, job_id: int) -> None:
        """A job has ended."""
        self._ended.add(job_id)
        self.wake()

    async def run(self) -> None:
        """Tell for ever."""
        await guarded("notify_recover", self._recover())
        while True:
            self._next_s = _LOOK_EVERY_S
            await guarded("notify", self._round())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._next_s):
                    await self._woken.wait()
            self._woken.clear()

    async def _recover(self) -> None:
        noted = self._journal.read()
        recover = partial(sending.recover, farm_id=self._farm.farm_id, noted=noted)
        await self._farm.writer.write(recover)
        self._journal.clear()

    async def _round(self) -> None:
        if not await self._farm.read(finding.anyone):
            self._ended.clear()
            return
        await self._find()
        try:
            await self._send()
        except ChildFailedError as error:
            _log.warning("notify_failed", error=str(error))
            return
        due_s = await self._farm.read(sending.due_in_s)
        if due_s is not None:
            self._next_s = min(self._next_s, max(_SOONEST_S, due_s))

    async def _find(self) -> None:
        ended = frozenset(self._ended)
        disk = await asyncio.to_thread(self._disk)
        if await self._farm.read(lambda c: finding.disk_changed(c, disk)):
            await self._farm.writer.write(lambda c: finding.note_disk(c, disk))
        found = await self._farm.read(lambda c: finding.find(c, ended, disk))
        if found:
            await self._farm.writer.write(lambda c: finding.note(c, found))
        self._ended -= ended

    def _disk(self) -> finding.Disk:
        settings = self._farm.settings
        return finding.Disk(shutil.disk_usage(settings.blobs).free, settings.low_water_bytes)

    async def _send(self) -> None:
        """Send all that is due, by one process as long as that lives."""
        waiting = await self._farm.read(sending.due)
        while waiting:
            async with await Courier.start() as courier:
                while waiting and courier.alive:
                    target_id, farm_id = waiting.pop(0), self._farm.farm_id
                    take = partial(sending.take, farm_id=farm_id, target_id=target_id)
                    await self._deliver(courier, take)

    async def _deliver(
        self, courier: Courier, take: Callable[[Connection], Parcel | None]
    ) -> Outcome | None:
        """Take a parcel, send it and note what became of it, also when the manager stops.

        Returns:
            None when there was nothing to take.
        """
        async with self._one_at_a_time:
            attempt = asyncio.ensure_future(self._attempt(courier, take))
            try:
                return await asyncio.shield(attempt)
            except asyncio.CancelledError:
                await asyncio.wait({attempt}, timeout=_LAST_S)
                attempt.cancel()
                raise

    async def _attempt(
        self, courier: Courier, take: Callable[[Connection], Parcel | None]
    ) -> Outcome | None:
        parcel = await self._farm.writer.write(take)
        if parcel is None:
            return None
        outcome = await self._outcome(courier, parcel)
        work = partial(sending.note_outcome, parcel=parcel, outcome=outcome, rng=self._rng)
        await self._farm.writer.write(work)
        self._journal.clear()
        told = _log.info if outcome.ok else _log.warning
        events = len(parcel.ids)
        told("notified", target=parcel.target_id, events=events, reason=outcome.reason or None)
        return outcome

    async def _outcome(self, courier: Courier, parcel: Parcel) -> Outcome:
        try:
            letter = self._letter(parcel)
        except SealError as error:
            return Outcome(ok=False, reason=str(error), for_ever=True)
        if letter.kind == Kind.MAIL and not letter.address:
            return Outcome(ok=False, reason="the account has no e-mail address", for_ever=True)
        try:
            return await courier.send(letter, self._journal.path)
        except ChildStalledError:
            return Outcome(ok=False, reason="it took too long and was broken off")
        except ChildFailedError:
            return Outcome(ok=False, reason="the process that sends it crashed")

    def _letter(self, parcel: Parcel) -> Letter:
        kept = _opened(self._seals, parcel.sealed)
        settings = self._farm.settings
        words = compose(parcel.notices)
        server = settings.mail_server if parcel.kind == Kind.MAIL else None
        own = (server.host,) if server is not None else ()
        return Letter(
            id=parcel.letter,
            kind=parcel.kind,
            address=kept["address"] or parcel.email,
            secret=kept["secret"],
            title=words.title[:1].upper() + words.title[1:],
            body=words.body,
            payload=_payload(parcel) if parcel.kind == Kind.HOOK else "",
            allowed=(*settings.notify_allow, *own),
            mail_server=server,
        )


def _new_secret() -> str:
    return f"ffh_{secrets.token_urlsafe(32)}"


def _opened(seals: Seals, sealed: str) -> dict[str, str]:
    kept: dict[str, str] = json.loads(seals.unseal(sealed))
    return kept


def _payload(parcel: Parcel) -> str:
    """What a web hook is sent."""
    words = compose(parcel.notices)
    events = [_event(notice) for notice in parcel.notices]
    told = {"id": parcel.letter, "title": words.title, "text": words.body, "events": events}
    return json.dumps(told)


def _event(notice: Notice) -> dict[str, Any]:
    at = datetime.fromtimestamp(notice.happened_at, UTC).isoformat()
    return {"event": str(notice.event), "at": at, **notice.facts}
