"""Giving a manager the .blend of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from framefarm.cli.display.words import size
from framefarm.cli.farm_options import is_here

if TYPE_CHECKING:
    from framefarm.cli.embedded.reading import ReadBlend
    from framefarm.client.farm import Farm


def hand_over(farm: Farm, read: ReadBlend, *, tell: bool) -> str:
    """Give the manager a file, unless it has it.

    To a manager on another machine only what it lacks is sent, and of a compressed file what is in
    it: after a small change most of that is the same, which cannot be said of the file.

    Args:
        tell: Whether to say what was sent.

    Returns:
        The SHA-256 by which the manager knows it.
    """
    from framefarm.blender.unpacking import open_unpacked  # noqa: PLC0415  not for --help

    if is_here(farm.url) or farm.has_blob(read.sha256):
        return farm.upload_blob(read.path, sha256=read.sha256)
    sent: list[int] = []
    unpacked = open_unpacked(read.path)
    with unpacked.stream as stream:
        sha256 = farm.upload_in_chunks(stream, unpacked.size_bytes, count=sent.append)
    if tell:
        click.echo(_told(sum(sent), unpacked.size_bytes), err=True)
    return sha256


def _told(sent: int, whole: int) -> str:
    if not sent:
        return f"The farm had all of the file's {size(whole)}."
    return f"Sent {size(sent)} for the file's {size(whole)}."
