"""`framefarm leases release`."""

from __future__ import annotations

from typing import Any

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.lease_choice import lease_options, named_leases
from framefarm.cli.printing import print_list
from framefarm.client.errors import FarmAnswerError
from framefarm.client.farm import Farm
from framefarm.client.worker_views import LeaseView

_GONE = 404


@declare("release", short_help="Take leases back from their workers.")
@click.argument("leases", metavar="[LEASE]...", nargs=-1)
@lease_options
@json_option
@url_option
def command(leases: tuple[str, ...], url: str | None, *, as_json: bool, **wanted: Any) -> None:
    """Take LEASEs back, named as `framefarm leases` lists them, or all of a job or a worker.

    Who is at them stops, and what is left is given out again at once: to who asks first, which may
    be the same worker unless it is disabled. It costs neither the worker nor the frames anything.
    """
    given = {name: value for name, value in wanted.items() if value is not None}
    if bool(leases) == bool(given):
        raise UsageFailure(
            "say which leases: either by name, or by --job, --worker, --owner and --pool"
        )
    with open_farm(url) as farm:
        there = list(farm.leases(**given))
        chosen = named_leases(there, leases) if leases else there
        released = [one for one in chosen if _release(farm, one)]
    print_list(released, _told, none="Nothing of that is given out.", as_json=as_json)


def _release(farm: Farm, lease: LeaseView) -> bool:
    """Take one back; False where it has ended meanwhile."""
    try:
        farm.release_lease(lease.id)
    except FarmAnswerError as error:
        if error.status != _GONE:
            raise
        return False
    return True


def _told(leases: Any) -> str:
    return "\n".join(
        f"{one.worker} ({one.slot}) gave back {one.kind} {one.units} of job {one.job}"
        for one in leases
    )
