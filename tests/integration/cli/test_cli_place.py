"""A render's output folder: made, locked, and left as it was when nothing came of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from framefarm.cli.embedded import place as place_module
from framefarm.cli.embedded.fingerprint import fingerprint
from framefarm.cli.embedded.place import OutputPlace
from framefarm.cli.embedded.record import Record, read_record, write_record
from framefarm.cli.failures import OutputFolderError, OutputInUseError
from framefarm.client.submissions import RenderRequest
from framefarm.client.views import FileView, JobView, Stage

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  stands in for shutil's own


def test_a_folder_that_was_made_for_nothing_is_gone_again(tmp_path):
    with OutputPlace(tmp_path / "a" / "b") as place:
        (place.private / "farm.db").write_text("half")
        assert place.folder.is_dir()

    assert list(tmp_path.iterdir()) == []


def test_what_was_there_before_stays(tmp_path):
    (tmp_path / "shot_0001.png").write_text("frame")
    with OutputPlace(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["shot_0001.png"]


def test_frames_written_meanwhile_stay(tmp_path):
    with OutputPlace(tmp_path / "out") as place:
        (place.folder / "shot_0001.png").write_text("frame")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["shot_0001.png"]


def test_a_place_worth_keeping_stays_whole(tmp_path):
    with OutputPlace(tmp_path / "out") as place:
        place.keep()
        (place.private / "farm.db").write_text("whole")
    with OutputPlace(tmp_path / "out"):
        pass

    assert (tmp_path / "out" / ".framefarm" / "farm.db").read_text() == "whole"


def test_a_second_render_in_the_same_folder_is_refused_and_harms_nothing(tmp_path):
    with OutputPlace(tmp_path / "out") as first:
        (first.private / "farm.db").write_text("busy")
        second = OutputPlace(tmp_path / "out")
        with pytest.raises(OutputInUseError, match=f"process {os.getpid()} on "):
            second.__enter__()
        assert (first.private / "farm.db").exists()

    with OutputPlace(tmp_path / "out"):
        pass


def test_the_lock_of_a_killed_process_does_not_block(tmp_path):
    script = (
        "import os, sys; from pathlib import Path\n"
        "from framefarm.cli.embedded.place import OutputPlace\n"
        "OutputPlace(Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "out")], check=False)
    assert done.returncode == -9
    assert (tmp_path / "out" / ".framefarm" / "lock").exists()

    with OutputPlace(tmp_path / "out") as place:
        place.keep()


@pytest.mark.parametrize("below", ["", "sub", "sub/sub"])
def test_a_file_in_the_way_is_told(tmp_path, below):
    (tmp_path / "out").write_text("I was here first")

    with pytest.raises(OutputFolderError, match="a file is in its place"):
        OutputPlace(tmp_path / "out" / below).__enter__()
    assert (tmp_path / "out").read_text() == "I was here first"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder nobody may write")
def test_a_folder_that_cannot_be_written_is_told():
    with pytest.raises(OutputFolderError, match=r"cannot be written: .*; choose another --output"):
        OutputPlace(Path("/proc/framefarm")).__enter__()


def test_a_full_disk_is_told_before_anything_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 5_000_000))

    with pytest.raises(OutputFolderError, match=r"is full \(5\.0 MB free, 201 MB needed\)"):
        OutputPlace(tmp_path / "out").__enter__()
    assert list(tmp_path.iterdir()) == []
    assert place_module.LEAST_FREE_BYTES == 192 << 20


def test_the_fingerprint_follows_content_settings_and_linked_files(tmp_path):
    linked = tmp_path / "wood.png"
    linked.write_bytes(b"wood")

    def now(sha256: str = "a", request: RenderRequest | None = None) -> str:
        return fingerprint(sha256, request or RenderRequest(), [linked, linked, tmp_path / "no"])

    first = now()
    assert now() == first
    assert len(first) == 64
    assert now("b") != first
    assert now(request=RenderRequest(frames="1-4")) != first
    assert now(request=RenderRequest(persistent_data=False)) != first
    os.utime(linked, (1, 1))
    assert now() != first


def record() -> Record:
    job = JobView(1, "done", stages=(Stage(1, "render", "done", 1, 1),))
    movie = FileView("m.mp4", "movie", "0" * 64, 3)
    return Record("f" * 64, job, [("a.png", 2), ("m.mp4", 3)], movie)


def test_a_record_is_whole_as_long_as_all_files_are_there(tmp_path):
    write_record(tmp_path, record())
    (tmp_path / "a.png").write_bytes(b"12")
    (tmp_path / "m.mp4").write_bytes(b"123")
    read = read_record(tmp_path)

    assert read == record()
    assert read is not None
    assert read.is_whole(tmp_path)
    (tmp_path / "a.png").write_bytes(b"1")
    assert not read.is_whole(tmp_path)
    (tmp_path / "a.png").unlink()
    assert not read.is_whole(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]"])
def test_a_record_that_cannot_be_read_is_none(tmp_path, content):
    assert read_record(tmp_path) is None
    (tmp_path / "complete.json").write_bytes(content)

    assert read_record(tmp_path) is None


def test_a_record_that_cannot_be_written_is_no_error(tmp_path):
    write_record(tmp_path / "nowhere", record())

    assert not (tmp_path / "nowhere").exists()
