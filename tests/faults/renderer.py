"""The stand-in renderer: a process of its own, which takes its time and draws a picture of noise.

    python -I -S renderer.py ORDER

ORDER is JSON: `record`, `out`, `seconds`, `image_bytes`, and `unit`, whatever describes the unit.
It notes its start and its end in the record, one line each, in a single write. It imports the
standard library only, so that starting it costs 20 ms, and ends when whoever started it is gone.
"""

from __future__ import annotations

import json
import os
import random
import select
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Any

_ASPECT = 16 / 9
_BYTES_PER_PIXEL = 3


def picture(seed: str, image_bytes: int) -> bytes:
    """A PNG of about so many bytes; equal seeds give equal pictures."""
    pixels = max(1, image_bytes // _BYTES_PER_PIXEL)
    width = max(1, round((pixels * _ASPECT) ** 0.5))
    height = max(1, round(pixels / width))
    row = width * _BYTES_PER_PIXEL
    noise = random.Random(seed).randbytes(row * height)
    rows = b"".join(b"\0" + noise[row * y : row * (y + 1)] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(rows, 0)
    chunks = ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def seed_of(job: int, unit: int) -> str:
    """What a unit's picture is made from: no two units share one."""
    return f"job {job} unit {unit}"


def note(record: Path, event: str, unit: dict[str, Any]) -> None:
    """Add one line to the record. Appending a short line is one indivisible write."""
    line = json.dumps({"event": event, "at": time.time(), "pid": os.getpid(), **unit}) + "\n"
    descriptor = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def main() -> int:
    """Render one unit; 1 when the worker went meanwhile."""
    order = json.loads(sys.argv[1])
    record = Path(order["record"])
    note(record, "start", order["unit"])
    # The worker holds the other end of standard input: it becomes readable when that is closed.
    gone, _, _ = select.select([sys.stdin], [], [], order["seconds"])
    if gone:
        return 1
    seed = seed_of(order["unit"]["job"], order["unit"]["unit"])
    Path(order["out"]).write_bytes(picture(seed, order["image_bytes"]))
    note(record, "end", order["unit"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
