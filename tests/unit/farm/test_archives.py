"""Archives as they are sent."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.farm.archives import zipped

MIB = 1 << 20


def test_archive_is_what_was_put_in(tmp_path: Path):
    contents = {"a.png": b"one", "layers/b.exr": bytes(3 * MIB), "ünï.txt": b""}

    sent = b"".join(zipped(_files(tmp_path, contents)))

    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())


def test_pieces_are_small_and_files_are_read_as_they_are_sent(tmp_path: Path):
    asked: list[str] = []

    def files() -> Iterator[tuple[str, Path]]:
        for name, path in _files(tmp_path, {f"{n}.exr": bytes(4 * MIB) for n in range(3)}):
            asked.append(name)
            yield name, path

    pieces = zipped(files())

    assert len(next(pieces)) < 2 * MIB
    assert asked == ["0.exr"]
    assert max(len(piece) for piece in pieces) < 2 * MIB


def test_file_that_is_gone_ends_the_archive_early(tmp_path: Path):
    gone = tmp_path / "gone"

    with pytest.raises(FileNotFoundError):
        list(zipped([("a.png", gone)]))


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.binary(max_size=200)))
def test_any_files_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]
):
    folder = tmp_path_factory.mktemp("files")

    sent = b"".join(zipped(_files(folder, contents)))

    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == contents


def _files(folder: Path, contents: dict[str, bytes]) -> list[tuple[str, Path]]:
    found = []
    for number, (name, content) in enumerate(contents.items()):
        path = folder / str(number)
        path.write_bytes(content)
        found.append((name, path))
    return found
