"""What a frame's files are called, and what of its log is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.agent.executors.frames import FrameFiles, log_bytes
from framefarm.agent.journal import open_journal
from framefarm.blender.warm import RenderedFrame, WrittenFile
from framefarm.core.naming import safe_path
from framefarm.protocol import ResultFile, ResultManifest, decode_manifest, encode_manifest
from framefarm.protocol.limits import MAX_LOG_BYTES


def rendered(*, files: tuple[str, ...] = ("a_0001.png",), others: tuple[str, ...] = ()):
    return RenderedFrame(
        frame=1,
        files=tuple(WrittenFile(f"/w/{name}", name) for name in files),
        others=tuple(WrittenFile(f"/w/{name}", name) for name in others),
        seconds=1.0,
        phases={},
        peak_memory_bytes=0,
        device="CPU",
        width=1,
        height=1,
        file_format="PNG",
        samples=1,
        log_text="",
    )


def named(**files: tuple[str, ...]) -> list[tuple[str, str]]:
    made = FrameFiles.of(rendered(**files), Path("/w"), open_journal("error"))
    return [(file.name, file.role) for file in made.images + made.layers]


def test_picture_keeps_blenders_name_and_layers_their_folders():
    assert named(files=("shot_0001.png",), others=("passes/depth0001.exr",)) == [
        ("shot_0001.png", "image"),
        ("passes/depth0001.exr", "layer"),
    ]


def test_names_that_differ_in_case_only_are_told_apart():
    assert named(files=("a.png",), others=("A.png", "a.PNG")) == [
        ("a.png", "image"),
        ("A-2.png", "layer"),
        ("a-3.PNG", "layer"),
    ]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\temp\\a.png", "C_/temp/a.png"),
        ("a//./b.png", "a/b.png"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\nb\x00c.png", "a_b_c.png"),
        ("Ansicht für Übung.png", "Ansicht für Übung.png"),
    ],
)
def test_unsafe_parts_of_a_name_are_taken_out(name: str, safe: str):
    assert safe_path(name) == safe


@given(st.text(max_size=600))
def test_every_name_is_one_that_the_manifest_takes(name: str):
    file = ResultFile(safe_path(name), "layer", "0" * 64, 1)
    manifest = ResultManifest(stage=1, attempt=1, files=(file,))

    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_long_log_keeps_its_end_and_whole_characters():
    text = "ä" * MAX_LOG_BYTES + "end"

    kept = log_bytes(text)

    assert len(kept) <= MAX_LOG_BYTES
    assert kept.decode().endswith("äend")


def test_short_log_is_kept_whole():
    assert log_bytes("Saved\n") == b"Saved\n"
