"""`framefarm events`."""

from __future__ import annotations

import click

from framefarm.cli.farm_options import JobNumber, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option

_KINDS = ("job", "unit", "worker", "session", "shot")


@declare("events", short_help="Follow all that happens on the farm.")
@option("--job", "jobs", type=JobNumber(), multiple=True, metavar="JOB", help="Of this job.")
@option(
    "--worker", "workers", multiple=True, metavar="WORKER", help="Of this worker and its units."
)
@option(
    "--kind",
    "kinds",
    type=click.Choice(_KINDS),
    multiple=True,
    metavar="KIND",
    help=f"Only these: {', '.join(_KINDS)}.",
)
@option("--project", metavar="NAME", help="Of jobs and shots of this project.")
@option("--sequence", metavar="NAME", help="Of those of this sequence.")
@option("--shot", metavar="NAME", help="Of those of the shot of this name.")
@option("--json", "json_lines", is_flag=True, help="Print one JSON object per event.")
@url_option
def command(
    jobs: tuple[int, ...],
    workers: tuple[str, ...],
    kinds: tuple[str, ...],
    url: str | None,
    *,
    json_lines: bool,
    **place: str | None,
) -> int:
    """Follow all that happens on the farm, from now on, until Ctrl-C.

    Options may be given more than once; an event has to match each kind of option that is given.
    """
    from framefarm.cli.happenings import line_of, object_of  # noqa: PLC0415  --help needs none

    told = object_of if json_lines else line_of
    with open_farm(url) as farm:
        # What follows waits for a manager that went away; one that is not there is told at once.
        farm.health()
        for job in jobs:
            farm.job(job)  # of one that is not there nothing would ever come
        for happening in farm.happenings(jobs=jobs, workers=workers, kinds=kinds, **place):
            click.echo(told(happening))
    return 0
