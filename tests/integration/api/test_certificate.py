"""The certificate that a manager makes for itself, and those it is given."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from framefarm.api.certificate import CertificateError, load_certificate, own_certificate
from framefarm.client.pinning import fingerprint_of


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_it_is_made_once_and_its_key_is_its_owners_only(tmp_path: Path):
    first = own_certificate(tmp_path / "new")
    content = first.chain.read_bytes()

    again = own_certificate(tmp_path / "new")

    assert again == first
    assert first.chain.read_bytes() == content
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    assert first.self_signed
    assert first.name_for_others == ""
    assert first.fingerprint == fingerprint_of(content.decode())


def test_it_names_this_machine_and_lives_long_whatever_a_workers_clock_says(tmp_path: Path):
    made = read(own_certificate(tmp_path).chain)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    limits = made.extensions.get_extension_for_class(x509.BasicConstraints).value

    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert ipaddress.ip_address("127.0.0.1") in names.get_values_for_type(x509.IPAddress)
    assert made.not_valid_before_utc < datetime.now(UTC) - timedelta(days=365)
    assert made.not_valid_after_utc > datetime.now(UTC) + timedelta(days=25 * 365)
    assert not limits.ca


def test_openssl_agrees_on_the_fingerprint(tmp_path: Path):
    made = own_certificate(tmp_path)
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(made.chain)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told.strip().rpartition("=")[2].replace(":", "").lower() == made.fingerprint


def test_a_key_left_open_is_closed_again(tmp_path: Path):
    own_certificate(tmp_path).key.chmod(0o644)

    assert stat.S_IMODE(own_certificate(tmp_path).key.stat().st_mode) == 0o600


def test_a_start_that_was_killed_in_between_leaves_nothing_that_hinders(tmp_path: Path):
    own_certificate(tmp_path).chain.unlink()
    (tmp_path / ".certificate-key.pem.tmp").write_text("half")

    assert read(own_certificate(tmp_path).chain)


def test_ones_own_certificate_is_taken_with_its_name_and_its_mode_is_left_alone(tmp_path: Path):
    authority, key = signed_by_another(tmp_path, "farm.example")
    key.chmod(0o640)

    given = load_certificate(authority, key)

    assert not given.self_signed
    assert given.name_for_others == "farm.example"
    assert stat.S_IMODE(key.stat().st_mode) == 0o640


def signed_by_another(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that an authority of ours has signed; its key."""
    paths = {one: folder / one for one in ("ca.pem", "ca.key", "own.pem", "own.key", "own.csr")}
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", paths["ca.key"], "-out", paths["ca.pem"], "-subj", "/CN=authority"),
    )
    _openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", paths["own.key"], "-out", paths["own.csr"], "-subj", f"/CN={name}"),
        *("-addext", f"subjectAltName=DNS:{name}"),
    )
    _openssl(
        *("x509", "-req", "-in", paths["own.csr"], "-CA", paths["ca.pem"]),
        *("-CAkey", paths["ca.key"], "-out", paths["own.pem"], "-days", "30"),
        *("-copy_extensions", "copy"),
    )
    return paths["own.pem"], paths["own.key"]


def _openssl(*words: str | Path) -> None:
    command = ["openssl", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        ("nowhere.pem", "own.key", "cannot be read"),
        ("own.pem", "nowhere.key", "cannot be read"),
        ("own.key", "own.key", "holds no certificate"),
        ("own.pem", "own.pem", "holds no private key"),
        ("own.pem", "ca.key", "is not the private key of"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, certificate: str, key: str, told: str):
    signed_by_another(tmp_path, "farm.example")

    with pytest.raises(CertificateError, match=told):
        load_certificate(tmp_path / certificate, tmp_path / key)


def test_the_fingerprint_is_that_of_the_bytes_sent(tmp_path: Path):
    made = own_certificate(tmp_path)
    sent = ssl.PEM_cert_to_DER_cert(made.chain.read_text())

    assert hashlib.sha256(sent).hexdigest() == made.fingerprint
