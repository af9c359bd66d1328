"""Which reason a Blender's failure is reported with."""

from __future__ import annotations

import pytest

from framefarm.agent.executors.blame import unit_failed
from framefarm.blender.errors import (
    BlenderCrashedError,
    BlenderError,
    BlenderMemoryError,
    BlenderRefusedError,
    BlenderStalledError,
    BlenderStartError,
)


@pytest.mark.parametrize(
    ("error", "memory_kills", "reason"),
    [
        (BlenderCrashedError("rendering", exit_code=-11), 0, "crashed"),
        (BlenderCrashedError("rendering", exit_code=-11), 1, "crashed"),
        (BlenderCrashedError("rendering", exit_code=-9), 0, "crashed"),
        (BlenderCrashedError("rendering", exit_code=-9), 1, "out_of_memory"),
        (BlenderCrashedError("r", exit_code=-6, log_tail="std::bad_alloc"), 0, "out_of_memory"),
        (BlenderStalledError("rendering", stall_s=3), 1, "stalled"),
        (BlenderStartError("no such file"), 0, "crashed"),
        (BlenderRefusedError("no_camera", "The scene has no camera."), 0, "refused"),
        (BlenderRefusedError("format", "no such format"), 0, "refused"),
        (BlenderRefusedError("render", "System is out of GPU memory"), 0, "out_of_memory"),
        (BlenderRefusedError("render", "CUDA error: Illegal address"), 0, "error"),
        (BlenderRefusedError("engine", "EEVEE needs a display"), 0, "error"),
        (BlenderRefusedError("open", "shot.blend: Input/output error"), 0, "error"),
        (BlenderRefusedError("output", "the folder cannot be written"), 0, "error"),
        (BlenderRefusedError("driver", "KeyError: 'x'"), 0, "error"),
        (BlenderMemoryError("rendering", peak_bytes=9, limit_bytes=8), 0, "out_of_memory"),
        (BlenderRefusedError("device", "Cycles finds no usable GPU"), 0, "placement"),
        (BlenderError("something"), 0, "error"),
    ],
)
def test_reason_follows_from_how_blender_failed(
    error: BlenderError, memory_kills: int, reason: str
):
    assert unit_failed(error, memory_kills=memory_kills).reason == reason


def test_end_of_the_log_goes_along_and_is_bounded():
    error = BlenderCrashedError("rendering", exit_code=-11, log_tail="a" * 50_000 + "end")

    failed = unit_failed(error)

    assert failed.log_tail.endswith("end")
    assert len(failed.log_tail) <= 16_000


def test_peak_memory_goes_along():
    error = BlenderCrashedError("rendering", exit_code=-9, peak_bytes=7 << 30)

    assert unit_failed(error).peak_memory_bytes == 7 << 30


def test_refusals_log_goes_along():
    assert unit_failed(BlenderRefusedError("open", "no", log_text="why")).log_tail == "why"


@pytest.mark.parametrize(
    ("error", "memory_kills", "of_slot"),
    [
        (BlenderRefusedError("render", "System is out of GPU and shared host memory"), 0, False),
        (BlenderRefusedError("render", "Out of memory in CUDA queue enqueue"), 0, False),
        (BlenderCrashedError("r", exit_code=-6, log_tail="std::bad_alloc"), 0, True),
        (BlenderCrashedError("r", exit_code=-9), 1, True),
        (BlenderMemoryError("rendering", peak_bytes=9, limit_bytes=8), 0, True),
    ],
)
def test_memory_of_a_gpu_is_told_from_that_of_its_slot(
    error: BlenderError,
    memory_kills: int,
    of_slot: bool,  # noqa: FBT001  a column of the table
):
    on_gpu = unit_failed(error, memory_kills=memory_kills, on_gpu=True)

    assert on_gpu.reason == "out_of_memory"
    assert on_gpu.of_slot_memory is of_slot
    assert unit_failed(error, memory_kills=memory_kills).of_slot_memory
