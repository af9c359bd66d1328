"""What the sending process is told, and what each way of sending takes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from framefarm.notify.mail_server import MailServer

MARK = "X-FrameFarm-Notification"
"""A header of all that is sent by HTTP. Where to, and how, somebody else said: a manager that is
asked by such a request, on the same machine, must not take it for one of whoever sits there."""


@dataclass(frozen=True)
class Letter:
    """One message to one target.

    Attributes:
        id: The same in each attempt.
        kind: See `addresses.Kind`.
        address: Where to, whole.
        secret: What a web hook's message is signed with.
        title, body: What it says to people.
        payload: What it says to programs, for a web hook: JSON as text.
        allowed: Hosts and networks that are let through besides public ones.
        mail_server: The farm's, for mail.
    """

    id: str
    kind: str
    address: str = field(repr=False)
    title: str
    body: str
    secret: str = field(default="", repr=False)
    payload: str = ""
    allowed: tuple[str, ...] = ()
    mail_server: MailServer | None = None

    @classmethod
    def restore(cls, fields: dict[str, Any]) -> Letter:
        """What `dataclasses.asdict` took apart and JSON carried."""
        server = fields.pop("mail_server")
        return cls(
            **{**fields, "allowed": tuple(fields["allowed"])},
            mail_server=None if server is None else MailServer(**server),
        )
