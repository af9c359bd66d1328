"""What makes two renders the same: the file's content, the settings, and what it links."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from framefarm.client.submissions import RenderRequest
from framefarm.core.spans import Spans

if TYPE_CHECKING:
    from framefarm.blender.blendfile import BlendFile

_FORMAT = 1
"""To be raised when the same text no longer means the same frames."""


def fingerprint(blend_sha256: str, request: RenderRequest, linked: Iterable[Path]) -> str:
    """Name a render by all that its pixels depend on.

    Linked files count by path, size and time of change: hashing tens of gigabytes of textures
    would take longer than many a render.

    Args:
        blend_sha256: Content of the .blend.
        request: Every setting, as `spelled_out` gives it.
        linked: Files it links, those there are.

    Returns:
        64 hexadecimal digits.
    """
    parts = [_FORMAT, blend_sha256, msgspec.to_builtins(request), sorted(_marks(linked))]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def spelled_out(request: RenderRequest, blend: BlendFile) -> RenderRequest:
    """The same request in other words: what is left to the file is named where it comes to that.

    So a range that is the scene's own, or a movie that is made anyhow, is no other render. What
    Blender treats in another way once it is set (samples of view layers, cameras bound to markers)
    stays as it was asked for.
    """
    scene = blend.scene(request.scene)
    if scene is None:
        return request  # the manager will say so
    frames = Spans.parse(request.frames) if request.frames is not None else scene.frames
    movie = request.movie or ("mp4" if scene.movie is None else None)
    return msgspec.structs.replace(
        request,
        scene=scene.name,
        frames=str(frames),
        movie=movie,
        order=request.order or "sequential",
        strict=False,  # it is refused, or changes nothing
    )


def _marks(linked: Iterable[Path]) -> Iterable[tuple[str, int, int]]:
    for path in set(linked):
        try:
            status = path.stat()
        except OSError:
            continue
        yield str(path), status.st_size, status.st_mtime_ns
