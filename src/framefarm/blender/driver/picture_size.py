"""How large a picture Blender renders."""

from __future__ import annotations

import struct


def picture_size(
    resolution: tuple[int, int],
    percentage: int,
    border: tuple[float, float, float, float] | None = None,
) -> tuple[int, int]:
    """Size of a render in pixels.

    As `BKE_render_resolution` and `render_init_from_main` compute it: the percentage cuts to an
    integer; each edge of a border is a float32 product cut to an integer, so a cropped width is a
    difference of two roundings, not one rounded width.

    Args:
        resolution: As set in the scene.
        percentage: Scale of it.
        border: What the picture is cropped to, as fractions (x_min, x_max, y_min, y_max); None
            when it is not cropped.

    Returns:
        Width and height; 0 where the percentage leaves nothing.
    """
    width = resolution[0] * percentage // 100
    height = resolution[1] * percentage // 100
    if border is None:
        return width, height
    x_min, x_max, y_min, y_max = border
    return _edge(x_max, width) - _edge(x_min, width), _edge(y_max, height) - _edge(y_min, height)


def _edge(fraction: float, size: int) -> int:
    (product,) = struct.unpack("f", struct.pack("f", fraction * size))
    return int(product)
