"""What `framefarm why` prints."""

from __future__ import annotations

from framefarm.cli.commands.why import told
from framefarm.client.views import Why, WorkerReason

WHY = Why(
    job=3,
    state="queued",
    answer="No worker works on job 3. Below is why, worker by worker.",
    stages=("render: 0 of 250 done, 0 in work, 250 wait for a slot",),
    workers=(
        WorkerReason("ants", "busy", working=True),
        WorkerReason("a-workstation-with-a-name", "idle", reasons=("it lacks " + "a tag " * 20,)),
        WorkerReason("bees", "idle"),
        WorkerReason("wasps", "offline", reasons=("one thing", "another")),
    ),
)


def test_every_line_fits_and_reasons_stand_under_each_other():
    lines = told(WHY, 80).splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[0] == WHY.answer
    assert "  ants              busy         works on it" in lines
    assert any(line.startswith("  a-workstation-w…  idle         it lacks a tag") for line in lines)
    assert lines[-2:] == ["  wasps             offline      one thing", " " * 33 + "another"]


def test_a_worker_that_nothing_holds_back_is_said_to_be_next():
    assert "nothing stands in its way" in told(WHY, 80)
