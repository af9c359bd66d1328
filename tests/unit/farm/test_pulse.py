"""How fast jobs have been going lately."""

from __future__ import annotations

from framefarm.farm.pulse import Pulse


def test_whoever_looks_at_thousands_of_jobs_forgets_none_that_is_at_work():
    pulse = Pulse()
    for unit, seconds in enumerate((2.0, 3.0)):
        pulse.finished(1, unit, seconds)
    pulse.begun(1, 5)

    for stage in range(2, 5_000):
        assert pulse.per_minute(stage) is None
        assert pulse.seconds(stage) == []
        assert pulse.running_s(stage, 1) == [0.0]

    assert pulse.seconds(1) == [2.0, 3.0]
    assert pulse.per_minute(1)
    [running_s] = pulse.running_s(1, 1)
    assert running_s > 0.0


def test_of_thousands_at_work_the_latest_are_known():
    pulse = Pulse()
    for stage in range(1_100):
        pulse.finished(stage, 1, 2.0)

    assert pulse.seconds(0) == []
    assert pulse.seconds(1_099) == [2.0]
