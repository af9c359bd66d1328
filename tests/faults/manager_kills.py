"""Faults that kill the manager or its keeper: anywhere, and at named points of what they do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

from tests.faults.farm import Farm
from tests.faults.points import BLOB_POINTS, DATABASE_POINTS, KEEPER_POINTS, WRITES, Aim
from tests.faults.programs import until
from tests.faults.strikes import Fault, Strike, rendering
from tests.faults.verdicts import Injection

StrikeAt = Callable[[Farm, Random], Strike]

_LARGE_IMAGE_BYTES = 1_500_000
"""Above a mebibyte the manager stores results in its own process."""

_SMALL_IMAGE_BYTES = 20_000

_KEEPERS_IMAGE_BYTES = 900_000
"""The most, about, that a keeper stores: it takes longest with them."""

_LATEST = {"begin": 10, "statement": 40, "commit": 10, "committed": 10}
"""How often a manager passes a point while a few units are rendered, about."""


def kill_manager(farm: Farm, random: Random) -> Strike:
    """Kill the manager at any moment, and start it again."""
    job = farm.submit(units=9, seconds=random.uniform(0.2, 0.5), lease=2)
    rendering(farm, job)
    time.sleep(random.uniform(0.0, 1.0))
    assert farm.manager is not None
    at = farm.manager.kill()
    return Strike(job, Injection(at, served_at=farm.start_manager()))


def kill_manager_at(farm: Farm, random: Random, *, point: str) -> Strike:
    """Kill the manager at a named point of a commit or of storing a blob, and start it again."""
    size = _LARGE_IMAGE_BYTES if point in BLOB_POINTS else _SMALL_IMAGE_BYTES
    job = farm.submit(units=9, seconds=0.3, image_bytes=size, lease=2)
    rendering(farm, job)
    farm.aim(Aim(point, random.randint(1, _LATEST.get(point, 3))))
    return _start_again(farm, job)


def kill_manager_with_keeper_at(farm: Farm, random: Random, *, point: str) -> Strike:
    """Kill the manager while its keeper is at a point; the keeper lives a moment longer."""
    job = farm.submit(units=9, seconds=0.3, image_bytes=_SMALL_IMAGE_BYTES, lease=2)
    rendering(farm, job)
    farm.aim(Aim(point, random.randint(1, 3), process="keeper", kills="its parent"))
    return _start_again(farm, job)


def _start_again(farm: Farm, job: int, *, costs: int = 1) -> Strike:
    at = farm.manager_dead()
    return Strike(job, Injection(at, costs=costs, served_at=farm.start_manager()))


# --- before and after every kind of commit -------------------------------------------------------


def kill_manager_at_write(farm: Farm, random: Random, *, write: str, point: str) -> Strike:
    """Kill the manager before or after the commit of a transaction that does a certain thing."""
    provoke = _PROVOKE.get(write, _go_on)
    aim = Aim(point, random.randint(1, 3) if provoke is _go_on else 1, of=write)
    with ThreadPoolExecutor(1) as thread:
        if provoke is _submit:
            farm.aim(aim)
            # Its answer is lost with the manager; it is asked for again until there is one.
            job = thread.submit(_submit, farm)
        else:
            job = thread.submit(provoke, farm, aim)
            job.result()
        at = farm.manager_dead()
        served_at = farm.start_manager()
        # What provoked it killed a renderer or a worker: two faults.
        costs = 2 if provoke in {_fail, _greet} else 1
        return Strike(job.result(), Injection(at, costs=costs, served_at=served_at))


def _submit(farm: Farm) -> int:
    return farm.submit(units=9, seconds=0.3, lease=2)


def _go_on(farm: Farm, aim: Aim) -> int:
    """Claims and finishes come by themselves."""
    job = _submit(farm)
    rendering(farm, job)
    farm.aim(aim)
    return job


def _renew(farm: Farm, aim: Aim) -> int:
    """Renewals come every third of a lease."""
    job = farm.submit(units=round(farm.lease_s * 0.6) + 3, seconds=2.0)
    farm.aim(aim)
    return job


def _fail(farm: Farm, aim: Aim) -> int:
    job = farm.submit(units=9, seconds=0.6)
    render = rendering(farm, job)
    farm.aim(aim)
    os.kill(render.pid, signal.SIGKILL)
    return job


def _greet(farm: Farm, aim: Aim) -> int:
    job = farm.submit(units=9, seconds=0.6)
    name = rendering(farm, job).worker
    farm.workers[name].kill()
    farm.aim(aim)
    farm.start_worker(name)
    return job


_PROVOKE: Mapping[str, Callable[..., int]] = {
    "a new job": _submit,
    "a renewal": _renew,
    "a failure": _fail,
    "a greeting": _greet,
}


# --- the keeper ----------------------------------------------------------------------------------


def kill_keeper(farm: Farm, random: Random) -> Strike:
    """Kill the keeper at any moment; the manager goes on."""
    job = farm.submit(units=9, seconds=0.3, image_bytes=_KEEPERS_IMAGE_BYTES, lease=2)
    rendering(farm, job)
    time.sleep(random.uniform(0.0, 1.0))
    dead = until(farm.keeper, "a keeper")
    at = time.time()
    os.kill(dead, signal.SIGKILL)
    until(lambda: farm.keeper() not in {None, dead}, "a new keeper")
    return Strike(job, Injection(at, costs=0))


def kill_keeper_at(farm: Farm, random: Random, *, point: str) -> Strike:
    """Kill the keeper at a named point of storing a result; the manager goes on."""
    job = farm.submit(units=9, seconds=0.3, image_bytes=_SMALL_IMAGE_BYTES, lease=2)
    rendering(farm, job)
    farm.aim(Aim(point, random.randint(1, 3), process="keeper"))
    return Strike(job, Injection(farm.hit(), costs=0))


def _alone(strike: StrikeAt) -> StrikeAt:
    def struck(farm: Farm, random: Random) -> Strike:
        with farm.alone:
            return strike(farm, random)

    return struck


def _kills() -> Iterator[Fault]:
    yield Fault("the manager is killed at random", "kills", _alone(kill_manager))
    for point in (*DATABASE_POINTS, *BLOB_POINTS):
        strike = _alone(partial(kill_manager_at, point=point))
        yield Fault(f"the manager is killed at `{point}`", "kills", strike, point in _ALWAYS)
    for write in WRITES:
        for point, when in {"commit": "before", "committed": "after"}.items():
            strike = _alone(partial(kill_manager_at_write, write=write, point=point))
            name = f"the manager is killed {when} the commit of {write}"
            yield Fault(name, "kills", strike, (write, when) in _WRITES_ALWAYS)
    yield Fault("the keeper is killed at random", "kills", kill_keeper)
    for point in KEEPER_POINTS:
        strike: StrikeAt = partial(kill_keeper_at, point=point)
        yield Fault(f"the keeper is killed at `{point}`", "kills", strike, point == "synced")
        strike = _alone(partial(kill_manager_with_keeper_at, point=point))
        name = f"the manager is killed with its keeper at `{point}`"
        yield Fault(name, "kills", strike, point == "answering")


ALONE = (Fault("the manager is killed with no other farm beside it", "alone", kill_manager),)
"""How long a start takes is a promise about one manager, not about five that share two cores."""

_ALWAYS = {"statement", "renamed"}
_WRITES_ALWAYS = {("a finish", "before"), ("a claim", "after"), ("a failure", "after")}

MANAGER_KILLS = tuple(_kills())
