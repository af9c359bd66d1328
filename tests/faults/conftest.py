"""One farm for all tests of a module: what one fault leaves behind must not harm the next job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.farm import Farm

LEASE_S = 8.0
"""Shorter than the product's, so that silence is noticed sooner. Not shorter still: a lease must
outlast a restart of the manager and the pause of a worker that tries to reach it (L7), on a busy
machine. `make faults` keeps the 30 s."""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with Farm(tmp_path_factory.mktemp("farm"), lease_s=LEASE_S) as farm:
        yield farm
