"""Sending mail by the farm's own server."""

from __future__ import annotations

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate

from framefarm.notify.letters import Letter
from framefarm.notify.mail_server import MailServer
from framefarm.notify.outcomes import TOLD, Outcome

_STEP_S = 10.0
_FOR_EVER = 500
"""From here on a reply says that trying again is in vain (RFC 5321, 4.2.1)."""


def send_mail(letter: Letter) -> Outcome:
    """Send one.

    Raises:
        OSError: The server could not be reached.
    """
    server = letter.mail_server
    if server is None:
        return _failed("this farm has no mail server; whoever runs it sets mail_server")
    try:
        with _connected(server) as connection:
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(_written(letter, server), to_addrs=[letter.address])
    except smtplib.SMTPException as error:
        return _refused(error)
    return TOLD


def _connected(server: MailServer) -> smtplib.SMTP:
    if server.encryption == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_STEP_S, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=_STEP_S)
    if server.encryption == "smtp":
        connection.starttls(context=ssl.create_default_context())
    return connection


def _written(letter: Letter, server: MailServer) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = letter.title
    message["From"] = Address("FrameFarm", addr_spec=server.sender)
    message["To"] = letter.address
    message["Date"] = formatdate()
    # The same in each attempt, so that who got it after all does not show it twice.
    message["Message-ID"] = f"<{letter.id}@{server.host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    return message


def _refused(error: smtplib.SMTPException) -> Outcome:
    """What went wrong; for ever only what the server says of whom the mail is to."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            [(status, told)] = error.recipients.values()
            what = f"the mail server does not take mail to this address: {status} {_said(told)}"
            return Outcome(ok=False, reason=what, for_ever=status >= _FOR_EVER)
        case smtplib.SMTPAuthenticationError():
            return _failed(f"the mail server does not take the password ({error.smtp_code})")
        case smtplib.SMTPResponseException():
            return _failed(f"the mail server answered {error.smtp_code} {_said(error.smtp_error)}")
        case smtplib.SMTPNotSupportedError():
            return _failed("the mail server lacks STARTTLS, or a way to log in")
    return _failed("the mail server hung up, or spoke no SMTP")


def _failed(reason: str) -> Outcome:
    return Outcome(ok=False, reason=reason)


def _said(told: bytes | str) -> str:
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    return " ".join(text.split())[:200]
