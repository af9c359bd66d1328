"""Giving a manager the files of a job, and telling what was sent."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from framefarm.cli.display.words import plural, size
from framefarm.cli.farm_options import is_here

if TYPE_CHECKING:
    from framefarm.cli.embedded.reading import ReadBlend
    from framefarm.client.farm import Farm
    from framefarm.client.handing_in import HandedIn
    from framefarm.client.submissions import BlendRef


def hand_over(farm: Farm, read: ReadBlend, *, tell: bool) -> BlendRef:
    """Give the manager a file, and all files that it links, unless it has them.

    Args:
        tell: Whether to say what was sent.

    Returns:
        By what the manager knows it.

    Raises:
        FrameFarmError: A file cannot be read, or have its name on other machines, or is refused.
    """
    from framefarm.client.handing_in import hand_in_blend  # noqa: PLC0415  not for --help

    here = is_here(farm.url)
    done = hand_in_blend(farm, read.path, read.blend, sha256=read.sha256, here=here, warn=_warn)
    if tell and not here:
        click.echo(_told(done), err=True)
    return done.ref


def hand_over_zip(farm: Farm, path: Path, *, wanted: str, strict: bool, tell: bool) -> BlendRef:
    """Give the manager all that is in a .zip, unless it has it.

    Args:
        wanted: Which .blend of it to render; empty for the only one.
        strict: Refuse it when the .blend links what is not in it.
        tell: Whether to say what was sent.

    Returns:
        By what the manager knows it.

    Raises:
        MissingFilesError: `strict`, and something is missing.
        FrameFarmError: It cannot be unpacked, is too large, or is refused.
    """
    from framefarm.blender.zipped import open_zipped  # noqa: PLC0415  not for --help
    from framefarm.cli.embedded.reading import check_missing  # noqa: PLC0415
    from framefarm.client.handing_in import hand_in_zip  # noqa: PLC0415

    here = is_here(farm.url)
    with tempfile.TemporaryDirectory(prefix="framefarm-") as name:
        zipped = open_zipped(path, Path(name), wanted=wanted)
        if strict:
            check_missing(path, zipped.missing)
        done = hand_in_zip(farm, zipped, Path(name), here=here, warn=_warn)
    if tell and not here:
        click.echo(_told(done), err=True)
    return done.ref


def _warn(warning: str) -> None:
    click.echo(f"framefarm: warning: {warning}", err=True)


def _told(done: HandedIn) -> str:
    """A sentence on what was sent, of what was to be."""
    what = "the file's" if done.ref.tree is None else f"{plural(done.files, 'file')} of"
    if not done.sent_bytes:
        return f"The farm had all of {what} {size(done.whole_bytes)}."
    return f"Sent {size(done.sent_bytes)} for {what} {size(done.whole_bytes)}."
