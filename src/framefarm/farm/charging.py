"""Taking results, and charging workers that had failed them (L9)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from framefarm.core.blame import BlameLimits
from framefarm.farm.catalog import Catalog
from framefarm.farm.finishes import Settlement, finish_many
from framefarm.farm.late_finishes import Finish
from framefarm.farm.quarantine import Charges, end_by_success


def finish_and_charge(
    connection: Connection, catalog: Catalog, finishes: Sequence[Finish], limits: BlameLimits
) -> list[Settlement]:
    """Settle finishes as `finish_many` does, and draw from them what they say of other workers."""
    settled = finish_many(connection, catalog, finishes)
    accepted = [
        finish
        for finish, one in zip(finishes, settled, strict=True)
        if one.answer.startswith("accepted")
    ]
    news = settled[0].news
    if news is not None and accepted:
        Charges(connection, limits, news).charge_others(accepted)
        end_by_success(connection, {finish.lease_id for finish in accepted}, news)
    return settled
