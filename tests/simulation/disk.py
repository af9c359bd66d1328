"""A worker's disk: what survives its processes."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from framefarm.agent.errors import OutboxError
from framefarm.agent.events import Event, Owed, ResultKept
from framefarm.agent.identity import Identities
from framefarm.agent.keeping import ROOM_EVERY_S
from framefarm.agent.outbox import WORTH_KEEPING_S, Receipt, Result
from framefarm.agent.parts import Found
from framefarm.agent.work import Outcome, UnitWork
from framefarm.protocol import ResultFile, ResultManifest

MAIN_FILE = {"render": "image", "movie": "segment", "join": "movie", "trial": "image"}


def content_of(stage: int, unit: int) -> bytes:
    """What rendering a unit gives: always the same."""
    return f"stage {stage} unit {unit}\n".encode()


@dataclass
class Disk:
    """Files of one worker.

    Attributes:
        entries: The outbox: a receipt is there only when all of its files are.
        unsettled: What was put into the outbox and never taken out of it by a decision.
        working: Work directories: stage, unit, slot and lease of each.
        full: Nothing more can be written.
        farm: The one that the present process works for.
    """

    identities: Identities = field(default_factory=Identities)
    entries: dict[str, Receipt] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)
    working: set[tuple[int, int, str, str]] = field(default_factory=set)
    full: bool = False
    farm: str = ""

    def save(self, identities: Identities) -> None:
        self.identities = identities

    def found(self) -> Found:
        """What an earlier process left, which a new one finds and tidies up."""
        interrupted = {(stage, unit): None for stage, unit, *_ in sorted(self.working)}
        self.working.clear()
        self.farm = ""
        return Found(self.identities, tuple(self._owed()), tuple(interrupted))

    def recent(self, _: int, *, least_bytes: int) -> tuple[str, ...]:  # noqa: ARG002
        """The cache is not simulated."""
        return ()

    async def create(self, work: UnitWork) -> Path:
        """Make a work directory."""
        self.working.add(_folder(work))
        return Path("/simulated")

    def _owed(self) -> Iterator[Owed]:
        for entry, receipt in sorted(self.entries.items()):
            yield _owed(entry, receipt)

    def open(self, entry: str) -> Result:
        """A result ready to be sent.

        Raises:
            OutboxError: It is not there any more.
        """
        if entry not in self.entries:
            raise OutboxError(f"the finished result {entry} is not there")
        receipt = self.entries[entry]
        file = _File(content_of(receipt.manifest.stage, receipt.unit))
        return Result(receipt, tuple(cast("Path", file) for _ in receipt.manifest.files))


@dataclass(frozen=True)
class _File:
    """Stands for the path of a file, as far as the uploader reads it."""

    content: bytes

    def read_bytes(self) -> bytes:
        return self.content


class SimulatedKeeper:
    """Stores results on the simulated disk, which takes its time. Belongs to one process.

    Args:
        disk: Survives the process.
        tell: Takes the events.
        write_s: How long the next write takes.
    """

    def __init__(
        self, disk: Disk, *, tell: Callable[[Event], None], write_s: Callable[[], float]
    ) -> None:
        self._disk = disk
        self._tell = tell
        self._write_s = write_s

    def keep(self, work: UnitWork, outcome: Outcome) -> None:
        # The receipt comes last, so a process killed before leaves nothing that counts.
        self._later(self._keep, work, outcome)

    def discard(self, work: UnitWork) -> None:
        self._disk.working.discard(_folder(work))

    def drop(self, entry: str, *, useful: bool) -> None:  # noqa: ARG002
        self._later(self._drop, entry)

    def _keep(self, work: UnitWork, outcome: Outcome) -> None:
        if self._disk.full:
            # It waits in its work directory until there is room, as the real one does.
            asyncio.get_running_loop().call_later(ROOM_EVERY_S, self._keep, work, outcome)
            return
        entry = f"{work.stage}-{work.unit}-{secrets.token_hex(6)}"
        receipt = Receipt(
            work.lease, work.unit, _manifest(work, outcome), ("0000",), self._disk.farm
        )
        if outcome.files or outcome.facts.seconds >= WORTH_KEEPING_S:
            self._disk.entries[entry] = receipt
            self._disk.unsettled.add(entry)
        self._disk.working.discard(_folder(work))
        self._tell(ResultKept(_owed(entry, receipt)))

    def _drop(self, entry: str) -> None:
        self._disk.entries.pop(entry, None)
        self._disk.unsettled.discard(entry)

    def _later(self, function: Callable[..., object], *args: object) -> None:
        asyncio.get_running_loop().call_later(self._write_s(), function, *args)


def _folder(work: UnitWork) -> tuple[int, int, str, str]:
    return (work.stage, work.unit, work.slot, work.lease)


def _manifest(work: UnitWork, outcome: Outcome) -> ResultManifest:
    content = content_of(work.stage, work.unit)
    sha256 = hashlib.sha256(content).hexdigest()
    files = tuple(
        ResultFile(name=file.name, role=file.role, sha256=sha256, size_bytes=len(content))
        for file in outcome.files
    )
    return ResultManifest(work.stage, work.attempt, files, outcome.facts, work.seal)


def _owed(entry: str, receipt: Receipt) -> Owed:
    manifest = receipt.manifest
    return Owed(
        entry=entry,
        lease=receipt.lease,
        stage=manifest.stage,
        unit=receipt.unit,
        attempt=manifest.attempt,
        has_files=bool(manifest.files),
        facts=manifest.facts,
        seal=manifest.seal,
    )
