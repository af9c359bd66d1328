"""What is remembered of the files that a worker may fetch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from framefarm.farm.fetching import Fetchable, NotLeasedError, check_fetch, files_for


def test_a_file_is_remembered_for_half_a_minute_from_when_it_was_last_added():
    fetchable = Fetchable()
    fetchable.add(["one", "two"], now=100.0)
    fetchable.add(["one"], now=120.0)

    assert fetchable.allows("two", now=129.9)
    assert not fetchable.allows("two", now=130.0)
    assert fetchable.allows("one", now=149.9)
    assert not fetchable.allows("three", now=100.0)


def test_l14_what_is_too_old_is_forgotten_when_more_comes():
    fetchable = Fetchable()
    for minute in range(1_000):
        fetchable.add([f"{minute}-{number}" for number in range(10)], now=60.0 * minute)

    assert len(fetchable._until) == 10


class Reader:
    """Stands in for the farm: counts what is asked of its database."""

    def __init__(self, files: set[str]) -> None:
        self.link = SimpleNamespace(may_fetch=Fetchable())
        self.roster = SimpleNamespace(get=lambda _: self.link)
        self.catalog = None
        self.files = files
        self.reads = 0

    async def read(self, work: Any) -> Any:
        self.reads += 1
        return self.files if work.func is files_for else False


async def test_many_ranges_of_a_leases_files_cost_one_look_into_the_database():
    farm = Reader({"scene", "frame"})

    for _ in range(50):
        await check_fetch(cast("Any", farm), "worker", "scene")
        await check_fetch(cast("Any", farm), "worker", "frame")

    assert farm.reads == 1


async def test_a_file_that_no_lease_needs_is_refused_each_time():
    farm = Reader({"scene"})

    for _ in range(2):
        with pytest.raises(NotLeasedError):
            await check_fetch(cast("Any", farm), "worker", "other")

    assert farm.reads == 4  # each time for the leases' files, and for those of their projects
