"""What messages tell of machines, slots and units, and the names and numbers in them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
"""A stage's or a job's: no more than both databases, and JSON in a browser, can hold."""

Unit = Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 31)]
Attempt = Annotated[int, msgspec.Meta(ge=1, lt=1 << 31)]
Bytes = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
SlotName = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Seal = Annotated[str, msgspec.Meta(max_length=200)]
"""What proves that a lease was given, to a manager that may have forgotten it (L6)."""

BlenderSeries = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}\Z")]
"""`major.minor`."""

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=1e9)]
"""Thirty years at most, so that sums of them stay numbers."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """What every message shares: it is immutable and its type is in the field `type`."""


class BlenderOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One Blender a slot can run. `version` is `major.minor`, `full` has the patch number."""

    version: BlenderSeries
    full: str = ""
    kind: str = "executable"


class SlotOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one slot of a worker can do.

    Attributes:
        slot: Its name within the worker, for example `cpu` or `media`.
        kinds: Stage kinds it runs: `render`, `movie`, `join`, `trial`, ...
        blenders: The Blenders it can render with; empty for a slot that does not render.
        threads: How many threads it may use.
        device: What it renders on: `CPU`, or `GPU:` and the number of one of the machine's `gpus`.
        memory_bytes: Memory a unit may take here before it is stopped; 0 when unknown.
    """

    slot: SlotName
    kinds: tuple[str, ...]
    blenders: tuple[BlenderOffer, ...] = ()
    threads: Count = 0
    device: Annotated[str, msgspec.Meta(max_length=40)] = "CPU"
    memory_bytes: Bytes = 0


class GpuFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """One GPU of a machine.

    Attributes:
        name: As its maker calls it.
        backend: The Cycles backend that drives it best: `OPTIX`, `CUDA`, `HIP`, `METAL`, `ONEAPI`;
            empty when none was found.
        memory_bytes: Its own memory, 0 when unknown.
        works: Whether it really rendered a test picture; None when that was not tried.
    """

    name: str
    backend: str = ""
    memory_bytes: Bytes = 0
    works: bool | None = None


class MachineFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker's machine is, and how busy. Sizes in bytes.

    Attributes:
        mac, ip: Of the interface that leads to the manager, where known.
        cores: That the worker may use.
        devices: What Cycles really rendered a test picture on: `CPU`, `CUDA`, `OPTIX`, ...
        load: Share of all cores that is busy, 0.0 to 1.0; None when not measured yet.
        temperature_c: Of the processor, where the system tells.
        resting: Why the worker asks for no work of its own accord: outside its hours, the machine
            is in use, its disk is nearly full. Empty when it does.
    """

    host: str
    system: str = ""
    mac: str = ""
    ip: str = ""
    cpu: str = ""
    cores: Count = 0
    memory_bytes: Bytes = 0
    memory_free_bytes: Bytes = 0
    disk_free_bytes: Bytes = 0
    gpus: tuple[GpuFacts, ...] = ()
    devices: tuple[str, ...] = ()
    load: float | None = None
    temperature_c: float | None = None
    resting: str = ""


class UnitFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of how a unit was made.

    Attributes:
        seconds: Wall time of the unit on its slot.
        peak_memory_bytes: Of the process that made it, 0 when unknown.
        device: The device that really did the work, for example `CPU`.
        blender: Full version of the Blender that rendered.
        phases: Seconds per phase, where known.
        extra: What else the executor reports, small.
        asked_device: The device of its slot.
    """

    seconds: Seconds = 0.0
    peak_memory_bytes: Bytes = 0
    device: str = ""
    blender: str = ""
    phases: dict[str, float] = {}
    extra: dict[str, Any] = {}
    asked_device: str = ""


class SceneFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a job renders: fetch it by hash from `GET /api/blobs/{sha256}`.

    Attributes:
        sha256: Content of the .blend; where `in_tree`, of the list of the project's files
            (`framefarm.protocol.trees`), all of which are meant.
        size_bytes: The size of that content.
        source_path: Where it lies on the submitting machine; see `RenderTask`.
        in_tree: Whether it is a project of several files.
    """

    sha256: str
    size_bytes: int
    source_path: str = ""
    in_tree: bool = False


class InputFile(msgspec.Struct, frozen=True, array_like=True):
    """A file a unit needs: fetch it by hash from `GET /api/blobs/{sha256}`."""

    unit: int
    name: str
    sha256: str
    size_bytes: int
