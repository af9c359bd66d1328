"""Telling by the services that apprise knows.

apprise says only whether it worked, and its log lines may hold parts of the address. So what its
requests were answered is noted where they pass.
"""

from __future__ import annotations

import logging
from functools import partialmethod
from typing import Any

import apprise
import requests
from apprise.plugins import NotifyBase
from requests.adapters import HTTPAdapter

from framefarm.notify.addresses import SERVICES, BadAddressError, check_parameters
from framefarm.notify.letters import MARK, Letter
from framefarm.notify.outcomes import TOLD, Outcome, answered

_WRONG = "apprise cannot read this address; docs/how-to/be-told.md shows how it is written"


class Services:
    """Sends by apprise. Made once in a process, since it stands in the way of its requests."""

    def __init__(self) -> None:
        self._answers: list[Outcome] = []
        self._send = HTTPAdapter.send
        # partialmethod: what is found on the class gets the adapter first.
        setattr(HTTPAdapter, "send", partialmethod(_passed_on, self._noted))  # noqa: B010
        logging.getLogger("apprise").setLevel(logging.CRITICAL)

    def check(self, address: str) -> None:
        """Make sure that apprise can send there.

        Raises:
            BadAddressError: It cannot, or it is no service that is taken.
        """
        plugin = apprise.Apprise.instantiate(address, suppress_exceptions=True)
        if not isinstance(plugin, NotifyBase):
            raise BadAddressError(_WRONG)
        if not _schemes(plugin) & SERVICES.keys():
            raise BadAddressError("This is no service that is taken here.")
        # As apprise itself reads it: to it a semicolon separates parameters as well.
        for read in (type(plugin).parse_url, type(plugin).parse_native_url):
            parsed = read(address) or {}
            check_parameters(parsed.get("qsd") or {})
            if any(parsed.get(kind) for kind in ("qsd+", "qsd-", "qsd:")):
                raise BadAddressError("Headers and fields of one's own are not taken here.")

    def send(self, letter: Letter) -> Outcome:
        """Send one."""
        try:
            self.check(letter.address)
        except BadAddressError as error:
            return Outcome(ok=False, reason=str(error), for_ever=True)
        plugin: Any = apprise.Apprise.instantiate(letter.address, suppress_exceptions=True)
        self._answers.clear()
        told = plugin.notify(
            title=_quiet(letter.title),
            body=_quiet(letter.body),
            body_format=apprise.NotifyFormat.TEXT,
        )
        if told:
            return TOLD
        bad = [answer for answer in self._answers if not answer.ok]
        return bad[-1] if bad else Outcome(ok=False, reason="the service could not be reached")

    def _noted(
        self, adapter: HTTPAdapter, request: requests.PreparedRequest, *rest: Any, **options: Any
    ) -> requests.Response:
        # Also on what a redirect leads to.
        request.headers[MARK] = "1"
        try:
            answer = self._send(adapter, request, *rest, **options)
        except requests.RequestException as error:
            # Its text holds the address.
            self._answers.append(Outcome(ok=False, reason=_why(error)))
            raise
        self._answers.append(answered(answer.status_code, answer.headers.get("retry-after")))
        return answer


def _passed_on(adapter: HTTPAdapter, noted: Any, *arguments: Any, **options: Any) -> Any:
    return noted(adapter, *arguments, **options)


def _schemes(plugin: NotifyBase) -> set[str]:
    found: set[str] = set()
    for schemes in (plugin.protocol, plugin.secure_protocol):
        found |= {schemes} if isinstance(schemes, str) else set(schemes or ())
    return found


def _why(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted, or it speaks no TLS"
    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    return "it could not be reached"


def _quiet(text: str) -> str:
    """Keep what somebody named a job from calling everybody: `@everyone`, `<!channel>`."""
    return text.replace("@", "@\u200b").replace("<", "<\u200b")
