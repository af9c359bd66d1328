from __future__ import annotations

import pytest

from framefarm.core.slot_plans import SlotPlan, SlotsError, plan_slots

CPU, CPU_2 = SlotPlan("cpu"), SlotPlan("cpu-2")
GPU_0, GPU_1 = SlotPlan("gpu:0", "GPU:0"), SlotPlan("gpu:1", "GPU:1")


@pytest.mark.parametrize(
    ("text", "plans"),
    [
        ("1", (CPU,)),
        ("2", (CPU, CPU_2)),
        ("cpu", (CPU,)),
        ("cpu*2", (CPU, CPU_2)),
        ("cpu,cpu", (CPU, CPU_2)),
        ("gpu:0", (GPU_0,)),
        ("gpu:1,gpu:0", (GPU_0, GPU_1)),
        ("cpu, GPU:1 ,1", (GPU_1, CPU, CPU_2)),
    ],
)
def test_slots_are_what_was_asked_for_gpus_first(text, plans):
    assert plan_slots(text) == plans


def test_device_number_is_that_of_the_gpu():
    assert GPU_1.gpu == 1
    assert CPU.gpu is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a slot is missing"),
        ("cpu,", "a slot is missing"),
        ("gpu", "which GPU is missing"),
        ("gpu:x", "'gpu:x' is no slot"),
        ("gpu:0*2", "a GPU renders one frame at a time"),
        ("gpu:0,gpu:0", "gpu:0 is named twice"),
        ("0", "1 to 256 slots"),
        ("cpu*0", "1 to 256 slots"),
        ("257", "1 to 256 slots"),
        ("-1", "'-1' is no slot"),
        ("cuda:0", "'cuda:0' is no slot"),
        ("2.5", "'2.5' is no slot"),
        ("²", "is no slot"),
    ],
)
def test_anything_else_is_refused_with_the_reason_and_how_to_write_it(text, reason):
    with pytest.raises(SlotsError) as caught:
        plan_slots(text)

    assert reason in str(caught.value)
    assert "write it like 2, cpu, cpu*2, gpu:0 or gpu:0,gpu:1,cpu" in str(caught.value)
