"""`framefarm leases`: the list, and the list of its commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from framefarm.cli.display.sheets import local
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup, goes_on
from framefarm.cli.lease_choice import SHOWN, lease_options
from framefarm.cli.printing import print_list
from framefarm.cli.tables import table, text_width
from framefarm.client.worker_views import LeaseView

PLACES = {
    "release": CommandPlace(
        "framefarm.cli.commands.leases.release", "Take leases back from their workers.", "Leases"
    ),
}
_HEADS = ("LEASE", "JOB", "KIND", "UNITS", "WORKER", "SLOT", "ATTEMPT", "SINCE")


@click.group(
    "leases",
    cls=LazyGroup,
    places=PLACES,
    short_help="List who is at what, and take it back.",
    context_settings=CONTEXT,
    invoke_without_command=True,
)
@lease_options
@json_option
@url_option
@click.pass_context
def command(context: click.Context, /, url: str | None, *, as_json: bool, **wanted: Any) -> None:
    """List what is given out at this moment: which slot is at which frames, and since when."""
    if goes_on(context, url, as_json, *wanted.values()):
        return
    with open_farm(url) as farm:
        found = list(farm.leases(**wanted))
    given = any(value is not None for value in wanted.values())
    none = "Nothing of that is given out." if given else "Nothing is given out."
    print_list(found, _listed, none=none, as_json=as_json)


def _listed(leases: Sequence[LeaseView]) -> str:
    return table(_HEADS, [_row(one) for one in leases], flexible=3, width=text_width())


def _row(lease: LeaseView) -> tuple[str, ...]:
    again = " (second)" if lease.tail else ""
    return (
        lease.id[-SHOWN:],
        str(lease.job),
        f"{lease.kind}{again}",
        lease.units,
        lease.worker,
        lease.slot,
        str(lease.attempt),
        local(lease.leased_at, seconds=True),
    )
