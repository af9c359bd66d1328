"""Lines that break, results that come wrongly, outages, clocks, people: a few of each."""

from __future__ import annotations

from random import Random

import pytest

from tests.faults.farm import Farm
from tests.faults.finishes import FINISHES
from tests.faults.lines import LINES
from tests.faults.outages import OUTAGES
from tests.faults.steering import STEERING
from tests.faults.strikes import Fault, cases, run


@pytest.mark.parametrize("fault", cases((*LINES, *FINISHES, *OUTAGES, *STEERING)))
def test_no_unit_is_lost_or_counted_twice_and_one_at_most_rendered_again(
    farm: Farm, fault: Fault
) -> None:
    verdict = run(farm, fault, Random(fault.name))

    assert verdict.faults() == []
