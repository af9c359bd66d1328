"""The other half of the seeds that are always run, for the other process (see `seeds.py`)."""

from __future__ import annotations

import pytest

from .seeds import GROUPS, keep_their_promises


@pytest.mark.parametrize("group", range(GROUPS // 2, GROUPS))
def test_promises_hold_whatever_fails(group: int):
    keep_their_promises(group)
