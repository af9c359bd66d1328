"""Files, forms, zips and output templates that are wrong, each with what `run_task` answers."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import zstandard

from tests.integration.bad_zips import BAD, zipped

_CORPUS = Path(__file__).parents[2] / "fuzz" / "corpus" / "blend"
OWN_PATH = b"//render/shot_####"
"""What the scenes of tests/scenes write to."""

_FORM = "multipart/form-data; boundary=x"
_FILE = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.blend"\r\n\r\n%b\r\n'
_FIELD = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
_END = b"--x--\r\n"


class BadFile(NamedTuple):
    """One file that is not taken.

    Attributes:
        make: What is sent, made of a .blend that would be taken.
        kind: What it is said to be.
        told: What the answer says, so that whoever sent it knows what to do.
    """

    make: Callable[[bytes], bytes]
    code: str
    told: str
    kind: str = "application/octet-stream"
    query: str = ""
    status: int = 422


def _block(code: bytes, size: int) -> bytes:
    """A .blend of 64 bit whose first block says to be so long, with nothing behind its head."""
    return b"BLENDER-v405" + code + struct.pack("<iQii", size, 0, 0, 1)


def writes_to(path: bytes) -> Callable[[bytes], bytes]:
    """The same .blend with another output path."""

    def make(blend: bytes) -> bytes:
        assert blend.count(OWN_PATH) == 1
        longest = max(len(path), len(OWN_PATH))
        return blend.replace(OWN_PATH + bytes(longest - len(OWN_PATH)), path.ljust(longest, b"\0"))

    return make


def _form(*parts: bytes) -> Callable[[bytes], bytes]:
    return lambda _: b"".join(parts)


def _fuzzed(name: str, code: str, told: str) -> BadFile:
    """What fuzzing found; each was answered 500."""
    return BadFile(lambda _: (_CORPUS / name).read_bytes(), code, told)


BLENDS = {
    "nothing": BadFile(lambda _: b"", "blend_not_a_blend", "is empty"),
    "a text": BadFile(lambda _: b"a shot, please", "blend_not_a_blend", "is not a .blend"),
    "a picture": BadFile(lambda _: b"\x89PNG\r\n\x1a\n", "blend_not_a_blend", "is not a .blend"),
    "only the first word": BadFile(lambda _: b"BLENDER", "blend_damaged", "save it again"),
    "cut off": BadFile(lambda b: b[: len(b) // 2], "blend_truncated", "end"),
    "cut off by little": BadFile(lambda b: b[:-10], "blend_truncated", "end"),
    "no version": BadFile(lambda b: b[:9] + b"xxx" + b[12:], "blend_damaged", "scene.blend"),
    "zeros within": BadFile(
        lambda b: b[:40] + bytes(len(b) - 40), "blend_truncated", "save it again"
    ),
    "a block of less than nothing": BadFile(
        lambda _: _block(b"SC\0\0", -1), "blend_damaged", "scene.blend"
    ),
    "a block beyond the end": BadFile(
        lambda _: _block(b"SC\0\0", 0x7FFF_FFFF), "blend_truncated", "scene.blend"
    ),
    "packed, of nothing": BadFile(lambda _: gzip.compress(b""), "blend_not_a_blend", ""),
    "packed, of a text": BadFile(
        lambda _: zstandard.compress(b"a shot"), "blend_not_a_blend", "no .blend is in it"
    ),
    "packed, cut off": BadFile(
        lambda b: gzip.compress(b)[:-2_000], "blend_truncated", "scene.blend"
    ),
    "packed, damaged": BadFile(
        lambda b: (z := zstandard.compress(b))[:2_000] + bytes(2_000) + z[4_000:],
        "blend_damaged",
        "scene.blend",
    ),
    "with words for numbers": _fuzzed(
        "frames-that-are-no-numbers", "blend_damaged", "save it again"
    ),
    "for a format of others": _fuzzed("format-that-is-not-known", "bad_format", "such as PNG"),
    "for pictures beyond all": _fuzzed(
        "border-beyond-all-numbers", "bad_picture_size", "Set its resolution"
    ),
    "for another scene": BadFile(
        lambda b: b, "unknown_scene", "it has: Scene", query="scene=Nowhere"
    ),
    "with a wish misspelt": BadFile(lambda b: b, "bad_query", "frames?", query="framse=1"),
    "named as a file of a zip": BadFile(lambda b: b, "which_blend", "no .zip", query="blend=a"),
}

TEMPLATES = {
    "a name for no disk": BadFile(writes_to(b"//" + b"x" * 600), "bad_output_path", "Shorten"),
    "a number for no disk": BadFile(writes_to(b"//" + b"#" * 300), "bad_output_path", "240 bytes"),
    "letters of two bytes": BadFile(
        writes_to(b"//" + "\u00e9".encode() * 150), "bad_output_path", "output path in Blender"
    ),
}

FORMS = {
    "no boundary": BadFile(
        _form(_FILE, _END), "bad_form", "names no boundary", "multipart/form-data"
    ),
    "no end": BadFile(_form(_FILE % b"BLENDER"), "bad_form", "last boundary", _FORM),
    "no file": BadFile(_form(_END), "bad_form", "must have one file", _FORM),
    "two files": BadFile(_form(_FILE, _FILE, _END), "bad_form", "has 2", _FORM),
    "a field twice": BadFile(
        _form(_FILE, _FIELD % (b"frames", b"1"), _FIELD % (b"frames", b"2"), _END),
        "bad_form",
        "'frames' twice",
        _FORM,
    ),
    "a field like a book": BadFile(
        _form(_FILE, _FIELD % (b"name", b"n" * 70_000), _END), "bad_form", "65,536", _FORM
    ),
    "a hundred fields": BadFile(
        _form(*(_FIELD % (b"f%d" % n, b"") for n in range(100)), _END),
        "bad_form",
        "too many",
        _FORM,
    ),
    "a field misspelt": BadFile(
        _form(_FILE, _FIELD % (b"framse", b"1"), _END), "invalid_request", "form.framse", _FORM
    ),
    "a field that is no text": BadFile(
        _form(_FILE, _FIELD % (b"name", b"a\0b"), _END), "invalid_request", "U+0000", _FORM
    ),
    "no form": BadFile(_form(b"BLENDER"), "bad_form", "cannot be read", _FORM),
}

ZIPS = {
    "of nothing": BadFile(lambda _: zipped(), "which_blend", "has no .blend"),
    "of pictures": BadFile(lambda _: zipped(("a.png", b"x")), "which_blend", "has no .blend"),
    "of two": BadFile(
        lambda b: zipped(("a.blend", b), ("b.blend", b)), "which_blend", "say by `blend` which"
    ),
    "without the one that is named": BadFile(
        lambda b: zipped(("a.blend", b)),
        "which_blend",
        "its .blend files: 'a.blend'",
        query="blend=c",
    ),
    "of a damaged one": BadFile(
        lambda b: zipped(("film/a.blend", b[:5_000])), "blend_truncated", "film/a.blend: "
    ),
}


def _zip(make: Callable[[], bytes], code: str, told: str) -> BadFile:
    status = 413 if code == "zip_too_large" else 422
    return BadFile(lambda _: make(), code, told, status=status)


FILES: dict[str, BadFile] = {
    **{f"blend: {what}": row for what, row in BLENDS.items()},
    **{f"output template: {what}": row for what, row in TEMPLATES.items()},
    **{f"form: {what}": row for what, row in FORMS.items()},
    **{f"zip: {what}": row for what, row in ZIPS.items()},
    **{f"zip: {what}": _zip(*row) for what, row in BAD.items()},
}
