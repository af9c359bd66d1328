"""What makes two renders the same: the file's content, the settings, and what it links."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from framefarm.client.submissions import RenderRequest

_FORMAT = 1
"""To be raised when the same text no longer means the same frames."""


def fingerprint(blend_sha256: str, request: RenderRequest, linked: Iterable[Path]) -> str:
    """Name a render by all that its pixels depend on.

    Linked files count by path, size and time of change: hashing tens of gigabytes of textures
    would take longer than many a render.

    Args:
        blend_sha256: Content of the .blend.
        request: Every setting, as asked for.
        linked: Files it links, those there are.

    Returns:
        64 hexadecimal digits.
    """
    parts = [_FORMAT, blend_sha256, msgspec.to_builtins(request), sorted(_marks(linked))]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _marks(linked: Iterable[Path]) -> Iterable[tuple[str, int, int]]:
    for path in set(linked):
        try:
            status = path.stat()
        except OSError:
            continue
        yield str(path), status.st_size, status.st_mtime_ns
