"""Slowing down those who guess join tokens, keys or passwords. Pure.

A token has 80 random bits and a key 256, so nobody guesses one. Yet each wrong guess costs the
manager a look into its database, and that of a token fills its log. A password people choose, and
each guess costs a lot of work.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

_ADDRESSES_REMEMBERED = 10_000


class Guesses:
    """Wrong tokens, keys or passwords of late, by address, or by what else they have in common.

    Args:
        most: So many within the window are looked at.
        window_s: After so long a wrong guess is forgotten.
    """

    def __init__(self, most: int = 5, window_s: float = 60.0) -> None:
        self._most = most
        self._window_s = window_s
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, address: str, now: float) -> None:
        """A token from this address was wrong.

        Args:
            now: Seconds of a clock that only rises.
        """
        place = network_of(address)
        times = self._wrong.setdefault(place, deque(maxlen=self._most))
        self._wrong.move_to_end(place)
        times.append(now)
        if len(self._wrong) > _ADDRESSES_REMEMBERED:
            self._wrong.popitem(last=False)

    def take_back(self, address: str) -> None:
        """The last that was noted was not wrong after all."""
        times = self._wrong.get(network_of(address))
        if times:
            times.pop()

    def wait_s(self, address: str, now: float) -> float:
        """How long no token from this address is looked at; 0 for now."""
        times = self._wrong.get(network_of(address))
        if times is None or len(times) < self._most:
            return 0.0
        return max(0.0, times[0] + self._window_s - now)


def network_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or the 64-bit network that one IPv6 customer has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        # A socket that takes both kinds shows IPv4 like this, all of it in one /64.
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
