"""Unpacking what anybody may have zipped: all that is honest, nothing else."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framefarm.blender.unzipping import ZipLimits, ZipTooLargeError, is_zip, unzip
from framefarm.core.errors import FrameFarmError
from framefarm.core.tree_paths import check_tree_paths
from tests.integration.bad_zips import BAD, BLEND, cases, entry, zipped


def unzipped(content: bytes, folder: Path, **limits: int) -> dict[str, bytes]:
    """What is in a .zip, by its place; it is also what lies on the disk."""
    path, target = folder / "a.zip", folder / "unzipped"
    path.write_bytes(content)
    target.mkdir()
    found = unzip(path, target, limits=ZipLimits(**limits))
    contents = {file.place: file.path.read_bytes() for file in found}
    for file in found:
        assert file.path == target / file.place
        assert file.size_bytes == len(contents[file.place])
        assert file.sha256 == hashlib.sha256(contents[file.place]).hexdigest()
    on_disk = [path for path in target.rglob("*") if not path.is_dir()]
    assert sorted(on_disk) == sorted(file.path for file in found)
    return contents


@pytest.mark.parametrize("case", cases())
def test_what_is_not_honest_is_refused_and_says_why(case: str, tmp_path: Path):
    make, code, told = BAD[case]

    with pytest.raises(FrameFarmError) as refused:
        unzipped(make(), tmp_path)

    assert refused.value.code == code
    assert told in str(refused.value)
    assert str(tmp_path) not in str(refused.value)
    for path in tmp_path.rglob("*"):
        assert path.is_relative_to(tmp_path / "unzipped") or path.name in {"a.zip", "unzipped"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_come_out_as_they_went_in(method: int, tmp_path: Path):
    files = {"shot.blend": b"BLENDER" * 999, "maps/a/wood.png": bytes(range(256)), "empty": b""}

    assert unzipped(zipped(*files.items(), method=method), tmp_path) == files


def test_what_windows_and_macos_write_is_understood(tmp_path: Path):
    made = zipped(
        (entry("film\\maps\\", attributes=0x10), b""),
        (entry("film\\maps\\w\u00e4nde.png"), b"windows"),
        ("film/cafe\u0301.png", b"macos"),
        ("__MACOSX/film/._cafe\u0301.png", b"resource fork"),
        ("film/.DS_Store", b"x"),
        ("./film/Thumbs.db", b"x"),
        ("./film/shot.blend", b"BLENDER"),
    )

    assert unzipped(made, tmp_path) == {
        "film/maps/w\u00e4nde.png": b"windows",
        "film/caf\u00e9.png": b"macos",
        "film/shot.blend": b"BLENDER",
    }


def test_name_that_macos_wrote_in_utf8_without_saying_so(tmp_path: Path):
    made = zipped(("wXXnde.png", b"x")).replace(b"wXXnde", "w\u00e4nde".encode())

    assert list(unzipped(made, tmp_path)) == ["w\u00e4nde.png"]


def test_archive_of_another_program_is_read(tmp_path: Path):
    program = shutil.which("zip")
    if program is None:
        pytest.skip("zip is not installed here")
    folder = tmp_path / "film"
    (folder / "maps").mkdir(parents=True)
    (folder / "shot.blend").write_bytes(b"BLENDER")
    (folder / "maps" / "w\u00e4nde.png").write_bytes(b"x" * 9_000)
    out = str(tmp_path / "made.zip")
    subprocess.run([program, "-qr", out, "film"], cwd=tmp_path, check=True)

    found = unzipped(Path(out).read_bytes(), tmp_path)

    assert set(found) == {"film/shot.blend", "film/maps/w\u00e4nde.png"}


def test_stream_that_was_zipped_without_knowing_sizes_is_read(tmp_path: Path):
    """As `zip -` writes it: sizes follow the bytes."""

    class Unseekable(io.RawIOBase):
        def __init__(self) -> None:
            self.content = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)  # type: ignore[call-overload]
            self.content += piece
            return len(piece)

    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        archive.writestr("shot.blend", b"BLENDER" * 99)

    assert unzipped(bytes(out.content), tmp_path) == {"shot.blend": b"BLENDER" * 99}


@pytest.mark.parametrize(
    "limits",
    [
        {"max_files": 1},
        {"max_file_bytes": 9},
        {"max_total_bytes": 15},
        {"max_ratio": 1, "ratio_from_bytes": 0},
        {"max_directory_bytes": 50},
    ],
    ids=str,
)
def test_each_limit_counts(limits: dict[str, int], tmp_path: Path):
    made = zipped(("a", b"0" * 10), ("b", b"1" * 10))

    with pytest.raises(ZipTooLargeError):
        unzipped(made, tmp_path, **limits)


def test_nothing_is_written_before_there_is_room_for_all(tmp_path: Path):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(("a", b"0" * 10), ("b", b"1" * 30)))
    asked: list[int] = []

    def refuse(size_bytes: int) -> None:
        asked.append(size_bytes)
        raise ZipTooLargeError("no room")

    (tmp_path / "out").mkdir()
    with pytest.raises(ZipTooLargeError):
        unzip(path, tmp_path / "out", make_room=refuse)

    assert asked == [40]
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "zip_"),
    [(zipped(BLEND), True), (zipped(), True), (b"BLENDER", False), (b"PK", False), (b"", False)],
)
def test_zip_is_told_by_its_beginning(content: bytes, *, zip_: bool, tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(content)

    assert is_zip(path) is zip_


SOUND = zipped(
    BLEND,
    ("maps/wood.png", bytes(range(200))),
    (entry("a/b/c.txt", mode=0o100644), b"some text " * 20),
    comment=b"a comment",
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SOUND) - 1), st.binary(min_size=1, max_size=4)),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, len(SOUND)),
)
def test_damaged_anyhow_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, strikes: list[tuple[int, bytes]], cut_at: int
):
    damaged = bytearray(SOUND)
    for at, what in strikes:
        damaged[at : at + len(what)] = what
    content = bytes(damaged) if cut_at % 3 else bytes(damaged[:cut_at])
    folder = tmp_path_factory.mktemp("fuzz")
    try:
        found = unzipped(content, folder)
    except FrameFarmError:
        found = {}
    check_tree_paths(found)
    shutil.rmtree(folder)
