"""Proof that a unit was lent, for a manager that has forgotten the lease (L6).

A manager that was restored from a backup does not know the leases it gave since. What was made
under them is as good as ever, so each lease carries a seal, its worker shows it with the result,
and the manager can tell its own lease from an invented one without remembering it.

A seal is a keyed hash over the lease, its worker, attempt and units, followed by the units. The key
is the stage's own and lies in its row, so it is restored with it, and it says more than who gave
the lease: a stage that took the number of one that the backup lacks has another key, and a stage
whose units are made anew gets a new key, so that what was lent before then counts no more.

Only units that are made of no others are sealed. A segment of a movie may have been made of frames
that the restored farm does not have.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, bindparam, select

from framefarm.core.spans import Spans
from framefarm.core.states import JobState
from framefarm.db import tables as t

if TYPE_CHECKING:
    from framefarm.farm.late_finishes import Finish

MAC_DIGITS = 32
_STAGE = (
    select(t.stages.c.seal_key, t.stages.c.blender, t.stages.c.needs_position)
    .join(t.jobs, t.jobs.c.id == t.stages.c.job_id)
    .where(t.stages.c.id == bindparam("stage"), t.jobs.c.state != JobState.CANCELLED)
)


def new_key() -> str:
    """A key for a stage's seals."""
    return secrets.token_hex(32)


def seal(stage: Any, *, lease_id: str, worker_id: str, attempt: int, units: Spans) -> str:
    """What proves that units were lent.

    Args:
        stage: A row of `stages`, at least `seal_key`, `blender` and `needs_position`.

    Returns:
        A text for the worker to show with results; empty when there is none for such a stage.
    """
    if stage.needs_position is not None or not stage.seal_key:
        return ""
    text = str(units)
    return _mac(stage, lease_id, worker_id, attempt, text) + text


def was_sealed(connection: Connection, finish: Finish) -> bool:
    """Whether a finish shows the seal of a lease of its unit that counts still."""
    if not finish.seal:
        return False
    stage = connection.execute(_STAGE, {"stage": finish.stage_id}).one_or_none()
    if stage is None or stage.needs_position is not None or not stage.seal_key:
        return False
    shown, units = finish.seal[:MAC_DIGITS], finish.seal[MAC_DIGITS:]
    right = _mac(stage, finish.lease_id, finish.worker_id, finish.attempt, units)
    # Only then is it a text of ours, and its units can be read.
    genuine = hmac.compare_digest(shown.encode(), right.encode())
    return genuine and finish.unit in Spans.restore(units)


def _mac(stage: Any, lease_id: str, worker_id: str, attempt: int, units: str) -> str:
    # The Blender too: a restored manager may choose another one for a stage whose choice it forgot.
    sealed = msgspec.json.encode((lease_id, worker_id, attempt, units, stage.blender))
    # Keyed BLAKE2 is a MAC (RFC 7693). HMAC would give the thread's turn away for each lease.
    key = stage.seal_key.encode()
    return hashlib.blake2b(sealed, key=key, digest_size=MAC_DIGITS // 2).hexdigest()
