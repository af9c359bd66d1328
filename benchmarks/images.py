"""Pictures of a wished-for file size."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813  the name its own documentation uses


def noise_png(size_bytes: int, *, seed: int) -> bytes:
    """A PNG of about that many bytes: 8-bit RGB noise, which does not compress."""
    side = max(4, round((size_bytes / 3) ** 0.5))
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.png"
        output = oiio.ImageOutput.create(str(path))
        output.open(str(path), oiio.ImageSpec(side, side, 3, "uint8"))
        output.write_image(pixels)
        output.close()
        return path.read_bytes()
