"""People who take a worker away from its work: drained, disabled, restarted."""

from __future__ import annotations

import signal
import time
from random import Random
from typing import Any

from tests.faults.farm import Farm
from tests.faults.strikes import Fault, Strike, rendering
from tests.faults.verdicts import Injection


def drain(farm: Farm, random: Random) -> Strike:
    """Tell the manager to drain a worker: it ends its lease and gets no other."""
    job, name = _at_work(farm, random)
    at = time.time()
    _steer(farm, name, "drain")
    held = farm.leased_to(name, job)
    asked_at = time.time()

    def enable() -> None:
        begun = {one.unit for one in farm.record.lines(job, since=asked_at) if one.worker == name}
        assert begun <= set(held), f"drained, it began {begun}, and held {held}"
        _steer(farm, name, "enable")

    return Strike(job, Injection(at, costs=0), enable)


def disable(farm: Farm, random: Random) -> Strike:
    """Disable a worker at once: it gives back what it has."""
    job, name = _at_work(farm, random)
    hurt = farm.leased_to(name, job)
    at = time.time()
    _steer(farm, name, "disable", now=True)
    return Strike(job, Injection(at, hurt, known=True), lambda: _steer(farm, name, "enable"))


def restart(farm: Farm, random: Random) -> Strike:
    """Let a worker begin anew at once, as a person does after an upgrade."""
    job, name = _at_work(farm, random)
    hurt = farm.leased_to(name, job)
    at = time.time()
    _steer(farm, name, "restart", now=True)
    farm.wait_until_connected(name, at)
    return Strike(job, Injection(at, hurt, known=True))


def drain_here(farm: Farm, random: Random) -> Strike:
    """Tell a worker's process to end after its lease."""
    job, name = _at_work(farm, random)
    at, worker = time.time(), farm.workers[name]
    worker.send(signal.SIGUSR1)
    assert worker.end(timeout_s=20.0) == 0, worker.written()[-2000:]

    def start() -> None:
        began = time.time()
        farm.start_worker(name)
        farm.wait_until_connected(name, began)

    return Strike(job, Injection(at, costs=0), start)


def _at_work(farm: Farm, random: Random) -> tuple[int, str]:
    job = farm.submit(units=9, seconds=random.uniform(0.3, 1.0), lease=2)
    name = rendering(farm, job).worker
    time.sleep(random.uniform(0.0, 0.3))
    return job, name


def _steer(farm: Farm, name: str, action: str, **more: Any) -> None:
    farm.ask("/api/workers/steer", {"action": action, "workers": [name], **more})


STEERING = (
    Fault("a worker is drained", "others", drain),
    Fault("a worker is disabled at once", "others", disable, always=False),
    Fault("a worker is restarted at once", "others", restart, always=False),
    Fault("a worker's process is told to end after its lease", "others", drain_here),
)
