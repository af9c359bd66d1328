"""The program that sends: `python -m framefarm.notify.child --fd N`.

A process of its own, so that a service that hangs or crashes harms nobody, and so that the guard
stands in front of all that it does and of nothing else.
"""

from __future__ import annotations

import os
import smtplib
import ssl
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framefarm.notify.addresses import BadAddressError, Kind
from framefarm.notify.guard import Guard
from framefarm.notify.journal import Journal
from framefarm.notify.letters import Letter
from framefarm.notify.networks import Allowed
from framefarm.notify.outcomes import Outcome, forbidden
from framefarm.processes.child.channel import Channel
from framefarm.processes.child.own_process import die_with_parent
from framefarm.processes.child.serving import Carry, RefusedError, serve

if TYPE_CHECKING:
    from framefarm.notify.services import Services


class Sender:
    """Carries out orders, each behind the guard.

    Attributes:
        orders: What carries out which.
    """

    def __init__(self, guard: Guard) -> None:
        self.orders: Mapping[str, Carry] = {"send": self._order, "check": self._check}
        self._guard = guard
        self._loaded: Services | None = None

    def _order(self, letter: dict[str, Any], journal: str) -> tuple[str, dict[str, Any]]:
        taken = Letter.restore(letter)
        notes = Journal(Path(journal))
        # The manager may be killed at any moment from here on, and this process with it.
        notes.begin(taken.id)
        outcome = self.send(taken)
        notes.end(taken.id, outcome)
        return "outcome", {"outcome": asdict(outcome)}

    def _check(self, address: str) -> tuple[str, dict[str, Any]]:
        self._guard.begin(Allowed())
        try:
            self._services().check(address)
        except BadAddressError as error:
            raise RefusedError(error.code, str(error)) from None
        return "checked", {}

    def send(self, letter: Letter) -> Outcome:
        """Send one; whatever goes wrong is an outcome."""
        self._guard.begin(Allowed.parse(letter.allowed))
        try:
            outcome = self._sent(letter)
        except Exception as error:  # noqa: BLE001  its text, or its traceback's, may hold a secret
            outcome = Outcome(ok=False, reason=_why(error))
        if not outcome.ok and self._guard.refused:
            return forbidden(self._guard.refused[-1])
        return outcome

    def _sent(self, letter: Letter) -> Outcome:
        if letter.kind == Kind.MAIL:
            from framefarm.notify.mail import send_mail  # noqa: PLC0415  only what is needed

            return send_mail(letter)
        if letter.kind == Kind.HOOK:
            from framefarm.notify.hook import send_hook  # noqa: PLC0415

            return send_hook(letter)
        return self._services().send(letter)

    def _services(self) -> Services:
        if self._loaded is None:
            from framefarm.notify.services import Services  # noqa: PLC0415  takes a second

            self._loaded = Services()
        return self._loaded


def _why(error: Exception) -> str:
    """What went wrong, in words of ours."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "its certificate is not trusted, or it speaks no TLS"
        if isinstance(cause, TimeoutError):
            return "it did not answer in time"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, OSError | smtplib.SMTPException):
        return f"it could not be reached: {error.strerror or type(error).__name__}"
    name = type(error).__name__
    return "it did not answer in time" if "Timeout" in name else f"it could not be reached ({name})"


def main() -> None:
    """Carry out orders from the socket named by `--fd`, until it closes."""
    fd = int(sys.argv[sys.argv.index("--fd") + 1])
    die_with_parent()
    channel = Channel(fd)
    guard = Guard()
    guard.install()
    channel.report("hello", pid=os.getpid())
    serve(channel, Sender(guard).orders)


if __name__ == "__main__":
    main()
