"""Trusting exactly one certificate: the one whose fingerprint one was told.

A manager at home has a certificate that no authority vouches for. Whoever knows its fingerprint (it
is part of every join token) fetches the certificate, compares, and from then on trusts this one and
no other. Nothing is sent before.
"""

from __future__ import annotations

import hashlib
import ssl
from urllib.parse import urlsplit

from framefarm.client.errors import WrongCertificateError

_HTTPS_PORT = 443


def pinning_context() -> ssl.SSLContext:
    """A context that trusts nobody yet; `pin` lets it trust one certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The one certificate it trusts is told by its bytes, all of them. Its names would add nothing,
    # and the address of a machine at home changes.
    context.check_hostname = False
    # Also one that an authority signed: trusted is this one, not whatever that authority signs.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return context


def pin(context: ssl.SSLContext, certificate: str) -> None:
    """Let a context of `pinning_context` trust one certificate, in PEM form."""
    context.load_verify_locations(cadata=certificate)


def pinned_context(certificate: str) -> ssl.SSLContext:
    """A context that trusts one certificate, in PEM form, and no other."""
    context = pinning_context()
    pin(context, certificate)
    return context


def fetch_certificate(url: str, *, timeout_s: float) -> str:
    """The certificate that is shown at an address, in PEM form. Nothing but a handshake happens.

    It says nothing of who shows it; compare `fingerprint_of` it with one that you were told.

    Raises:
        OSError: Nothing answers there, or nothing that speaks TLS.
    """
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or _HTTPS_PORT)
    return ssl.get_server_certificate(address, timeout=timeout_s)


def fingerprint_of(certificate: str) -> str:
    """SHA-256 of a certificate in PEM form, lower-case hexadecimal."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()


def fetch_pinned(url: str, fingerprint: str, *, timeout_s: float) -> str:
    """The certificate at an address, which has to be the one with this fingerprint.

    Raises:
        WrongCertificateError: It is another.
        OSError: Nothing answers there, or nothing that speaks TLS.
    """
    found = fetch_certificate(url, timeout_s=timeout_s)
    if fingerprint_of(found) != fingerprint:
        raise WrongCertificateError(url)
    return found
