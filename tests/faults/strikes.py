"""The frame of every fault: submit a job, strike, wait until the job has ended by itself, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import pytest

from tests.faults.farm import Farm
from tests.faults.programs import until
from tests.faults.renders import Render
from tests.faults.verdicts import Injection, Verdict, judge

Group = Literal["kills", "others", "alone"]


@dataclass
class Strike:
    """A fault under way.

    Attributes:
        job: The job it struck.
        injection: What was done.
        mend: Puts the farm right again, after the job's end.
    """

    job: int
    injection: Injection
    mend: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        name: What happens, in a few words.
        group: Whether it kills; `alone` is what is measured with no other farm beside it.
        strike: Does it.
        always: Whether it is among the few that every change is tried with.
        often: How often it is made in a campaign for each time that others are.
    """

    name: str
    group: Group
    strike: Callable[[Farm, Random], Strike]
    always: bool = True
    often: int = 1


def run(farm: Farm, fault: Fault, random: Random) -> Verdict:
    """Let a fault happen once."""
    farm.needed.unlink(missing_ok=True)
    strike = fault.strike(farm, random)
    state = farm.wait_for_end(strike.job)
    strike.mend()
    farm.wait_for_workers(*farm.names)
    return judge(farm, strike.job, strike.injection, state)


def victim(farm: Farm, random: Random) -> str:
    """One of the workers."""
    return random.choice(farm.names)


def rendering(farm: Farm, job: int, worker: str | None = None) -> Render:
    """Wait until a unit is being rendered, by this worker or by any."""
    return until(
        lambda: next(iter(farm.record.running(job, worker)), None), f"a render of job {job}"
    )


def cases(faults: Iterable[Fault]) -> list[Any]:
    """The faults as parameters of a test."""
    return [
        pytest.param(
            fault,
            id=fault.name.replace(" ", "_"),
            marks=() if fault.always else pytest.mark.soak,
        )
        for fault in faults
    ]
