"""What a result's first line may say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framefarm.protocol import (
    ManifestError,
    ResultFile,
    ResultManifest,
    decode_manifest,
    encode_manifest,
)
from framefarm.protocol.limits import MAX_FILES_PER_UNIT, MAX_MANIFEST_BYTES
from framefarm.protocol.messages import UnitFacts

SHA = "0123456789abcdef" * 4

NAME = st.lists(
    st.text(st.sampled_from("abcXYZ059 -_.äß日#"), min_size=1, max_size=8).filter(
        lambda part: part not in {".", ".."}
    ),
    min_size=1,
    max_size=3,
).map("/".join)


def manifest(*files: dict[str, object], **changes: object) -> bytes:
    return json.dumps({"stage": 1, "attempt": 1, "files": list(files), **changes}).encode()


def file(**changes: object) -> dict[str, object]:
    return {"name": "a.png", "role": "image", "sha256": SHA, "size_bytes": 3, **changes}


@given(st.lists(NAME, max_size=5), st.integers(0, 1 << 50), st.floats(0, 1e6))
def test_a_manifest_survives_its_encoding(names: list[str], size: int, seconds: float):
    apart = {f"{number}-{name}" for number, name in enumerate(names)}
    files = tuple(ResultFile(name, "layer", SHA, size) for name in sorted(apart))
    sent = ResultManifest(3, 2, files, UnitFacts(seconds=seconds))

    line = encode_manifest(sent)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_manifest(line) == sent


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../up.png",
        "a/../../up.png",
        "a//b.png",
        "a/",
        "a/.",
        "C:/windows",
        "a\\b.png",
        "a:stream",
        "a\0.png",
        "a\n.png",
        "a\u202egnp.png",
        "a\u2028b",
        "a" * 401,
        "\ufeff.png",
    ],
)
def test_a_name_that_is_no_plain_relative_path_is_refused(name: str):
    with pytest.raises(ManifestError, match="not a plain relative path"):
        decode_manifest(manifest(file(name=name)))


@pytest.mark.parametrize("name", ["a.png", "a b.png", "depth/0001.exr", "ä/日本.png", ".hidden"])
def test_a_plain_relative_path_is_taken(name: str):
    assert decode_manifest(manifest(file(name=name))).files[0].name == name


@pytest.mark.parametrize(
    "names", [("a.png", "a.png"), ("a.png", "A.PNG"), ("x/straße", "x/STRASSE")]
)
def test_two_files_cannot_have_one_name(names: tuple[str, str]):
    with pytest.raises(ManifestError, match="the same name"):
        decode_manifest(manifest(*(file(name=name) for name in names)))


@pytest.mark.parametrize("names", [("a", "a/b"), ("x/y/z/w", "X/Y"), ("a/b", "A")])
def test_a_file_cannot_be_a_folder_too(names: tuple[str, str]):
    with pytest.raises(ManifestError, match="files below it"):
        decode_manifest(manifest(*(file(name=name) for name in names)))


@pytest.mark.parametrize("sha", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, SHA[:-1] + "\n"])
def test_a_hash_that_is_none_is_refused(sha: str):
    with pytest.raises(ManifestError, match="not a SHA-256"):
        decode_manifest(manifest(file(sha256=sha)))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b'{"stage":1,"attempt":1,"files":[],"facts":{"device":"\xff"}}',
        manifest(stage=-1),
        manifest(stage=1 << 60),
        manifest(stage="1"),
        manifest(attempt=0),
        manifest(files=None),
        manifest(file(size_bytes=-1)),
        manifest(file(size_bytes=1 << 60)),
        manifest(file(size_bytes=1.5)),
        manifest(file(role="virus")),
        manifest(facts={"seconds": -1.0}),
        manifest(facts={"peak_memory_bytes": 10**30}),
        b'{"stage":' * 20_000,
    ],
    ids=lambda line: repr(line[:50]),
)
def test_what_is_no_manifest_is_refused(line: bytes):
    with pytest.raises(ManifestError, match="could not be read"):
        decode_manifest(line)


def test_l14_too_many_files_are_refused():
    files = [file(name=str(number)) for number in range(MAX_FILES_PER_UNIT + 1)]

    with pytest.raises(ManifestError, match="at most 1,000 files"):
        decode_manifest(manifest(*files))
    assert len(decode_manifest(manifest(*files[1:])).files) == MAX_FILES_PER_UNIT


def test_l14_a_manifest_that_is_too_long_is_not_even_read():
    with pytest.raises(ManifestError, match="longer than"):
        decode_manifest(b" " * (MAX_MANIFEST_BYTES + 1))


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(line: bytes):
    try:
        decode_manifest(line)
    except ManifestError as error:
        str(error).encode()


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_manifest_is_read_or_refused(data):
    line = bytearray(manifest(file(), file(name="b/c.exr", role="layer")))
    for _ in range(data.draw(st.integers(1, 4))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_manifest(bytes(line))
    except ManifestError as error:
        str(error).encode()
