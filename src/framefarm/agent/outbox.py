"""Finished results on disk, until the manager acknowledged them (L6).

One directory per result, `outbox/<entry>/`: its files under `files/`, and `receipt.json`. The order
of writing makes it safe against a kill or a power cut at any point: files are hashed and synced,
then the receipt is put in place as a whole. A directory without a receipt was never finished;
the next start deletes it and the unit is made again. A receipt always has all its files.

Results without files cost nothing to send, and mostly little to make again, so they are written
only when making them took longer than `WORTH_KEEPING_S`.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from framefarm.agent.disk import sync_dir, sync_file, write_durably
from framefarm.agent.errors import OutboxError
from framefarm.agent.events import Owed
from framefarm.protocol import ResultFile, ResultManifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from framefarm.agent.work import ProducedFile, UnitWork
    from framefarm.protocol.messages import UnitFacts

RECEIPT = "receipt.json"
FILES = "files"
WORTH_KEEPING_S = 1.0
"""A sync costs 0.4 ms on a good disk and 20 ms on a slow one; a second is far above both."""


class Receipt(msgspec.Struct, frozen=True):
    """What is known of a result in the outbox.

    Attributes:
        lease, unit: Where it is offered.
        manifest: What it is, with the names, hashes and sizes of its files.
        stored: Where each file lies under `files/`, in the manifest's order.
        farm: Whose it is; another farm would call it gone, and it would be lost.
    """

    lease: str
    unit: int
    manifest: ResultManifest
    stored: tuple[str, ...] = ()
    farm: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A result ready to be sent.

    Attributes:
        receipt: What it is.
        paths: Its files, in the manifest's order.
    """

    receipt: Receipt
    paths: tuple[Path, ...]


class Outbox:
    """The results of one agent that the manager has not acknowledged.

    All methods block on the disk; call them from a thread.

    Attributes:
        farm: The one that the agent works for now.
    """

    def __init__(self, root: Path) -> None:
        self.farm = ""
        self._root = root
        self._root.mkdir(parents=True, exist_ok=True)

    def keep(self, work: UnitWork, files: Iterable[ProducedFile], facts: UnitFacts) -> Owed:
        """Move a finished unit's files in and make them durable.

        Args:
            work: The unit.
            files: What was made; the files are gone from where they were afterwards.
            facts: What is known of how.

        Returns:
            What is owed to the manager now.

        Raises:
            OutboxError: The disk is full or failed, or a file is not there; all files are where
                they were.
        """
        entry = f"{work.stage}-{work.unit}-{secrets.token_hex(6)}"
        produced = tuple(files)
        if produced or facts.seconds >= WORTH_KEEPING_S:
            self._store(entry, work, produced, facts)
        receipt = Receipt(work.lease, work.unit, _manifest(work, (), facts), farm=self.farm)
        return _owed(entry, receipt, has_files=bool(produced))

    def load(self) -> Iterator[Owed]:
        """What an earlier process left behind, and delete what it did not finish."""
        for path in sorted(self._root.iterdir()):
            try:
                receipt = _read(path)
            except (OSError, msgspec.DecodeError):
                shutil.rmtree(path, ignore_errors=True)
                continue
            yield _owed(path.name, receipt, has_files=bool(receipt.stored))

    def open(self, entry: str) -> Result:
        """What an entry holds.

        Raises:
            OutboxError: It is not there any more, or damaged.
        """
        path = self._root / entry
        try:
            receipt = _read(path)
        except (OSError, msgspec.DecodeError) as error:
            raise OutboxError(f"the finished result {path} cannot be read: {error}") from error
        return Result(receipt, tuple(path / FILES / name for name in receipt.stored))

    def release(self, entry: str) -> Result:
        """Take back that an entry is a result, and say which files it has left; `drop` is next.

        Raises:
            OutboxError: It is not there any more, or damaged.
        """
        result = self.open(entry)
        (self._root / entry / RECEIPT).unlink(missing_ok=True)
        return result

    def drop(self, entry: str) -> None:
        """Forget an entry and delete its files. Not there is fine."""
        path = self._root / entry
        # The receipt first: a directory half deleted must not look like a result.
        (path / RECEIPT).unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)

    def _store(
        self, entry: str, work: UnitWork, files: tuple[ProducedFile, ...], facts: UnitFacts
    ) -> None:
        path = self._root / entry
        try:
            (path / FILES).mkdir(parents=True)
            stored = _stored_names(files)
            described = tuple(
                _take_in(file, path / FILES / name)
                for file, name in zip(files, stored, strict=True)
            )
            sync_dir(path / FILES)
            manifest = _manifest(work, described, facts)
            receipt = Receipt(work.lease, work.unit, manifest, stored, self.farm)
            write_durably(path / RECEIPT, msgspec.json.encode(receipt))
            sync_dir(self._root)
        except OSError as error:
            _put_back(files, path / FILES)
            shutil.rmtree(path, ignore_errors=True)
            raise OutboxError(
                f"unit {work.unit} was made but could not be stored on the worker: {error}"
            ) from error


def _stored_names(files: tuple[ProducedFile, ...]) -> tuple[str, ...]:
    return tuple(f"{number:04d}" for number in range(len(files)))


def _put_back(files: tuple[ProducedFile, ...], folder: Path) -> None:
    """Undo what was moved in, so that it can be tried again when the disk has room (L6)."""
    for file, name in zip(files, _stored_names(files), strict=True):
        with contextlib.suppress(OSError):
            (folder / name).replace(file.path)


def _take_in(file: ProducedFile, target: Path) -> ResultFile:
    file.path.replace(target)
    sha256, size_bytes = hash_file(target)
    sync_file(target)
    return ResultFile(name=file.name, role=file.role, sha256=sha256, size_bytes=size_bytes)


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 in lower-case hexadecimal, and size in bytes.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, file.tell()


def _manifest(work: UnitWork, files: tuple[ResultFile, ...], facts: UnitFacts) -> ResultManifest:
    return ResultManifest(work.stage, work.attempt, files, facts, work.seal)


def _owed(entry: str, receipt: Receipt, *, has_files: bool) -> Owed:
    return Owed(
        entry=entry,
        lease=receipt.lease,
        stage=receipt.manifest.stage,
        unit=receipt.unit,
        attempt=receipt.manifest.attempt,
        has_files=has_files,
        facts=receipt.manifest.facts,
        farm=receipt.farm,
        seal=receipt.manifest.seal,
    )


def _read(path: Path) -> Receipt:
    return msgspec.json.decode((path / RECEIPT).read_bytes(), type=Receipt)
