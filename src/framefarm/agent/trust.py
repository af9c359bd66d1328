"""Whom a worker believes to be its manager."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from framefarm.agent.errors import AgentError
from framefarm.agent.http import is_encrypted, same_place
from framefarm.client.pinning import (
    fetch_certificate,
    fetch_pinned,
    fingerprint_of,
    pin,
    pinning_context,
)

if TYPE_CHECKING:
    from framefarm.agent.identity import Identity

_HANDSHAKE_S = 10.0


class CertificateChangedError(AgentError):
    """A manager shows another certificate than when this worker joined."""

    code = "certificate_changed"
    retryable = True

    def __init__(self, url: str) -> None:
        super().__init__(
            f"what answers at {url} shows another certificate than the manager this worker has "
            "joined; nothing is sent to it. If the manager was set up anew, join it again with a "
            "token of it: framefarm worker URL --join TOKEN"
        )


class Trust:
    """What the TLS connections of a worker verify. Without TLS there is nothing to do here.

    In this order: with the fingerprint of a join token, the certificate that has it, and no other;
    the certificate of a manager that this worker has joined before; else whom the system trusts.

    Args:
        url: The manager's address.
        fingerprint: Of its certificate, from the join token, if it has one.

    Attributes:
        context: For all connections to the manager. Trusts nobody until `prepare` has returned.
        certificate: The only one trusted, in PEM form; empty when there is none such.
    """

    def __init__(self, url: str, fingerprint: str | None) -> None:
        self._url = url
        self._fingerprint = fingerprint
        self._known: Sequence[Identity] = ()
        self._ready = not is_encrypted(url)
        self.context = pinning_context()
        self.certificate = ""

    def remember(self, known: Sequence[Identity]) -> None:
        """Learn which managers this worker has joined before."""
        self._known = [one for one in known if one.certificate]

    async def prepare(self) -> None:
        """Find out whom to trust; returns at once when that is known.

        Raises:
            WrongCertificateError: What answers has not the fingerprint of the join token.
            CertificateChangedError: It shows another certificate than it did.
            OSError: Nothing answers.
        """
        if self._ready:
            return
        certificate = await asyncio.to_thread(self._choose)
        if certificate:
            pin(self.context, certificate)
        else:
            self.context.check_hostname = True
            self.context.load_default_certs()
        self.certificate = certificate
        self._ready = True

    def _choose(self) -> str:
        if self._fingerprint is not None:
            return fetch_pinned(self._url, self._fingerprint, timeout_s=_HANDSHAKE_S)
        if not self._known:
            return ""
        shown = fetch_certificate(self._url, timeout_s=_HANDSHAKE_S)
        pinned = {fingerprint_of(one.certificate): one.certificate for one in self._known}
        if (found := pinned.get(fingerprint_of(shown))) is not None:
            return found
        if any(same_place(one.url, self._url) for one in self._known):
            raise CertificateChangedError(self._url)
        return ""

    def told(self, error: ssl.SSLError) -> str:
        """Why a TLS connection failed, for people."""
        if not isinstance(error, ssl.SSLCertVerificationError):
            return str(error)
        if self.certificate:
            return str(CertificateChangedError(self._url))
        return (
            f"its certificate is not trusted here ({error.verify_message}); join with the token "
            "that the manager printed, which says which certificate to trust"
        )
