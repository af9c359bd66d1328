"""Which reason a Blender's failure is reported with."""

from __future__ import annotations

import pytest

from framefarm.agent.executors.blame import unit_failed
from framefarm.processes.errors import (
    ChildCrashedError,
    ChildError,
    ChildMemoryError,
    ChildRefusedError,
    ChildStalledError,
    ChildStartError,
)


@pytest.mark.parametrize(
    ("error", "memory_kills", "reason"),
    [
        (ChildCrashedError("Blender", "rendering", exit_code=-11), 0, "crashed"),
        (ChildCrashedError("Blender", "rendering", exit_code=-11), 1, "crashed"),
        (ChildCrashedError("Blender", "rendering", exit_code=-9), 0, "crashed"),
        (ChildCrashedError("Blender", "rendering", exit_code=-9), 1, "out_of_memory"),
        (
            ChildCrashedError("Blender", "r", exit_code=-6, log_tail="std::bad_alloc"),
            0,
            "out_of_memory",
        ),
        (ChildStalledError("Blender", "rendering", stall_s=3), 1, "stalled"),
        (ChildStartError("no such file"), 0, "crashed"),
        (ChildRefusedError("no_camera", "The scene has no camera."), 0, "refused"),
        (ChildRefusedError("format", "no such format"), 0, "refused"),
        (ChildRefusedError("render", "System is out of GPU memory"), 0, "out_of_memory"),
        (ChildRefusedError("render", "CUDA error: Illegal address"), 0, "error"),
        (ChildRefusedError("engine", "EEVEE needs a display"), 0, "error"),
        (ChildRefusedError("open", "shot.blend: Input/output error"), 0, "error"),
        (ChildRefusedError("output", "the folder cannot be written"), 0, "error"),
        (ChildRefusedError("driver", "KeyError: 'x'"), 0, "error"),
        (ChildMemoryError("Blender", "rendering", peak_bytes=9, limit_bytes=8), 0, "out_of_memory"),
        (ChildRefusedError("device", "Cycles finds no usable GPU"), 0, "placement"),
        (ChildError("something"), 0, "error"),
    ],
)
def test_reason_follows_from_how_blender_failed(error: ChildError, memory_kills: int, reason: str):
    assert unit_failed(error, memory_kills=memory_kills).reason == reason


def test_end_of_the_log_goes_along_and_is_bounded():
    error = ChildCrashedError("Blender", "rendering", exit_code=-11, log_tail="a" * 50_000 + "end")

    failed = unit_failed(error)

    assert failed.log_tail.endswith("end")
    assert len(failed.log_tail) <= 16_000


def test_peak_memory_goes_along():
    error = ChildCrashedError("Blender", "rendering", exit_code=-9, peak_bytes=7 << 30)

    assert unit_failed(error).peak_memory_bytes == 7 << 30


def test_refusals_log_goes_along():
    assert unit_failed(ChildRefusedError("open", "no", log_text="why")).log_tail == "why"


@pytest.mark.parametrize(
    ("error", "memory_kills", "of_slot"),
    [
        (ChildRefusedError("render", "System is out of GPU and shared host memory"), 0, False),
        (ChildRefusedError("render", "Out of memory in CUDA queue enqueue"), 0, False),
        (ChildCrashedError("Blender", "r", exit_code=-6, log_tail="std::bad_alloc"), 0, True),
        (ChildCrashedError("Blender", "r", exit_code=-9), 1, True),
        (ChildMemoryError("Blender", "rendering", peak_bytes=9, limit_bytes=8), 0, True),
    ],
)
def test_memory_of_a_gpu_is_told_from_that_of_its_slot(
    error: ChildError,
    memory_kills: int,
    of_slot: bool,  # noqa: FBT001  a column of the table
):
    on_gpu = unit_failed(error, memory_kills=memory_kills, on_gpu=True)

    assert on_gpu.reason == "out_of_memory"
    assert on_gpu.of_slot_memory is of_slot
    assert unit_failed(error, memory_kills=memory_kills).of_slot_memory
