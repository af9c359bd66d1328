"""Failures that are not from a current attempt, which must change nothing (L4)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from unittest import mock

from framefarm.core.spans import Spans
from framefarm.farm import live_results
from framefarm.farm.failures import Failure, fail_many
from framefarm.farm.finishes import Settlement

from .database import Database


def _fail_many(
    database: Database, connection: Any, catalog: Any, failures: Sequence[Failure], *more: Any
) -> list[Settlement]:
    """The real one; failures of which none is from a current attempt must change nothing (L4)."""
    stale = not any(_is_current(database, failure) for failure in failures)
    before = database.raw.total_changes
    settled = fail_many(connection, catalog, failures, *more)
    changed = database.raw.total_changes - before
    if stale and (changed or {one.answer for one in settled} != {"stale"}):
        raise AssertionError(f"L4: stale failures changed {changed} rows: {failures}, {settled}")
    return settled


def _is_current(database: Database, failure: Failure) -> bool:
    rows = database.ask(
        "SELECT units FROM leases WHERE id = ? AND worker_id = ? AND attempt = ? "
        "AND state = 'active'",
        failure.lease_id,
        failure.worker_id,
        failure.attempt,
    )
    return any(failure.unit in Spans.restore(units) for (units,) in rows)


@contextlib.contextmanager
def checked_failures(database: Database) -> Iterator[None]:
    """Inside, every group of failures is held against the rule of stale ones (L4)."""
    with mock.patch.object(live_results, "fail_many", partial(_fail_many, database)):
        yield
