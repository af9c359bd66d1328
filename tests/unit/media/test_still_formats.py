"""Telling pictures apart by their first bytes, finding channels, fitting sizes."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.media import formats
from framefarm.media.formats import ViewTransform
from framefarm.media.pictures import Channels, choose_channels
from framefarm.media.thumbnails import fitted
from framefarm.media.view import log_to_display, to_display


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x76\x2f\x31\x01", "OPEN_EXR"),
        (b"II*\x00", "TIFF"),
        (b"MM\x00*", "TIFF"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "WEBP"),
        (b"BM" + bytes(20), "BMP"),
        (b"#?RADIANCE\n", "HDR"),
        (b"XPDS", "DPX"),
        (b"\x80\x2a\x5f\xd7", "CINEON"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
        (b"\x01\xda\x01\x01", "IRIS"),
        (struct.pack("<BBB5x4xHHBB", 0, 0, 2, 64, 48, 24, 0), "TARGA"),
        (struct.pack("<BBB5x4xHHBB", 0, 0, 2, 0, 48, 24, 0), None),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_formats_are_known_by_their_first_bytes(head: bytes, name: str | None) -> None:
    assert formats.sniff(head) == name


@given(st.binary(max_size=64))
def test_no_bytes_upset_the_header_readers(head: bytes) -> None:
    found = formats.sniff(head)
    formats.jpeg2000_size(head)
    formats.declared_size_bytes("DPX", head)
    formats.declared_size_bytes("CINEON", head)

    assert found is None or found in formats.FILE_FORMATS


def test_every_format_has_a_family_that_is_itself_a_format() -> None:
    assert {formats.family(name) for name in formats.FILE_FORMATS} <= set(formats.FILE_FORMATS)
    assert formats.family("OPEN_EXR_MULTILAYER") == "OPEN_EXR"
    assert formats.family("TARGA_RAW") == "TARGA"


def test_an_undefined_length_in_a_header_counts_as_the_shortest_file() -> None:
    head = bytearray(b"SDPX" + bytes(2044))
    for size, declared in ((0, 2048), (0xFFFFFFFF, 2048), (9000, 9000)):
        head[16:20] = struct.pack(">I", size)
        assert formats.declared_size_bytes("DPX", bytes(head)) == declared
    assert formats.declared_size_bytes("PNG", bytes(head)) is None


@pytest.mark.parametrize(
    ("parts", "chosen"),
    [
        ([["R", "G", "B"]], Channels(0, (0, 1, 2), None)),
        ([["A", "B", "G", "R"]], Channels(0, (3, 2, 1), 0)),
        ([["Y"]], Channels(0, (0,), None)),
        ([["Y", "A"]], Channels(0, (0,), 1)),
        ([["V"]], Channels(0, (0,), None)),
        ([["A"]], Channels(0, (0,), None)),
        ([["I", "R", "G"]], Channels(0, (0, 1, 2), None)),
        ([["Z", "L.Combined.R", "L.Combined.G", "L.Combined.B"]], Channels(0, (1, 2, 3), None)),
        ([["N.R", "N.G", "N.B", "R", "G", "B", "A"]], Channels(0, (3, 4, 5), 6)),
        ([["Depth.Z"], ["V.Combined.R", "V.Combined.G", "V.Combined.B", "V.Combined.A"]],
         Channels(1, (0, 1, 2), 3)),
        ([["Diff.R", "Diff.G", "Diff.B"]], Channels(0, (0, 1, 2), None)),
    ],
)  # fmt: skip
def test_the_picture_is_found_among_the_channels(parts: list[list[str]], chosen: Channels) -> None:
    assert choose_channels(parts) == chosen


@given(st.integers(1, 65536), st.integers(1, 65536), st.integers(16, 4096))
def test_a_fitted_size_fits_and_is_never_larger(width: int, height: int, longest: int) -> None:
    small = fitted(width, height, longest)

    assert min(small) >= 1
    assert max(small) == min(longest, max(width, height))
    assert small[0] <= width
    assert small[1] <= height


@pytest.mark.parametrize("view", ViewTransform)
@pytest.mark.parametrize("deep", [False, True])
def test_the_view_never_darkens_as_light_grows(view: ViewTransform, *, deep: bool) -> None:
    light = np.linspace(-1, 20, 4000, dtype=np.float16)

    shown = to_display(light, view, deep=deep).astype(int)

    assert (np.diff(shown) >= 0).all()
    assert shown[0] == 0
    assert shown[-1] == (65535 if deep else 255)


def test_both_views_are_the_srgb_curve_up_to_the_knee() -> None:
    light = np.array([0.0, 0.0031, 0.18, 0.5, 0.79], np.float16)

    shown = [to_display(light, view, deep=False).tolist() for view in ViewTransform]

    assert shown[0] == shown[1] == [0, 10, 118, 188, 230]


def test_cineon_black_and_white_come_back() -> None:
    codes = np.array([0, round(95 / 1023 * 65535), round(685 / 1023 * 65535), 65535], np.uint16)

    assert log_to_display(codes, deep=False).tolist() == [0, 0, 255, 255]
