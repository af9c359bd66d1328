"""Writing what a target is told, to the address that is kept sealed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from framefarm.core.notices import Notice, compose
from framefarm.farm.notify_sending import Parcel
from framefarm.farm.settings import ManagerSettings
from framefarm.notify.addresses import Address, Kind
from framefarm.notify.letters import Letter
from framefarm.notify.sealing import Seals


class Letters:
    """Writes letters.

    Args:
        settings: The manager's.
    """

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings
        self._seals = Seals(settings.data_dir)

    def columns(self, address: Address, secret: str) -> dict[str, Any]:
        """What is kept of an address: its kind, all of it sealed, and what may be shown.

        Args:
            secret: What a web hook's messages are signed with; empty for others.
        """
        sealed = self._seals.seal(json.dumps({"address": address.text, "secret": secret}))
        return {"kind": address.kind, "sealed": sealed, "shown": address.shown}

    def secret_of(self, sealed: str) -> str:
        """What a web hook's messages are signed with.

        Raises:
            SealError: It cannot be read.
        """
        return self._opened(sealed)["secret"]

    def write(self, parcel: Parcel) -> Letter:
        """Write a letter.

        Raises:
            SealError: Its address cannot be read.
        """
        kept = self._opened(parcel.sealed)
        words = compose(parcel.notices)
        server = self._settings.mail_server if parcel.kind == Kind.MAIL else None
        own = (server.host,) if server is not None else ()
        return Letter(
            id=parcel.letter,
            kind=parcel.kind,
            address=kept["address"] or parcel.email,
            secret=kept["secret"],
            title=words.title[:1].upper() + words.title[1:],
            body=words.body,
            payload=letter_payload(parcel) if parcel.kind == Kind.HOOK else "",
            allowed=(*self._settings.notify_allow, *own),
            mail_server=server,
        )

    def _opened(self, sealed: str) -> dict[str, str]:
        kept: dict[str, str] = json.loads(self._seals.unseal(sealed))
        return kept


def letter_payload(parcel: Parcel) -> str:
    """What a web hook is sent: JSON."""
    words = compose(parcel.notices)
    events = [_event(notice) for notice in parcel.notices]
    told = {"id": parcel.letter, "title": words.title, "text": words.body, "events": events}
    return json.dumps(told)


def _event(notice: Notice) -> dict[str, Any]:
    at = datetime.fromtimestamp(notice.happened_at, UTC).isoformat()
    return {"event": str(notice.event), "at": at, **notice.facts}
