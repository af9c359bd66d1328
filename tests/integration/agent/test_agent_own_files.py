"""The agent's own small files: identity, lock, sources in place, work directories, disk writes."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import msgspec
import pytest

from framefarm.agent import sources as sources_module
from framefarm.agent.disk import write_durably
from framefarm.agent.errors import DataDirInUseError, IdentityError
from framefarm.agent.identity import FILE_NAME, Identities, Identity, IdentityFile
from framefarm.agent.lock import DataDirLock
from framefarm.agent.machine import Machine
from framefarm.agent.sources import SourceFiles
from framefarm.agent.work import UnitWork
from framefarm.agent.workdirs import WorkDirs

posix = pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")


ME = Identities((Identity("w1", "secret", farm="f1", url="http://box:7070"),))


class TestIdentity:
    def test_saved_identity_is_loaded(self, tmp_path: Path):
        IdentityFile(tmp_path).save(ME)

        assert IdentityFile(tmp_path).load() == ME

    def test_new_worker_has_none(self, tmp_path: Path):
        assert IdentityFile(tmp_path).load().latest is None

    @posix
    def test_file_is_for_its_user_only_even_with_an_open_umask(self, tmp_path: Path):
        before = os.umask(0)
        try:
            IdentityFile(tmp_path).save(ME)
        finally:
            os.umask(before)

        assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600

    @posix
    def test_file_that_was_opened_up_is_closed_again(self, tmp_path: Path):
        IdentityFile(tmp_path).save(ME)
        (tmp_path / FILE_NAME).chmod(0o644)

        IdentityFile(tmp_path).load()

        assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600

    @pytest.mark.parametrize("content", [b"{", b"[]", b'{"farms":[{"key":1}]}'])
    def test_damaged_file_says_what_to_do(self, tmp_path: Path, content: bytes):
        (tmp_path / FILE_NAME).write_bytes(content)

        with pytest.raises(IdentityError, match="delete it"):
            IdentityFile(tmp_path).load()

    def test_key_is_not_shown_by_accident(self):
        assert "secret" not in f"{ME!r} {ME} {ME.latest!r}"

    def test_each_farm_is_shown_the_key_that_it_gave(self):
        both = ME.with_latest(Identity("w2", "other", farm="f2"))

        assert [one.worker_id for one in both.farms] == ["w2", "w1"]
        assert both.at("f1", "") == ME.latest
        assert both.at("f3", "") is None

    def test_a_key_given_under_a_certificate_is_shown_under_no_other(self):
        mine = Identities((Identity("w1", "secret", farm="f1", certificate="PEM"),))

        assert mine.at("f1", "PEM") == mine.latest
        assert mine.at("f1", "") is None
        assert mine.at("f1", "ANOTHER") is None

    def test_an_identity_of_the_first_version_is_shown_on_this_machine_only(self, tmp_path: Path):
        (tmp_path / FILE_NAME).write_bytes(b'{"worker_id":"w1","key":"secret"}')

        old = IdentityFile(tmp_path).load()

        assert old.at("f1", "", here=True) == Identity("w1", "secret")
        assert old.at("f1", "") is None
        assert old.with_latest(Identity("w1", "secret", farm="f1")).at("f2", "", here=True) is None

    def test_a_farm_joined_again_has_one_identity(self):
        again = ME.with_latest(Identity("w9", "new", farm="f1"))

        assert again.farms == (Identity("w9", "new", farm="f1"),)


class TestLock:
    def test_second_holder_is_refused_until_the_first_lets_go(self, tmp_path: Path):
        with DataDirLock(tmp_path), pytest.raises(DataDirInUseError), DataDirLock(tmp_path):
            pass

        with DataDirLock(tmp_path):
            pass


class TestSources:
    CONTENT = b"BLENDER-v500"

    async def find(self, files: SourceFiles, path: Path, content: bytes = CONTENT) -> Path | None:
        return await files.find(str(path), hashlib.sha256(content).hexdigest(), len(content))

    async def test_very_file_is_used_in_place(self, tmp_path: Path):
        path = tmp_path / "a.blend"
        path.write_bytes(self.CONTENT)

        assert await self.find(SourceFiles(), path) == path

    async def test_other_content_of_the_same_size_is_not(self, tmp_path: Path):
        path = tmp_path / "a.blend"
        path.write_bytes(self.CONTENT.swapcase())

        assert await self.find(SourceFiles(), path) is None

    @pytest.mark.parametrize("name", ["", "a.blend", "../a.blend", "/nowhere/a.blend", "/", "\0"])
    async def test_no_such_file_is_none(self, name: str):
        assert await SourceFiles().find(name, "0" * 64, 1) is None

    async def test_file_is_hashed_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        path = tmp_path / "a.blend"
        path.write_bytes(self.CONTENT)
        files = SourceFiles()
        await self.find(files, path)
        monkeypatch.delattr(sources_module, "hash_file")

        assert await self.find(files, path) == path

    async def test_file_that_changed_is_hashed_again(self, tmp_path: Path):
        path = tmp_path / "a.blend"
        path.write_bytes(self.CONTENT)
        files = SourceFiles()
        await self.find(files, path)

        path.write_bytes(self.CONTENT.swapcase())
        os.utime(path, ns=(1, 1))

        assert await self.find(files, path) is None

    async def test_file_written_while_it_is_read_is_not_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        path = tmp_path / "a.blend"
        path.write_bytes(self.CONTENT)
        original = sources_module.hash_file

        def hash_and_touch(target: Path) -> tuple[str, int]:
            found = original(target)
            os.utime(target, ns=(1, 1))
            return found

        monkeypatch.setattr(sources_module, "hash_file", hash_and_touch)

        assert await self.find(SourceFiles(), path) is None


class TestWorkDirs:
    WORK = UnitWork("cpu", "../../L1", 1, 1, 5, 1, "render", msgspec.Raw(b"{}"))

    async def test_folder_is_empty_and_inside_whatever_the_lease_is_called(self, tmp_path: Path):
        dirs = WorkDirs(tmp_path / "work")
        dirs.clear()

        made = await dirs.create(self.WORK)
        (made / "left.txt").write_bytes(b"x")
        again = await dirs.create(self.WORK)

        assert made.parent == tmp_path / "work"
        assert again == made
        assert not list(again.iterdir())

    async def test_removed_folder_is_gone_and_clear_removes_the_rest(self, tmp_path: Path):
        dirs = WorkDirs(tmp_path / "work")
        dirs.clear()
        await dirs.create(self.WORK)

        dirs.remove(self.WORK)
        dirs.remove(self.WORK)
        assert not list((tmp_path / "work").iterdir())

        await dirs.create(self.WORK)
        dirs.clear()
        assert not list((tmp_path / "work").iterdir())


class TestWriting:
    def test_failed_write_leaves_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        path = tmp_path / "a.json"
        write_durably(path, b"old")

        def fail(_: int) -> None:
            raise OSError(28, "full")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="full"):
            write_durably(path, b"new")

        assert path.read_bytes() == b"old"
        assert [found.name for found in tmp_path.iterdir()] == ["a.json"]


def test_facts_of_this_machine_are_there(tmp_path: Path):
    machine = Machine("http://127.0.0.1:7070", tmp_path, cores=2)
    machine.look()

    facts = machine.facts()

    assert facts.host
    assert facts.cores >= 1
    assert facts.memory_bytes > facts.memory_free_bytes > 0
    assert facts.disk_free_bytes > 0
