"""Links that go down and disks that fill up: what only root can do to a machine."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.faults import disks, links
from tests.faults.conftest import LEASE_S
from tests.faults.farm import Farm
from tests.faults.strikes import Fault, cases, run


@pytest.fixture(scope="module")
def farm_with_small_disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    if why := disks.why_not():
        pytest.skip(why)
    with disks.small_disks(tmp_path_factory.mktemp("disks"), lease_s=LEASE_S) as farm:
        yield farm


@pytest.mark.skipif(bool(links.why_not()), reason=links.why_not() or "it can be done")
@pytest.mark.parametrize("fault", cases(links.LINKS))
def test_a_link_that_is_down_costs_one_render_at_most(farm: Farm, fault: Fault) -> None:
    verdict = run(farm, fault, Random(fault.name))

    assert verdict.faults() == []


@pytest.mark.parametrize("fault", cases(disks.DISKS))
def test_a_full_disk_costs_one_render_at_most(farm_with_small_disks: Farm, fault: Fault) -> None:
    verdict = run(farm_with_small_disks, fault, Random(fault.name))

    assert verdict.faults() == []
