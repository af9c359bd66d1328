"""Finished results on disk: whole or not at all, whenever the process dies."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from framefarm.agent import outbox as outbox_module
from framefarm.agent.errors import OutboxError
from framefarm.agent.outbox import Outbox
from framefarm.agent.work import ProducedFile, UnitWork
from framefarm.protocol.messages import UnitFacts

WORK = UnitWork(
    slot="cpu",
    lease="L1",
    stage=3,
    job=1,
    unit=7,
    attempt=2,
    kind="render",
    settings=msgspec.Raw(b"{}"),
    seal="it was lent",
)
FACTS = UnitFacts(seconds=2.5, device="CPU")


class KilledError(Exception):
    """The process dies here."""


def produce(folder: Path, name: str = "a.png", content: bytes = b"pixels") -> ProducedFile:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return ProducedFile(folder / name, name, "image")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


def test_kept_result_is_found_by_the_next_process(root: Path, tmp_path: Path):
    owed = Outbox(root).keep(WORK, [produce(tmp_path / "w")], FACTS)

    (found,) = Outbox(root).load()

    assert found == owed
    assert (found.lease, found.stage, found.unit, found.attempt) == ("L1", 3, 7, 2)
    assert found.has_files
    assert found.facts == FACTS
    assert found.seal == "it was lent"


def test_l6_a_result_without_files_keeps_the_farm_it_is_for(root: Path):
    box = Outbox(root)
    box.farm = "f1"

    owed = box.keep(WORK, [], FACTS)

    assert not owed.has_files
    (found,) = Outbox(root).load()
    assert found == owed
    assert found.farm == "f1"


def test_kept_result_has_its_files_with_hash_and_size(root: Path, tmp_path: Path):
    box = Outbox(root)
    files = [produce(tmp_path / "w", "a.png"), produce(tmp_path / "w", "b.txt", b"")]

    owed = box.keep(WORK, files, FACTS)
    result = box.open(owed.entry)

    described = result.receipt.manifest.files
    assert [file.name for file in described] == ["a.png", "b.txt"]
    assert described[0].sha256 == hashlib.sha256(b"pixels").hexdigest()
    assert described[0].size_bytes == 6
    assert [path.read_bytes() for path in result.paths] == [b"pixels", b""]
    assert not any(file.path.exists() for file in files)


def test_quick_result_without_files_stays_in_memory(root: Path):
    box = Outbox(root)

    owed = box.keep(WORK, [], UnitFacts(seconds=0.2))

    assert not owed.has_files
    assert list(box.load()) == []
    box.drop(owed.entry)


def test_slow_result_without_files_survives(root: Path):
    owed = Outbox(root).keep(WORK, [], UnitFacts(seconds=60))

    assert list(Outbox(root).load()) == [owed]


@pytest.mark.parametrize("step", ["hash_file", "sync_file", "sync_dir", "write_durably"])
def test_killed_while_keeping_leaves_nothing_half_done(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
):
    def die(*_: object, **__: object) -> None:
        raise KilledError

    monkeypatch.setattr(outbox_module, step, die)
    with pytest.raises(KilledError):
        Outbox(root).keep(WORK, [produce(tmp_path / "w")], FACTS)

    assert list(Outbox(root).load()) == []
    assert list(root.iterdir()) == []


def test_files_are_on_the_disk_before_the_receipt_says_so(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    steps: list[str] = []
    for name in ("sync_file", "sync_dir", "write_durably"):
        original = getattr(outbox_module, name)

        def spy(path: Path, *rest: bytes, name: str = name, original=original) -> None:
            steps.append(f"{name} {path.name if name != 'sync_dir' else ''}".strip())
            original(path, *rest)

        monkeypatch.setattr(outbox_module, name, spy)

    Outbox(root).keep(WORK, [produce(tmp_path / "w"), produce(tmp_path / "w", "b")], FACTS)

    assert steps == [
        "sync_file 0000",
        "sync_file 0001",
        "sync_dir",
        "write_durably receipt.json",
        "sync_dir",
    ]


def test_full_disk_is_an_error_that_leaves_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outbox_module, "sync_file", full)

    with pytest.raises(OutboxError, match="No space left"):
        Outbox(root).keep(WORK, [produce(tmp_path / "w")], FACTS)

    assert list(root.iterdir()) == []


def test_file_that_is_not_there_is_an_error(root: Path, tmp_path: Path):
    missing = ProducedFile(tmp_path / "none.png", "none.png", "image")

    with pytest.raises(OutboxError, match="unit 7"):
        Outbox(root).keep(WORK, [missing], FACTS)


def test_dropped_result_is_gone(root: Path, tmp_path: Path):
    box = Outbox(root)
    owed = box.keep(WORK, [produce(tmp_path / "w")], FACTS)

    box.drop(owed.entry)
    box.drop(owed.entry)

    assert list(box.load()) == []
    with pytest.raises(OutboxError):
        box.open(owed.entry)


def test_released_result_is_none_any_more_though_its_files_are_there(root: Path, tmp_path: Path):
    box = Outbox(root)
    owed = box.keep(WORK, [produce(tmp_path / "w")], FACTS)

    result = box.release(owed.entry)

    assert result.paths[0].read_bytes() == b"pixels"
    assert list(Outbox(root).load()) == []


def test_damaged_receipt_is_no_result(root: Path, tmp_path: Path):
    box = Outbox(root)
    owed = box.keep(WORK, [produce(tmp_path / "w")], FACTS)
    (root / owed.entry / "receipt.json").write_bytes(b'{"lease":')

    assert list(box.load()) == []


def test_same_unit_twice_is_kept_twice(root: Path, tmp_path: Path):
    box = Outbox(root)

    first = box.keep(WORK, [produce(tmp_path / "w")], FACTS)
    second = box.keep(WORK, [produce(tmp_path / "w")], FACTS)

    assert first.entry != second.entry
    assert len(list(box.load())) == 2
