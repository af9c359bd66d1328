"""A worker behind a network of its own, whose link goes down. Needs Linux, `ip` and root."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from functools import partial
from random import Random

from tests.faults.farm import Farm
from tests.faults.strikes import Fault, Strike, rendering, victim
from tests.faults.verdicts import Injection
from tests.faults.wire import Wire


def why_not() -> str:
    """Why this cannot be done here; empty when it can."""
    if shutil.which("ip") is None:
        return "there is no `ip` command here (Debian: iproute2)"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    tried = _ip("netns", "add", f"ff-try-{os.getpid()}", check=False)
    if tried.returncode:
        return f"no network namespace can be made: {tried.stderr.strip()}"
    _ip("netns", "del", f"ff-try-{os.getpid()}")
    return ""


def _ip(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    ip = shutil.which("ip") or "ip"
    return subprocess.run([ip, *words], check=check, capture_output=True, text=True)


class Network:
    """A namespace joined to this machine by one link.

    Args:
        number: Tells networks of one machine apart, 0 to 999.
    """

    def __init__(self, number: int) -> None:
        self.name = f"ff{os.getpid()}-{number}"
        self._outer = f"ffo{os.getpid() % 10**6}{number % 1000}"
        inner = f"ffi{os.getpid() % 10**6}{number % 1000}"
        net = f"10.{100 + os.getpid() % 100}.{number % 250}"
        self.outside = f"{net}.1"
        _ip("netns", "add", self.name)
        try:
            _ip("link", "add", self._outer, "type", "veth", "peer", "name", inner)
            _ip("link", "set", inner, "netns", self.name)
            _ip("addr", "add", f"{self.outside}/24", "dev", self._outer)
            _ip("-n", self.name, "addr", "add", f"{net}.2/24", "dev", inner)
            _ip("link", "set", self._outer, "up")
            _ip("-n", self.name, "link", "set", inner, "up")
            _ip("-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.remove()
            raise

    @property
    def inside(self) -> tuple[str, ...]:
        """What runs a command inside."""
        return ("ip", "netns", "exec", self.name)

    def link(self, state: str) -> None:
        """Take the link `down` or `up`."""
        _ip("link", "set", self._outer, state)

    def remove(self) -> None:
        """Take it all away."""
        _ip("link", "del", self._outer, check=False)
        _ip("netns", "del", self.name, check=False)


def link_down(farm: Farm, random: Random, *, seconds: float) -> Strike:
    """Take the link of a worker down for a while."""
    name = victim(farm, random)
    network = Network(farm.address[1] % 250)
    # To the manager the worker is on this machine: joining from another is not what is tried here.
    wire = Wire(farm.address, network.outside, called="127.0.0.1")
    _move(farm, name, url=wire.url, before=network.inside)
    job = farm.submit(units=6, seconds=0.5)
    rendering(farm, job, name)
    at = time.time()
    network.link("down")
    time.sleep(seconds)
    network.link("up")

    def mend() -> None:
        _move(farm, name)
        wire.close()
        network.remove()

    return Strike(job, Injection(at, silent=name), mend)


def _move(farm: Farm, name: str, *, url: str | None = None, before: tuple[str, ...] = ()) -> None:
    farm.workers[name].clean_up()
    began = time.time()
    farm.start_worker(name, url=url, before=before)
    farm.wait_until_connected(name, began)


LINKS = tuple(
    Fault(
        f"the network link is down for {seconds} s",
        "others",
        partial(link_down, seconds=seconds),
        always=seconds == 5,
    )
    for seconds in (5, 20, 60)
)
