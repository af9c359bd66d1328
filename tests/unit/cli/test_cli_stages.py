from __future__ import annotations

import pytest

from framefarm.cli.commands.stages import _listed
from framefarm.client.views import Estimate, Stage

SOON = Estimate(low_s=29 * 60, likely_s=40 * 60, high_s=61 * 60)


@pytest.fixture(autouse=True)
def _page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_stages_of_a_running_job_fit_a_page_with_their_whole_names():
    counts = {"total": 2_000, "done": 4, "running": 16, "pending": 1_980}
    stages = (
        Stage(1, "render", "ready", **counts, seconds=5.4, estimate=SOON),
        Stage(2, "movie", "waiting", total=42, waiting=42, estimate=SOON),
        Stage(3, "join", "waiting", total=1, waiting=1, estimate=SOON),
    )

    heads, *rows = _listed(stages).splitlines()

    assert max(map(len, (heads, *rows))) <= 80
    assert "FAILED" not in heads
    assert rows[0].split()[:3] == ["render", "ready", "4"]
    assert rows[0].endswith("in 29 to 61 min")


def test_columns_without_anything_in_them_are_left_out():
    heads, row = _listed((Stage(1, "render", "done", 24, 24, seconds=9.0),)).splitlines()

    assert heads.split() == ["STAGE", "STATE", "DONE", "OF", "SPENT"]
    assert row.split() == ["render", "done", "24", "24", "9.0", "s"]


def test_with_all_columns_only_the_last_is_cut():
    counts = {"total": 9_000, "done": 4_000, "running": 16, "pending": 980, "failed": 2}
    stage = Stage(1, "render", "ready", **counts, waiting=4, seconds=7_000, estimate=SOON)

    _, row = _listed((stage,)).splitlines()

    assert len(row) <= 80
    assert {"render", "4,000", "980", "9,000"} <= set(row.split())
