"""What a worker's log says of its work, and how it looks in a terminal."""

from __future__ import annotations

import io
import re

import pytest

from framefarm.agent.events import (
    DrainAsked,
    Event,
    OfferAnswered,
    StopAsked,
    UnitAborted,
    UnitFailed,
    UnitRendered,
)
from framefarm.agent.journal import open_journal
from framefarm.agent.telling import line_of
from framefarm.agent.work import Outcome
from framefarm.protocol import messages as msg
from framefarm.protocol.messages import UnitFacts
from tests.unit.agent.states import Play, lease, task, welcome


class Terminal(io.StringIO):
    """A stream that people look at."""

    def isatty(self) -> bool:
        return True


def test_a_lease_is_told_with_its_job_and_units():
    play = Play.connected()
    play.tell(task())

    line = line_of(play.state, lease(units="1-3"))

    assert line is not None
    assert line.text == "leased"
    assert line.fields == {"job": 1, "kind": "render", "units": "1-3", "slot": "cpu"}


def test_what_became_of_each_unit_is_told():
    play = Play.working()
    work = play.work
    facts = UnitFacts(seconds=1.74)
    events: list[Event] = [
        UnitRendered(work, Outcome(facts=facts)),
        UnitFailed(work, "crashed", "Blender ended: killed by SIGSEGV"),
        UnitAborted(work),
    ]

    told = [line_of(play.state, event) for event in events]

    frame = {"job": 1, "frame": 1, "slot": "cpu"}
    why = {"reason": "crashed", "message": "Blender ended: killed by SIGSEGV"}
    assert [(line.text, line.level, line.fields) for line in told if line] == [
        ("done", "info", {**frame, "seconds": 1.7}),
        ("failed", "warning", {**frame, **why}),
        ("stopped", "info", frame),
    ]


def test_a_result_that_came_second_is_told_and_one_that_was_taken_is_not():
    play = Play.working()
    owed = play.keep(play.render())

    second = line_of(play.state, OfferAnswered(owed.entry, "already_done"))

    assert second is not None
    assert second.fields == {"stage": 1, "unit": 1, "answer": "already_done"}
    assert line_of(play.state, OfferAnswered(owed.entry, "accepted")) is None


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (msg.Disable(), "out at once"),
        (welcome(enabled=False), "out at once"),
        (msg.Drain(), "out: finishes"),
        (welcome(draining=True), "out: finishes"),
        (msg.Enable(), "enabled"),
        (msg.Restart(), "after the leases"),
        (msg.Restart(at_once=True), "anew now"),
        (DrainAsked(), "ends after the leases"),
        (StopAsked(), "gives back"),
    ],
)
def test_what_the_worker_is_told_to_do_is_told(event: Event, words: str):
    line = line_of(Play.connected().state, event)

    assert line is not None
    assert words in line.text


def test_an_ordinary_welcome_is_not_told_twice():
    assert line_of(Play.of().state, welcome()) is None


def test_in_a_terminal_lines_are_short(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    journal = open_journal("info", agent="ants")
    journal.info("done", job=1, frame=12, slot="cpu", seconds=1.7)
    journal.warning("no connection", reason="two\nlines \x1b[2J")

    done, warned = terminal.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  done  job=1 frame=12 slot=cpu seconds=1\.7", done)
    assert re.fullmatch(
        r'\d\d:\d\d:\d\d  warning: no connection  reason="two\\nlines \ufffd\[2J"', warned
    )


def test_elsewhere_lines_are_keys_and_values(monkeypatch: pytest.MonkeyPatch):
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)

    open_journal("info", agent="ants").info("done", job=1)

    assert re.fullmatch(r"timestamp=\S+Z level=info event=done agent=ants job=1\n", file.getvalue())
