"""What slots are given for what they claimed: leases, with all that their workers must be told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from framefarm.farm.blame import asked_of
from framefarm.farm.catalog import Catalog, StageFacts
from framefarm.farm.claim_requests import ClaimedLease, ClaimRequest
from framefarm.farm.claims import claim_many
from framefarm.farm.inputs import inputs_of_units
from framefarm.farm.limits import Limited
from framefarm.farm.quarantine import begin_trial
from framefarm.farm.requeue import release
from framefarm.farm.tails import TailRequest, lease_tails
from framefarm.protocol.messages import InputFile


class Grant(msgspec.Struct, frozen=True):
    """A lease with what its worker must be told."""

    lease: ClaimedLease
    stage: StageFacts
    inputs: tuple[InputFile, ...] = ()


class Grants:
    """Answers groups of claims, in the writer's transaction.

    Args:
        catalog: The stages' settings.
        limited: Is told what limits keep back.
    """

    def __init__(self, catalog: Catalog, limited: Limited) -> None:
        self._catalog = catalog
        self._limited = limited

    def of_claims(
        self, connection: Connection, requests: Sequence[ClaimRequest]
    ) -> list[Grant | None]:
        """A lease for each request, None where nothing that the slot may run is pending."""
        claimed = claim_many(connection, requests, self._limited)
        allowed = [
            self._on_trial(connection, *pair) for pair in zip(requests, claimed, strict=True)
        ]
        return self._grants(connection, allowed)

    def _on_trial(
        self, connection: Connection, request: ClaimRequest, lease: ClaimedLease | None
    ) -> ClaimedLease | None:
        """Make a lease of what its worker is on probation for its trial; it gets but one (L9)."""
        if lease is None or not request.probation:
            return lease
        asked = asked_of(connection, lease.stage_id)
        what = (asked.kind, asked.blender)
        if what not in request.probation:
            return lease
        if begin_trial(connection, request.worker_id, what, lease.lease_id):
            return lease
        release(connection, self._catalog, request.worker_id, lease.lease_id)
        return None

    def of_tails(
        self, connection: Connection, requests: Sequence[TailRequest]
    ) -> list[Grant | None]:
        """A second lease for each request, None where none would pay (L11)."""
        return self._grants(connection, lease_tails(connection, requests, self._limited))

    def _grants(
        self, connection: Connection, claimed: Sequence[ClaimedLease | None]
    ) -> list[Grant | None]:
        return [self._grant(connection, lease) if lease else None for lease in claimed]

    def _grant(self, connection: Connection, lease: ClaimedLease) -> Grant:
        stage = self._catalog.stage(connection, lease.stage_id)
        assert stage is not None
        inputs = inputs_of_units(connection, self._catalog, stage, lease.units)
        return Grant(lease, stage, inputs)
