"""A manager that is killed while it tells people: each is told once, by whichever manager."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.farm import Farm
from tests.faults.points import Aim
from tests.faults.programs import until
from tests.integration.notify.places import Hook

# The first loses nothing, since the job's end is all there has to be. What was begun is known by
# the journal of the process that sends.
POINTS = {
    "before the job's end is told": Aim("committed", of="a finish"),
    "before what to tell is noted": Aim("commit", of="something to tell"),
    "after what to tell is noted": Aim("committed", of="something to tell"),
    "after the message is taken": Aim("committed", of="a message taken"),
    "after it was sent, before that is noted": Aim("commit", of="a message sent"),
    "after that is noted": Aim("committed", of="a message sent"),
}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("notifying")
    config = folder / "home" / "config" / "framefarm"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('notify_allow = ["127.0.0.1"]\n')
    with Farm(folder, workers=("w1",)) as farm:
        yield farm


@pytest.fixture
def target(farm: Farm, hook: Hook) -> Iterator[int]:
    made = farm.ask("/api/notifications/targets", {"name": "hook", "address": hook.url})
    number = int(made["target"]["id"])
    yield number
    farm.http.delete(f"/api/notifications/targets/{number}").raise_for_status()


def told(farm: Farm, target: int, *states: str) -> list[dict[str, Any]]:
    """What is told at a target, once all of it is in one of these states."""

    def look() -> list[dict[str, Any]]:
        found = farm.ask(f"/api/notifications?target={target}")["notifications"]
        return found if found and all(one["state"] in states for one in found) else []

    return until(look, f"all at {target} {states}")


def events(hook: Hook) -> Counter[tuple[str, int]]:
    """What came, by event and job."""
    found: Counter[tuple[str, int]] = Counter()
    while not hook.posts.empty():
        _, body = hook.posts.get()
        found.update((event["event"], event["job"]) for event in json.loads(body)["events"])
    return found


@pytest.mark.parametrize("where", POINTS)
def test_manager_killed_at_a_point_tells_once(farm: Farm, hook: Hook, target: int, where: str):
    farm.aim(POINTS[where])
    job = farm.submit(units=1)

    farm.manager_dead()
    farm.start_manager()

    [one] = told(farm, target, "sent")
    assert one["facts"]["job"] == job
    assert events(hook) == {("job_done", job): 1}


def test_manager_killed_in_the_moment_of_sending_sends_nothing_twice(
    farm: Farm, hook: Hook, target: int
):
    assert farm.manager is not None
    hook.on_post = farm.manager.kill
    job = farm.submit(units=1)
    until(lambda: not hook.posts.empty(), "a post")
    hook.on_post = lambda: None

    farm.start_manager()

    [one] = told(farm, target, "unclear")
    assert "killed while it was being sent" in one["reason"]
    assert events(hook) == {("job_done", job): 1}


def test_manager_that_is_stopped_ends_what_it_sends(farm: Farm, hook: Hook, target: int):
    manager = farm.manager
    assert manager is not None
    hook.on_post = lambda: manager.send(signal.SIGTERM)
    job = farm.submit(units=1)

    assert manager.end() == 0
    farm.start_manager()

    told(farm, target, "sent")
    assert events(hook) == {("job_done", job): 1}
