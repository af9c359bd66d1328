"""The duty that tells people elsewhere: finds what there is to tell, and has it sent."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import shutil
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from framefarm.core.errors import FrameFarmError
from framefarm.db import DatabaseError, WriterBusyError, nothing_else
from framefarm.farm import notify_finding as finding
from framefarm.farm import notify_sending as sending
from framefarm.farm import notify_targets as targets
from framefarm.farm.duties import guarded
from framefarm.farm.notify_letters import Letters
from framefarm.farm.notify_quotas import note_quotas, quotas_changed
from framefarm.farm.notify_sending import Parcel
from framefarm.farm.notify_targets import Listener, TargetView
from framefarm.notify.addresses import Address, BadAddressError, Kind, parse_address, parse_email
from framefarm.notify.courier import Courier
from framefarm.notify.journal import Journal
from framefarm.notify.networks import Allowed
from framefarm.notify.outcomes import Outcome
from framefarm.notify.sealing import SealError
from framefarm.processes.errors import ChildFailedError, ChildStalledError

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 30.0
_SOONEST_S = 1.0
_LAST_S = 0.7
"""A manager that stops waits so long for a message that is on its way."""


_TOO_SOON = "It had a message less than a minute ago; try again then."

Take = Callable[[Connection], Parcel | None]
"""Takes what waits for a target, in a transaction."""


class TooSoonError(FrameFarmError):
    """A target had a message a moment ago."""

    code = "too_soon"


class Notifying:
    """Tells people at their targets. Used from the manager's event loop only.

    Args:
        farm: Whose news.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._letters = Letters(farm.settings)
        self._rng = random.Random()  # noqa: S311  no secret
        self._ended: set[int] = set()
        self._woken = asyncio.Event()
        self._reading = asyncio.Lock()
        self._next_s = _LOOK_EVERY_S

    # --- targets --------------------------------------------------------------------------

    async def add(
        self,
        listener: Listener,
        address: str | None,
        email: str,
        *,
        also: Callable[[Connection, TargetView, str | None], None] = nothing_else,
        **values: Any,
    ) -> tuple[TargetView, str | None]:
        """Add a target.

        Args:
            address: Of a service or a web hook; None for mail by the farm's own server.
            email: Where to, for mail; empty for the account's own address.
            also: What belongs to the same transaction; gets what is returned.
            values: `name`, `tells` and `all_jobs`.

        Returns:
            The target, and what a web hook's messages are signed with: told once.

        Raises:
            BadAddressError: It is none that is taken.
            FrameFarmError: There are too many, or one of that name.
        """
        parsed = await self.read_address(listener, address, email)
        secret = _new_secret() if parsed.kind is Kind.HOOK else None
        columns = self._letters.columns(parsed, secret or "")

        def work(connection: Connection) -> TargetView:
            made = targets.add_target(connection, listener, **columns, **values)
            also(connection, made, secret)
            return made

        made = await self._farm.writer.write(work)
        _log.info("target_added", target=made.id, user=listener.name, kind=made.kind)
        return made, secret

    async def change(
        self,
        listener: Listener,
        target_id: int,
        address: str | None,
        *,
        check: Callable[[TargetView], None] = nothing_else,
        **values: Any,
    ) -> TargetView:
        """Change a target; a web hook keeps its secret, also at another address.

        Args:
            check: Called with the target as it is, in the same transaction; may refuse.

        Raises:
            BadAddressError: It cannot be told at the address.
            FrameFarmError: There is no such target, or another one of that name.
        """
        if address is not None:
            row = await self._farm.read(lambda c: targets.find_target(c, listener, target_id))
            parsed = await self.read_address(listener, address, "")
            if parsed.kind != row.kind:
                raise BadAddressError("Another kind of address is another target: add it.")
            secret = self._letters.secret_of(row.sealed) if row.kind == Kind.HOOK else ""
            columns = self._letters.columns(parsed, secret)
            values |= {name: columns[name] for name in ("sealed", "shown")}

        def work(connection: Connection) -> TargetView:
            check(targets.target(connection, listener, target_id))
            return targets.change_target(connection, listener, target_id, **values)

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
        if await self._farm.read(lambda c: sending.too_soon(c, target_id)):
            raise TooSoonError(_TOO_SOON)
        take = partial(sending.take_test, farm_id=self._farm.farm_id, target_id=target_id)
        async with await Courier.start() as courier:
            outcome = await self._deliver(courier, self._new_journal(), take)
        if outcome is None:
            raise TooSoonError(_TOO_SOON)
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
            # Jobs may end by the hundred; each look reads what ended lately.
            await asyncio.sleep(_SOONEST_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._next_s):
                    await self._woken.wait()
            self._woken.clear()

    async def _recover(self) -> None:
        left = Journal.left(self._farm.settings.data_dir)
        noted = {letter: known for one in left for letter, known in one.read().items()}
        recover = partial(sending.recover, farm_id=self._farm.farm_id, noted=noted)
        await self._farm.writer.write(recover)
        for journal in left:
            journal.clear()

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
        if await self._farm.read(quotas_changed):
            await self._farm.writer.write(note_quotas)
        found = await self._farm.read(lambda c: finding.find(c, ended, disk))
        if found:
            await self._farm.writer.write(lambda c: finding.note(c, found))
        self._ended -= ended

    def _disk(self) -> finding.Disk:
        settings = self._farm.settings
        return finding.Disk(shutil.disk_usage(settings.blobs).free, settings.low_water_bytes)

    async def _send(self) -> None:
        """Send all that is due; places where something went wrong hold up nobody but each other."""
        due = await self._farm.read(sending.due)
        lines = [self._send_to(ids) for ids in (due.sound, due.doubtful) if ids]
        ended = await asyncio.gather(*lines, return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _send_to(self, waiting: list[int]) -> None:
        """Send to targets one after the other, by one process as long as that lives."""
        journal, farm_id = self._new_journal(), self._farm.farm_id
        while waiting:
            async with await Courier.start() as courier:
                while waiting and courier.alive:
                    target_id = waiting.pop(0)
                    take = partial(sending.take, farm_id=farm_id, target_id=target_id)
                    await self._deliver(courier, journal, take)

    def _new_journal(self) -> Journal:
        return Journal.new(self._farm.settings.data_dir)

    async def _deliver(self, courier: Courier, journal: Journal, take: Take) -> Outcome | None:
        """Take a parcel, send it and note what became of it, also when the manager stops.

        Returns:
            None when there was nothing to take.
        """
        attempt = asyncio.ensure_future(self._attempt(courier, journal, take))
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            await asyncio.wait({attempt}, timeout=_LAST_S)
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
            raise

    async def _attempt(self, courier: Courier, journal: Journal, take: Take) -> Outcome | None:
        parcel = await self._farm.writer.write(take)
        if parcel is None:
            return None
        outcome = await self._outcome(courier, journal, parcel)
        await self._note(parcel, outcome)
        journal.clear()
        told = _log.info if outcome.ok else _log.warning
        events = len(parcel.ids)
        told("notified", target=parcel.target_id, events=events, reason=outcome.reason or None)
        return outcome

    async def _note(self, parcel: Parcel, outcome: Outcome) -> None:
        """Note what became of a parcel, however long the database takes no note of it."""
        work = partial(sending.note_outcome, parcel=parcel, outcome=outcome, rng=self._rng)
        while True:
            try:
                await self._farm.writer.write(work)
            except (DatabaseError, WriterBusyError) as error:
                _log.warning("notify_not_noted", target=parcel.target_id, error=str(error))
                await asyncio.sleep(_SOONEST_S)
            else:
                return

    async def _outcome(self, courier: Courier, journal: Journal, parcel: Parcel) -> Outcome:
        try:
            letter = self._letters.write(parcel)
        except SealError as error:
            return Outcome(ok=False, reason=str(error), for_ever=True)
        if letter.kind == Kind.MAIL and not letter.address:
            return Outcome(ok=False, reason="the account has no e-mail address", for_ever=True)
        try:
            return await courier.send(letter, journal.path)
        except ChildStalledError:
            return Outcome(ok=False, reason="it took too long and was broken off")
        except ChildFailedError:
            return Outcome(ok=False, reason="the process that sends it crashed")


def _new_secret() -> str:
    return f"ffh_{secrets.token_urlsafe(32)}"
