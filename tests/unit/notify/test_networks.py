"""Which addresses are anybody's to be sent to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from framefarm.notify.networks import Allowed, is_public, literal_address

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::8", "64:ff9b::101:101"]
INSIDE = [
    *("0.0.0.0", "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1"),  # noqa: S104
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.2.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("192.88.99.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12::1"),
    *("ff02::1", "::ffff:127.0.0.1", "::ffff:1.1.1.1", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "64:ff9b::a00:1", "2002:7f00:1::1", "2001:0:7f00:1::", "2001:db8::1"),
    *("100::1", "3fff::1", "fd00:ec2::254"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are(address: str):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_not(address: str):
    assert not is_public(ip_address(address))


WRITTEN = [
    *("127.0.0.1", "2130706433", "0x7f000001", "0X7F.1", "017700000001", "127.1", "0177.0.0.1"),
    *("127.0.0.1.", "127.00.00.01"),
]


@pytest.mark.parametrize("host", WRITTEN)
def test_every_way_to_write_an_address_is_one(host: str):
    assert str(literal_address(host)) == "127.0.0.1"


@pytest.mark.parametrize(
    "host", ["studio.lan", "1.2.3.4.5", "256.1.1.1", "0x", "", "T1JJ3T3L2", "127.0.0.1.nip.io"]
)
def test_names_are_none(host: str):
    assert literal_address(host) is None


def test_what_is_allowed_is_a_host_or_a_network():
    allowed = Allowed.parse(["Mail.Studio.LAN", "10.1.0.0/16", "fd00::/8", "192.168.1.7"])

    assert allowed.host("mail.studio.lan.")
    assert allowed.host("10.1.200.3")
    assert allowed.host("[fd00::1]")
    assert allowed.address(ip_address("192.168.1.7"))
    assert not allowed.host("studio.lan")
    assert not allowed.host("mail.studio.lan.evil.example")
    assert not allowed.address(ip_address("10.2.0.1"))


@pytest.mark.parametrize("entry", ["", "10.1.0.1/16", "a b", "http://x", "*", "2130706433", "x/8"])
def test_what_is_neither_is_refused(entry: str):
    with pytest.raises(ValueError, match="is neither"):
        Allowed.parse([entry])
