"""Under which addresses others are told to reach a manager."""

from __future__ import annotations

import pytest

from framefarm.api import reach
from framefarm.api.reach import Reach

HERE = ["192.168.1.20", "10.0.0.5", "fd00::2"]


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "addresses", lambda: HERE)


@pytest.mark.parametrize(
    ("listening", "told"),
    [
        # A socket of IPv4 hears nobody who comes by IPv6.
        ("0.0.0.0", ["http://192.168.1.20:7070", "http://10.0.0.5:7070"]),  # noqa: S104
        ("::", ["http://192.168.1.20:7070", "http://10.0.0.5:7070", "http://[fd00::2]:7070"]),
        ("10.0.0.5", ["http://10.0.0.5:7070"]),
        ("127.0.0.1", []),
        ("::1", []),
    ],
)
def test_only_addresses_at_which_it_listens_are_told(listening: str, told: list[str]):
    assert Reach(listening, 7070).urls() == told


def test_who_verifies_a_name_is_told_the_name():
    named = Reach("0.0.0.0", 7070, tls=True, name="farm.example")  # noqa: S104

    assert named.urls() == ["https://farm.example:7070"]
    assert named.hosts() == ["192.168.1.20", "10.0.0.5"]
