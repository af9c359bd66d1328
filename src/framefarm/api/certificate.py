"""The certificate that a manager shows: one it made itself, or its owner's.

A farm at home has no name that a public authority would vouch for. So the manager makes a
certificate of its own, the same at every start, and its fingerprint is part of every join token:
whoever was given the token knows whom to trust.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from framefarm.api.reach import addresses
from framefarm.core.errors import FrameFarmError

_LIVES = timedelta(days=30 * 365)
_BEGAN_EARLIER = timedelta(days=2 * 365)
"""A machine whose clock is behind must not take the certificate for one of the future."""


class CertificateError(FrameFarmError):
    """A certificate or its key cannot be used."""

    code = "certificate"


@dataclass(frozen=True)
class Certificate:
    """A certificate on disk.

    Attributes:
        chain: PEM file, the manager's own certificate first.
        key: PEM file of its private key.
        fingerprint: SHA-256 of the certificate, lower-case hexadecimal.
        self_signed: Nobody else vouches for it, so those who are to trust it must know it.
        name: The first DNS name in it, empty when there is none.
    """

    chain: Path
    key: Path
    fingerprint: str
    self_signed: bool
    name: str = ""

    @property
    def name_for_others(self) -> str:
        """The name that others must use, since they verify it; empty when any address will do."""
        return "" if self.self_signed else self.name


def own_certificate(folder: Path) -> Certificate:
    """The certificate that the manager of a data folder made for itself, made now if need be.

    Raises:
        CertificateError: It is there and cannot be used, or cannot be written.
    """
    chain, key = folder / "certificate.pem", folder / "certificate-key.pem"
    try:
        if not (chain.exists() and key.exists()):
            _make(chain, key)
    except OSError as error:
        raise CertificateError(f"{chain} cannot be written: {error.strerror}") from error
    return load_certificate(chain, key)


def load_certificate(chain: Path, key: Path) -> Certificate:
    """A certificate from its files.

    Raises:
        CertificateError: One of them cannot be read, or they do not belong together.
    """
    found = _read_certificate(chain)
    private = _read_key(key)
    if private.public_key() != found.public_key():
        raise CertificateError(f"{key} is not the private key of the certificate {chain}.")
    _close_to_others(key)
    return Certificate(
        chain,
        key,
        hashlib.sha256(found.public_bytes(serialization.Encoding.DER)).hexdigest(),
        self_signed=found.issuer == found.subject,
        name=_dns_name(found),
    )


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CertificateError(f"{path} holds no certificate in PEM form.") from error


def _read_key(path: Path) -> serialization.PrivateKeyTypes:  # type: ignore[name-defined,unused-ignore]
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from error
    except TypeError as error:
        raise CertificateError(f"{path} is locked by a password; give one that is not.") from error
    except ValueError as error:
        raise CertificateError(f"{path} holds no private key in PEM form.") from error


def _close_to_others(key: Path) -> None:
    # Of a key that its owner manages elsewhere (certbot, say) the mode is none of our business.
    if key.name == "certificate-key.pem" and os.name == "posix" and key.stat().st_mode & 0o077:
        key.chmod(0o600)


def _make(chain: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    host = socket.gethostname() or "framefarm"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"FrameFarm on {host}"[:64])])
    public = private.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEGAN_EARLIER)
        .not_valid_after(now + _LIVES)
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        # It vouches for nobody but itself: whoever trusts it trusts exactly this certificate.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(private, hashes.SHA256())
    )
    _write(
        key,
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        mode=0o600,
    )
    _write(chain, made.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _names(host: str) -> list[x509.GeneralName]:
    dns = dict.fromkeys([host, f"{host}.local", "localhost"])
    numbers = dict.fromkeys(["127.0.0.1", "::1", *addresses()])
    return [
        *(x509.DNSName(name) for name in dns if name.isascii()),
        *(x509.IPAddress(ipaddress.ip_address(number)) for number in numbers),
    ]


def _write(path: Path, content: bytes, *, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    # With this mode from the start: readable for a moment would be readable.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _dns_name(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    plain = [name for name in names.get_values_for_type(x509.DNSName) if "*" not in name]
    return plain[0] if plain else ""
