"""GPUs as Cycles and the system tell them, and where slots render."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from framefarm.agent.errors import NoSuchGpuError, TooManyCoresError
from framefarm.agent.executors.placement import misplaced
from framefarm.agent.gpus import Gpu, SystemGpu, gpu_facts, gpus_of, nvidia_memory
from framefarm.agent.machine import allowed_cores, worth_telling
from framefarm.agent.places import pinned_cores, places
from framefarm.agent.probing import Findings, working_devices
from framefarm.agent.settings import AgentSettings
from framefarm.blender.orders import CyclesDevice
from framefarm.protocol.messages import GpuFacts, MachineFacts

GIB = 1 << 30
RTX = "NVIDIA GeForce RTX 4090"
# As Cycles names them: backend, name and PCI address.
LISTED = (
    CyclesDevice("OPTIX", RTX, f"CUDA_{RTX}_0000:41:00_OptiX"),
    CyclesDevice("OPTIX", RTX, f"CUDA_{RTX}_0000:01:00_OptiX"),
    CyclesDevice("CUDA", RTX, f"CUDA_{RTX}_0000:41:00"),
    CyclesDevice("CUDA", RTX, f"CUDA_{RTX}_0000:01:00"),
)
KNOWN = (SystemGpu("0000:01:00", RTX, "GPU-aaa", 24 * GIB), SystemGpu("0000:41:00", RTX, "GPU-bbb"))


def settings(**values: object) -> AgentSettings:
    return AgentSettings(data_dir=Path("/data"), **values)  # type: ignore[arg-type]


def test_a_gpu_with_two_backends_is_one_and_they_are_counted_by_address():
    first, second = gpus_of(LISTED, KNOWN)

    assert (first.key, first.uuid, first.memory_bytes) == ("0000:01:00", "GPU-aaa", 24 * GIB)
    assert [way.backend for way in first.ways] == ["OPTIX", "CUDA"]
    assert second.key == "0000:41:00"


def test_gpus_without_an_address_are_told_apart_by_their_ids():
    devices = [CyclesDevice("METAL", "Apple M2", "METAL_Apple M2"), *LISTED[:1]]

    assert {gpu.name for gpu in gpus_of(devices)} == {"Apple M2", RTX}


def test_backend_that_was_found_to_fail_is_not_used():
    gpu = gpus_of(LISTED, KNOWN)[0]

    assert gpu.best_way({}).backend == "OPTIX"
    assert gpu.best_way({gpu.ways[0].id: False}).backend == "CUDA"
    assert gpu.best_way({way.id: False for way in gpu.ways}).backend == "OPTIX"


def test_facts_say_whether_a_gpu_works():
    gpus = gpus_of(LISTED, KNOWN)
    works = {gpus[0].ways[0].id: True, gpus[1].ways[0].id: False, gpus[1].ways[1].id: False}

    assert gpu_facts(gpus, works) == (
        GpuFacts(RTX, "OPTIX", 24 * GIB, works=True),
        GpuFacts(RTX, "OPTIX", 0, works=False),
    )
    assert gpu_facts(gpus, {})[0].works is None


def test_devices_that_work_are_named_once():
    works = {"CPU": True, LISTED[0].id: True, LISTED[1].id: True, LISTED[2].id: False}

    assert working_devices(Findings(LISTED, works)) == ("CPU", "OPTIX")


def test_memory_is_read_from_what_nvidia_smi_answers():
    told = "00000000:01:00.0, 24564\n00000000:41:00.0, [N/A]\n\nnonsense\n"

    assert nvidia_memory(told) == {"0000:01:00": 24564 << 20}


def test_each_gpu_slot_is_pinned_to_its_own_gpu():
    found = places(settings(slots="gpu:0,gpu:1,cpu"), gpus_of(LISTED, KNOWN), {}, blender="B")

    assert found["gpu:0"].cycles_device == f"GPU:CUDA_{RTX}_0000:01:00_OptiX"
    assert found["gpu:0"].limits.environment == {"CUDA_VISIBLE_DEVICES": "GPU-aaa"}
    assert found["gpu:1"].cycles_device == f"GPU:CUDA_{RTX}_0000:41:00_OptiX"
    assert found["cpu"].cycles_device == "CPU"
    assert found["cpu"].limits.environment == {}


@pytest.mark.parametrize(
    ("gpus", "words"),
    [
        ((), "Blender 5.0.1 finds no GPU that Cycles can use; the slots there are: cpu"),
        (gpus_of(LISTED[:1]), f"finds gpu:0 ({RTX}); the slots there are: cpu and these"),
    ],
)
def test_gpu_that_is_not_there_is_refused_and_what_is_there_is_said(
    gpus: tuple[Gpu, ...], words: str
):
    with pytest.raises(NoSuchGpuError) as caught:
        places(settings(slots="cpu,gpu:1"), gpus, {}, blender="Blender 5.0.1")

    assert str(caught.value).startswith("there is no gpu:1 here: Blender 5.0.1 ")
    assert words in str(caught.value)


def test_children_are_pinned_to_the_last_cores():
    allowed = allowed_cores()

    assert pinned_cores(None) == ()
    assert pinned_cores(1) == allowed[-1:]
    with pytest.raises(TooManyCoresError, match="may use"):
        pinned_cores(len(allowed) + 1)


@pytest.mark.parametrize(
    ("asked", "device", "wrong"),
    [
        ("CPU", "CPU", False),
        ("CPU", "llvmpipe (LLVM 15)", False),
        ("GPU:0", f"OPTIX: {RTX}", False),
        ("GPU:0", "NVIDIA GeForce RTX 4090/PCIe/SSE2", False),
        ("GPU:0", "", False),
        ("GPU:0", "CPU", True),
        ("GPU:1", "llvmpipe (LLVM 15.0.7, 256 bits)", True),
    ],
)
def test_processor_in_place_of_a_gpu_is_misplaced(asked, device, wrong):
    assert (misplaced(asked, device) is not None) == wrong


FACTS = MachineFacts(
    host="h",
    memory_bytes=64 * GIB,
    memory_free_bytes=40 * GIB,
    disk_free_bytes=100 * GIB,
    load=0.3,
    temperature_c=50.0,
)


@pytest.mark.parametrize(
    ("changes", "tell"),
    [
        ({}, False),
        ({"memory_free_bytes": 30 * GIB}, False),
        ({"memory_free_bytes": 20 * GIB}, True),
        ({"disk_free_bytes": 95 * GIB}, False),
        ({"disk_free_bytes": 70 * GIB}, True),
        ({"load": 0.7}, False),
        ({"load": 0.9}, True),
        ({"load": None}, True),
        ({"temperature_c": 55.0}, False),
        ({"temperature_c": 80.0}, True),
        ({"ip": "10.0.0.7"}, True),
        ({"devices": ("CPU",)}, True),
        ({"resting": "somebody uses the machine"}, True),
    ],
)
def test_only_real_changes_of_facts_are_worth_telling(changes, tell):
    assert worth_telling(FACTS, msgspec.structs.replace(FACTS, **changes)) == tell
