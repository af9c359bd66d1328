"""Times as people read them: those of their own machine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from framefarm.cli.display.sheets import local
from framefarm.cli.display.user_list import user_lines
from framefarm.client.user_views import TokenView, UserView

AT = "2026-12-31T23:30:05.123456+00:00"


@pytest.fixture(autouse=True)
def _kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "IST-5:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_time_is_told_in_the_zone_of_who_reads_it():
    assert local(AT) == "2027-01-01 05:00"
    assert local(AT, seconds=True) == "2027-01-01 05:00:05"
    assert local(None) == local("") == ""


def test_tokens_end_and_were_used_by_the_same_clock():
    token = TokenView(
        id=1, name="t", prefix="12", scope="full", created_at=AT, expires_at=AT, last_used_at=AT
    )

    [_, line] = user_lines([UserView("ada", "artist", tokens=(token,))])

    assert line == "  token 1: t (ff_12..., until 2027-01-01), used 2027-01-01 05:00"
