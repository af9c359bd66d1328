"""Whether each encoder here really encodes a few frames."""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from framefarm.cli.doctor.findings import Finding, fault, good
from framefarm.core.errors import FrameFarmError
from framefarm.media.encoders import Encoder, available_encoders
from framefarm.media.movies import encode_segment
from framefarm.media.settings import MovieSettings

_NEEDED = frozenset({"h264", "vp9"})
"""What movies are made with unless a scene asks for something else."""

_WIDTH, _HEIGHT = 256, 144
"""As small as DNxHR takes."""

_FRAMES = 3
_MEND = "python -m pip install --force-reinstall av"


def check_encoders() -> Iterator[Finding]:
    """Encode three small frames with every encoder.

    Yields:
        One finding for all that work, and one for each that does not.
    """
    with tempfile.TemporaryDirectory(prefix="framefarm-doctor-") as folder:
        frames = list(_frames(Path(folder)))
        working: list[str] = []
        for encoder in available_encoders():
            reason = _try(encoder, frames, Path(folder))
            if not reason:
                working.append(encoder.codec)
            elif encoder.codec in _NEEDED:
                yield fault(f"encoder {encoder.codec}", reason, _MEND)
            else:
                yield good(f"encoder {encoder.codec}", f"cannot be used here: {reason}")
    yield good("encoders", f"{', '.join(working) or 'none'} encode")


def _try(encoder: Encoder, frames: list[Path], folder: Path) -> str:
    """Why an encoder does not work, empty when it does."""
    if not encoder.available:
        return f"FFmpeg was built without {encoder.encoder}"
    settings = MovieSettings(encoder.containers[0], encoder.codec, Fraction(24))
    out = folder / f"{encoder.codec}{settings.suffix}"
    try:
        facts = encode_segment(frames, settings, out, threads=2)
    except FrameFarmError as error:
        return str(error)
    return "" if facts.frames == len(frames) else f"it wrote {facts.frames} of {len(frames)} frames"


def _frames(folder: Path) -> Iterator[Path]:
    for number in range(_FRAMES):
        path = folder / f"{number}.png"
        path.write_bytes(_png(40 + 80 * number))
        yield path


def _png(grey: int) -> bytes:
    """A grey square as PNG (ISO/IEC 15948), 8-bit RGB."""
    row = b"\0" + bytes((grey, grey, grey)) * _WIDTH
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * _HEIGHT)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
