"""Deadlines on the command line: this machine's zone, and what is past."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click
import pytest

from framefarm.cli.deadlines import read_deadline

WHEN = click.Argument(["when"])
CONTEXT = click.Context(click.Command("deadline"))


@pytest.fixture
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_berlin")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2099-01-01T18:00", "2099-01-01T18:00:00+01:00"),
        ("2099-07-01T18:00", "2099-07-01T18:00:00+02:00"),
        ("2099-07-01T18:00Z", "2099-07-01T20:00:00+02:00"),
    ],
)
def test_a_deadline_is_local_by_the_rules_of_its_day(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
):
    assert read_deadline(CONTEXT, WHEN, typed) == meant
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("_berlin")
def test_what_is_past_is_said(capsys: pytest.CaptureFixture[str]):
    assert read_deadline(CONTEXT, WHEN, "2020-07-01T18:00") == "2020-07-01T18:00:00+02:00"

    assert capsys.readouterr().err == "framefarm: warning: 2020-07-01 18:00 is past\n"


@pytest.mark.parametrize("typed", [None, "none", "None"])
def test_none_is_no_deadline(typed: str | None):
    assert read_deadline(CONTEXT, WHEN, typed) is None
