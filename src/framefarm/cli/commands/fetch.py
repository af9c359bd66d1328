"""`framefarm fetch`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from framefarm.cli.farm_options import job_argument, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option


@declare("fetch", short_help="Bring a job's frames and movie here.")
@job_argument
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@option(
    "--parallel",
    type=click.IntRange(1, 8),
    default=4,
    metavar="N",
    help="Downloads at the same time. Default: 4.",
)
@url_option
def command(job: int, folder: Path, parallel: int, url: str | None) -> None:
    """Bring a job's frames and movie into DIR.

    Files that are there already are left alone, broken downloads are continued, and every file is
    checked. It may be repeated while the job runs: each time it brings what is new.
    """
    from framefarm.cli.display import words  # noqa: PLC0415  --help needs none of this
    from framefarm.client.fetching import FetchedFile, fetch_files  # noqa: PLC0415

    counts = {"fetched": 0, "kept": 0}
    size_bytes = 0
    shown = sys.stderr.isatty()

    def tell(fetched: FetchedFile) -> None:
        nonlocal size_bytes
        counts[fetched.outcome] += 1
        size_bytes += fetched.file.size_bytes if fetched.outcome == "fetched" else 0
        if shown:
            click.echo(
                f"\r{counts['fetched']:,} files, {words.size(size_bytes)} ", nl=False, err=True
            )

    with open_farm(url) as farm:
        view = farm.job(job)
        fetch_files(farm, farm.files(job), folder, parallel=parallel, tell=tell)
    if shown and counts["fetched"] + counts["kept"]:
        click.echo("\r\x1b[K", nl=False, err=True)
    click.echo(
        f"{words.plural(counts['fetched'], 'file')} ({words.size(size_bytes)}) fetched into "
        f"{words.place(folder)}, {counts['kept']:,} were there"
    )
    if not view.finished:
        click.echo(f"job {job} is still {view.state}; fetch again for the rest")
