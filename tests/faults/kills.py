"""Faults that kill a worker in each phase of its work, or its renderer."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from random import Random

from tests.faults.farm import Farm
from tests.faults.programs import until
from tests.faults.strikes import Fault, Strike, rendering, victim
from tests.faults.verdicts import Injection
from tests.faults.wire import DOWNLOAD, UPLOAD, Trap

_INPUT_BYTES = 3_000_000
_IMAGE_BYTES = 600_000


def kill_rendering(farm: Farm, random: Random, *, back: bool) -> Strike:
    """Kill a worker in the middle of a render."""
    if back:
        job = farm.submit(units=6, seconds=random.uniform(0.3, 1.0), lease=2)
    else:
        job = _long_job(farm)
    name = rendering(farm, job).worker
    time.sleep(random.uniform(0.0, 0.2))
    return _kill(farm, job, name, back=back)


def _long_job(farm: Farm) -> int:
    """A job that keeps two workers busy until the lease of the third is over.

    With idle slots around, what a silent worker holds would be rendered a second time long before
    (L11).
    """
    return farm.submit(units=round(farm.lease_s * 2.5) + 4, seconds=1.0)


def kill_fetching(farm: Farm, random: Random, *, back: bool) -> Strike:
    """Kill a worker while it fetches a file, at a random byte."""
    name = victim(farm, random)
    trap = farm.wires[name].trap(DOWNLOAD, "down", random.randrange(_INPUT_BYTES), "hold")
    farm.need(_INPUT_BYTES)
    job = farm.submit(units=6, seconds=0.3)
    trap.wait()
    return _kill(farm, job, name, back=back)


def kill_uploading(farm: Farm, random: Random, *, back: bool) -> Strike:
    """Kill a worker while it uploads a result, at a random byte."""
    name = victim(farm, random)
    trap = farm.wires[name].trap(UPLOAD, "up", random.randrange(_IMAGE_BYTES), "hold")
    return _kill_at(farm, name, trap, back=back)


def kill_awaiting_answer(farm: Farm, random: Random, *, back: bool) -> Strike:
    """Kill a worker whose result the manager has taken, before it hears so."""
    name = victim(farm, random)
    trap = farm.wires[name].trap(UPLOAD, "down", 0, "hold")
    return _kill_at(farm, name, trap, back=back)


def _kill_at(farm: Farm, name: str, trap: Trap, *, back: bool) -> Strike:
    # A worker renders its next unit while it uploads. Where nobody is to bring what lies in its
    # outbox, let there be no next one: one fault is to cost one render.
    units = 6 if back else len(farm.names)
    job = farm.submit(units=units, seconds=0.3, image_bytes=_IMAGE_BYTES)
    trap.wait()
    return _kill(farm, job, name, back=back)


def _kill(farm: Farm, job: int, name: str, *, back: bool) -> Strike:
    at = farm.workers[name].kill()
    hurt = farm.leased_to(name, job)
    farm.wires[name].mend()
    if not back:
        injection = Injection(at, hurt, silent=name)
        return Strike(job, injection, lambda: _restart(farm, name))
    _restart(farm, name)
    return Strike(job, Injection(at, hurt, known=True))


def _restart(farm: Farm, name: str) -> None:
    """Start a worker again, and wait until the manager took it in."""
    began = time.time()
    farm.start_worker(name)
    farm.wait_until_connected(name, began)


def stop_past_lease(farm: Farm, random: Random) -> Strike:
    """Stop a worker for longer than its lease lives, then let it go on."""
    job = _long_job(farm)
    render = rendering(farm, job)
    worker = farm.workers[render.worker]
    at = time.time()
    worker.send(signal.SIGSTOP)
    hurt = farm.leased_to(render.worker, job)

    def again() -> bool:
        begun = {one.unit for one in farm.record.lines(job, since=at) if one.unit in hurt}
        return begun == set(hurt) or not hurt

    until(again, "the work of a stopped worker in other hands", timeout_s=120.0)
    # The other is at it, or has done it.
    time.sleep(random.uniform(0.0, 1.5))
    worker.send(signal.SIGCONT)
    return Strike(job, Injection(at, hurt, silent=render.worker))


def kill_renderer(farm: Farm, random: Random) -> Strike:
    """Kill the process that renders; the worker lives."""
    job = farm.submit(units=6, seconds=random.uniform(0.4, 1.0))
    render = rendering(farm, job)
    at = time.time()
    os.kill(render.pid, signal.SIGKILL)
    return Strike(job, Injection(at, (render.unit,), known=True))


def terminate(farm: Farm, random: Random) -> Strike:
    """Ask a worker to end; it gives back what it has."""
    job = farm.submit(units=6, seconds=random.uniform(0.3, 1.0), lease=2)
    name = rendering(farm, job).worker
    at, worker = time.time(), farm.workers[name]
    hurt = farm.leased_to(name, job)
    worker.send(signal.SIGTERM)
    assert worker.end(timeout_s=20.0) == 0, worker.written()[-2000:]
    injection = Injection(at, hurt, known=True)
    return Strike(job, injection, lambda: _restart(farm, name))


_WORKERS = {
    "a worker is killed while it fetches": kill_fetching,
    "a worker is killed while it renders": kill_rendering,
    "a worker is killed while it uploads": kill_uploading,
    "a worker is killed before it hears the answer": kill_awaiting_answer,
}


def _worker_kills() -> Iterator[Fault]:
    for name, strike in _WORKERS.items():
        silent = partial(strike, back=False)
        by_lease = strike is kill_rendering
        # The only one that ends by the lease alone: its time is worth more than five samples.
        yield Fault(name, "kills", silent, always=by_lease, often=3 if by_lease else 1)
        yield Fault(f"{name}, and started again", "kills", partial(strike, back=True))


KILLS = (
    *_worker_kills(),
    Fault("a worker is stopped past its lease and goes on", "kills", stop_past_lease),
    Fault("a renderer is killed", "kills", kill_renderer),
    Fault("a worker is told to end", "kills", terminate),
)
