"""Kills, a few of each, with all that must hold afterwards. `make faults` does hundreds."""

from __future__ import annotations

from random import Random

import pytest

from tests.faults.farm import Farm
from tests.faults.kills import KILLS
from tests.faults.manager_kills import MANAGER_KILLS
from tests.faults.strikes import Fault, cases, run


@pytest.mark.parametrize("fault", cases((*KILLS, *MANAGER_KILLS)))
def test_no_unit_is_lost_or_counted_twice_and_one_at_most_rendered_again(
    farm: Farm, fault: Fault
) -> None:
    verdict = run(farm, fault, Random(fault.name))

    assert verdict.faults() == []
    # Among them: what a known death leaves is leased again without any lease's end. How soon, and
    # how soon the manager answers again, `make faults` measures.
