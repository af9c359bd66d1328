"""`framefarm leases`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.printing import print_list
from framefarm.cli.tables import table, text_width
from framefarm.client.worker_views import LeaseView

_HEADS = ("JOB", "KIND", "UNITS", "WORKER", "SLOT", "ATTEMPT", "SINCE")


@declare("leases", short_help="List who is at what.")
@option("--job", type=click.IntRange(1), metavar="JOB", help="Only of this job.")
@option("--worker", metavar="WORKER", help="Only of this worker.")
@option("--owner", metavar="NAME", help="Only of the jobs of this person.")
@option(
    "--pool",
    type=click.Choice(["own", "friends", "public"]),
    metavar="POOL",
    help="Only of workers in own, friends or public.",
)
@json_option
@url_option
def command(job: int | None, url: str | None, *, as_json: bool, **wanted: str | None) -> None:
    """List what is given out at this moment: which slot is at which frames, and since when."""
    with open_farm(url) as farm:
        found = list(farm.leases(job=job, **wanted))
    print_list(found, _listed, none="Nothing is given out.", as_json=as_json)


def _listed(leases: Sequence[LeaseView]) -> str:
    return table(_HEADS, [_row(one) for one in leases], flexible=2, width=text_width())


def _row(lease: LeaseView) -> tuple[str, ...]:
    again = " (second)" if lease.tail else ""
    return (
        str(lease.job),
        f"{lease.kind}{again}",
        lease.units,
        lease.worker,
        lease.slot,
        str(lease.attempt),
        lease.leased_at[:19].replace("T", " "),
    )
