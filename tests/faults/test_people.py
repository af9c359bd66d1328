"""People who steer jobs whose units are being rendered by real processes.

Heartbeats are minutes apart here: whatever happens, happens because somebody asked for it.
`benchmarks/acting.py` measures how soon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import psutil
import pytest

from tests.faults.farm import Farm
from tests.faults.programs import until
from tests.faults.renders import Render
from tests.faults.verdicts import Injection, judge

LONG_S = 600.0
LEASE_S = 600.0


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with Farm(tmp_path_factory.mktemp("people"), lease_s=LEASE_S) as farm:
        yield farm


def steer(farm: Farm, job: int, verb: str, **body: Any) -> Any:
    return farm.ask(f"/api/jobs/{job}/{verb}", body)


def delete(farm: Farm, job: int) -> None:
    farm.http.delete(f"/api/jobs/{job}").raise_for_status()


def rendering_everywhere(farm: Farm, job: int) -> list[Render]:
    """One render on each worker."""

    def busy() -> list[Render]:
        begun = farm.record.running(job)
        return begun if {one.worker for one in begun} == set(farm.names) else []

    return until(busy, f"renders of job {job} on all workers")


def ended(render: Render) -> bool:
    try:
        return psutil.Process(render.pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def leased(farm: Farm, job: int) -> bool:
    """Whether units of a job are in anybody's hands."""
    return any(farm.leased_to(name, job) for name in farm.names)


STOPS: dict[str, Callable[[Farm, int], object]] = {
    "cancel": lambda farm, job: steer(farm, job, "cancel"),
    "pause now": lambda farm, job: steer(farm, job, "pause", now=True),
    "delete": delete,
    "retry all": lambda farm, job: steer(farm, job, "retry", all=True),
    "retry frames": lambda farm, job: steer(farm, job, "retry", frames="1-3"),
}


@pytest.mark.parametrize("how", STOPS)
def test_running_renders_end_at_once_and_their_slots_take_other_work(farm: Farm, how: str):
    job = farm.submit(units=3, seconds=LONG_S)
    renders = rendering_everywhere(farm, job)
    following = job if how.startswith("retry") else farm.submit(units=3, seconds=0.1)

    at = time.time()
    STOPS[how](farm, job)

    until(lambda: all(map(ended, renders)), f"the renders' end by {how}")
    until(
        lambda: len({one.unit for one in farm.record.lines(following, since=at)}) == 3,
        "the next work on all slots",
    )
    if how != "delete":
        steer(farm, job, "cancel")


def test_a_paused_job_leaves_its_renders_alone_and_renders_no_more_until_it_is_resumed(farm: Farm):
    job = farm.submit(units=9, seconds=0.8)
    renders = rendering_everywhere(farm, job)
    steer(farm, job, "pause")
    until(lambda: not leased(farm, job), "the end of what was lent")
    begun = len(farm.record.lines(job))
    assert farm.wait_for_end(farm.submit(units=6, seconds=0.1)) == "done", "slots do other work"
    assert len(farm.record.lines(job)) == begun < 9

    steer(farm, job, "resume")

    assert farm.wait_for_end(job) == "done"
    assert len(farm.record.lines(job)) == 9, "nothing was rendered twice"
    assert not {one.pid for one in renders} - {one.pid for one in farm.record.lines(job, "end")}


def test_the_job_that_is_put_first_renders_next(farm: Farm):
    first = farm.submit(units=40, seconds=0.5)
    rendering_everywhere(farm, first)
    second = farm.submit(units=3, seconds=0.1)

    steer(farm, second, "priority", priority=90)

    assert farm.wait_for_end(second) == "done"
    assert len(farm.record.lines(first, "end")) < 40
    steer(farm, first, "cancel")


@pytest.mark.parametrize("seed", range(2))
def test_steering_at_any_moment_of_claims_and_finishes_loses_nothing(farm: Farm, seed: int):
    random = Random(seed)
    job = farm.submit(units=60, seconds=0.02, image_bytes=5_000, lease=2)
    verbs: list[tuple[str, dict[str, Any]]] = [
        ("pause", {"now": True}),
        ("pause", {}),
        ("resume", {}),
        ("cancel", {}),
        ("retry", {}),
        ("retry", {"frames": "1-20"}),
        ("priority", {"priority": 70}),
    ]
    for _ in range(40):
        verb, body = random.choice(verbs)
        answer = farm.http.post(f"/api/jobs/{job}/{verb}", json=body)
        # What its state does not allow changes nothing.
        assert answer.status_code in {200, 409}, (verb, answer.text)
        time.sleep(random.uniform(0.0, 0.1))
    _let_it_end(farm, job)

    verdict = judge(farm, job, Injection(0.0, costs=10_000), farm.wait_for_end(job))

    assert verdict.faults() == []
    assert verdict.units == 60


def _let_it_end(farm: Farm, job: int) -> None:
    state = farm.ask(f"/api/jobs/{job}")["state"]
    if state in {"cancelled", "paused"}:
        steer(farm, job, "resume" if state == "paused" else "retry")
