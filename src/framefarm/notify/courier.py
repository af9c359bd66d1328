"""The manager's side of the process that sends."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Self

from framefarm.notify.addresses import BadAddressError
from framefarm.notify.letters import Letter
from framefarm.notify.outcomes import Outcome
from framefarm.processes.child_process import ChildLimits, ChildProcess, own_libraries
from framefarm.processes.errors import ChildRefusedError
from framefarm.processes.warm import WarmProcess

LONGEST_S = 30.0
"""For one message; then the process is killed."""

_START_S = 60.0
_MEMORY_BYTES = 1 << 30
_LOG_BYTES = 64 << 10
_WHO = "the process that sends"
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


class Courier(WarmProcess):
    """A process that sends, for as many messages as there are; see `WarmProcess`.

    It gets nothing of the manager's environment but where certificates are: no proxies, no secrets.
    """

    @classmethod
    async def start(cls, *, longest_s: float = LONGEST_S) -> Self:
        """Start one.

        Raises:
            ChildFailedError: It did not come up.
        """
        began = time.monotonic()
        known = {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
        child = await ChildProcess.spawn(
            [sys.executable, "-P", "-m", "framefarm.notify.child"],
            log_limit_bytes=_LOG_BYTES,
            scratch_dir=None,
            limits=ChildLimits(memory_bytes=_MEMORY_BYTES, environment=own_libraries() | known),
        )
        courier = cls(child, who=_WHO, stall_s=longest_s)
        await courier._hello(_WHO, _START_S, began=began)
        return courier

    async def send(self, letter: Letter, journal: Path) -> Outcome:
        """Send one message.

        Args:
            journal: Where the process, which works in a folder of its own, notes what it is about
                to do, and what became of it.

        Raises:
            ChildFailedError: The process is gone: it took too long, or crashed.
        """
        order = {"order": "send", "letter": asdict(letter), "journal": str(journal)}
        report, _ = await self._talk.ask("telling somebody", order, "outcome", None)
        return Outcome(**report["outcome"])

    async def check(self, address: str) -> None:
        """Find out whether a service's address can be read.

        Raises:
            BadAddressError: It cannot.
            ChildFailedError: The process is gone.
        """
        try:
            await self._talk.ask(
                "reading an address", {"order": "check", "address": address}, "checked", None
            )
        except ChildRefusedError as error:
            raise BadAddressError(str(error)) from None
