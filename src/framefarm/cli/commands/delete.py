"""`framefarm delete`."""

from __future__ import annotations

import sys
from typing import Any

import click

from framefarm.cli.farm_options import json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.job_choice import ChosenJobs, chosen_jobs, jobs_argument
from framefarm.cli.printing import json_text
from framefarm.cli.steered import tell_many
from framefarm.client.farm import Farm


@declare("delete", short_help="Forget a job.")
@jobs_argument
@option("--outputs", is_flag=True, help="Also remove its files from the manager's outputs.")
@option("--yes", is_flag=True, help="Do not ask.")
@json_option
@url_option
def command(url: str | None, *, outputs: bool, yes: bool, as_json: bool, **chosen: Any) -> int:
    """Forget JOBs: what is being rendered of them stops, and nothing of them is listed any more.

    Their files in the manager's outputs folder stay, unless --outputs.
    """
    jobs = chosen_jobs(chosen)
    with open_farm(url) as farm:
        if not yes:
            _confirm(farm, jobs, outputs=outputs)
        if jobs.only is None:
            deleted = farm.steer_jobs("delete", jobs.wanted, outputs=outputs)
            return tell_many(deleted, as_json=as_json)
        farm.delete(jobs.only, outputs=outputs)
    if as_json:
        click.echo(json_text({"id": jobs.only, "deleted": True, "outputs_deleted": outputs}))
    else:
        click.echo(f"job {jobs.only} is deleted")
    return 0


def _confirm(farm: Farm, jobs: ChosenJobs, *, outputs: bool) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("say --yes where nobody can be asked")
    what = _named(farm, jobs) if jobs.only is not None else _counted(farm, jobs)
    files = "and its files " if jobs.only is not None else "and their files "
    click.confirm(f"Delete {what} {files if outputs else ''}for good?", abort=True)


def _named(farm: Farm, jobs: ChosenJobs) -> str:
    job = farm.job(jobs.numbers[0])
    return f"job {job.id} ({job.name})"


def _counted(farm: Farm, jobs: ChosenJobs) -> str:
    meant = len(jobs.numbers) or sum(1 for _ in farm.jobs(jobs.where))
    return f"{meant:,} jobs"
