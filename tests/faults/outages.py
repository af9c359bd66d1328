"""Times in which no worker can renew: a stopped manager, a locked database, a clock that jumps."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from functools import partial
from random import Random

from tests.faults.farm import Farm
from tests.faults.kills import kill_rendering
from tests.faults.strikes import Fault, Strike, rendering
from tests.faults.verdicts import Injection

HOUR_S = 3_600.0
DAY_S = 86_400.0


def stop_manager(farm: Farm, _: Random) -> Strike:
    """Stop the manager for longer than a lease lives, then let it go on."""
    job = farm.submit(units=9, seconds=0.5)
    rendering(farm, job)
    assert farm.manager is not None
    at = time.time()
    farm.manager.send(signal.SIGSTOP)
    time.sleep(farm.lease_s + 1.0)
    farm.manager.send(signal.SIGCONT)
    return Strike(job, Injection(at))


def lock_database(farm: Farm, _: Random) -> Strike:
    """Keep the manager from writing for longer than a lease lives."""
    job = farm.submit(units=9, seconds=0.5)
    rendering(farm, job)
    database = sqlite3.connect(farm.data / "farm.db", timeout=30.0, isolation_level=None)
    with contextlib.closing(database):
        database.execute("BEGIN IMMEDIATE")
        at = time.time()
        # The manager waits 10 s for the lock before a write fails.
        time.sleep(max(farm.lease_s, 10.0) + 2.0)
        database.execute("ROLLBACK")
    return Strike(job, Injection(at))


def jump(farm: Farm, random: Random, *, by_s: float) -> Strike:
    """Set the manager's clock wrong, with its database's, and right again, now or after the job."""
    job = farm.submit(units=9, seconds=random.uniform(0.3, 0.8), lease=2)
    rendering(farm, job)
    farm.clock.write_text(str(by_s))
    at = time.time()
    time.sleep(random.uniform(0.5, 2.0))
    if random.random() < 0.5:
        farm.clock.write_text("0")
    return Strike(job, Injection(at), lambda: farm.clock.write_text("0"))


def workers_jump(farm: Farm, random: Random, *, by_s: float) -> Strike:
    """Set the clocks of all workers wrong: they play no part in leases (L1)."""
    job = farm.submit(units=9, seconds=random.uniform(0.3, 0.8), lease=2)
    rendering(farm, job)
    farm.workers_clock.write_text(str(by_s))
    at = time.time()
    time.sleep(random.uniform(0.5, 2.0))
    if random.random() < 0.5:
        farm.workers_clock.write_text("0")
    return Strike(job, Injection(at, costs=0), lambda: farm.workers_clock.write_text("0"))


def jump_and_kill(farm: Farm, random: Random, *, by_s: float) -> Strike:
    """Set the clock wrong, then kill a worker: its silence must be noticed in time all the same."""
    farm.clock.write_text(str(by_s))
    strike = kill_rendering(farm, random, back=False)
    mend = strike.mend

    def both() -> None:
        farm.clock.write_text("0")
        mend()

    strike.mend = both
    return strike


_JUMPS = {
    "an hour ahead": HOUR_S,
    "an hour back": -HOUR_S,
    "a day ahead": DAY_S,
    "a day back": -DAY_S,
}

OUTAGES = (
    Fault("the manager is stopped past all leases and goes on", "others", stop_manager),
    Fault("the database takes no writes past all leases", "others", lock_database, always=False),
    *(
        Fault(f"the clock jumps {name}", "others", partial(jump, by_s=by_s), always="ahead" in name)
        for name, by_s in _JUMPS.items()
    ),
    *(
        Fault(
            f"the workers' clocks jump {name}",
            "others",
            partial(workers_jump, by_s=by_s),
            always=name == "a day back",
        )
        for name, by_s in _JUMPS.items()
    ),
    Fault(
        "the clock jumps a day back and a worker is killed",
        "others",
        partial(jump_and_kill, by_s=-DAY_S),
    ),
)
