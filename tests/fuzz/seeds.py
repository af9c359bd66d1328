"""What fuzzing begins with: small files that are taken, in every shape that there is."""

from __future__ import annotations

import gzip

import zstandard

from tests.fuzz.small_blend import small_blend
from tests.integration.bad_zips import entry, zipped

_FORM = (
    b'--x\r\nContent-Disposition: form-data; name="frames"\r\n\r\n1-48\r\n'
    b'--x\r\nContent-Disposition: form-data; name="blend"; filename="shot.blend"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\nBLENDER-v405\r\n--x--\r\n"
)


def seeds() -> dict[str, dict[str, bytes]]:
    """For each target its first inputs, by name."""
    new, old, oldest = (small_blend(shape) for shape in ("5.0", "4.5", "2.8, 32 bit"))
    return {
        "blend": {
            "of-5.0": new,
            "of-4.5": old,
            "of-2.8": oldest,
            "gzip": gzip.compress(oldest, mtime=0),
            "zstd": zstandard.compress(new),
            "zstd-of-two-frames": zstandard.compress(old[:900]) + zstandard.compress(old[900:]),
        },
        "zip": {
            "of-one": zipped(("shot.blend", b"BLENDER")),
            "of-a-project": zipped(
                ("film/", b""), ("film/shot.blend", b"BLENDER"), (entry("film/a.png"), b"x" * 99)
            ),
            "with-a-comment": zipped(("a.blend", b"BLENDER"), comment=b"of a film"),
        },
        "form": {"of-a-blend": _FORM, "of-a-blend-only": _FORM[_FORM.index(b"--x", 3) :]},
    }
