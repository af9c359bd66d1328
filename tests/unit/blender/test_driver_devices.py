"""Which device Cycles is told to use, with a stand-in for Blender's preferences."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@dataclass
class Device:
    type: str
    name: str
    id: str
    use: bool = True


CPU = "Intel Xeon"


@dataclass
class Preferences:
    """As `bpy.context.preferences.addons["cycles"].preferences` behaves."""

    there: dict[str, list[Device]] = field(default_factory=dict)
    compute_device_type: str = "NONE"

    def get_devices_for_type(self, backend: str) -> list[Device]:
        if backend == "METAL":
            raise ValueError("METAL is not a backend of this build")
        # Cycles lists the processor beside the GPUs of every backend.
        return [*self.there.get(backend, []), Device("CPU", CPU, "CPU")]

    @property
    def devices(self) -> list[Device]:
        return self.there.get(self.compute_device_type, [])


@pytest.fixture
def preferences() -> Preferences:
    return Preferences(
        {
            "OPTIX": [
                Device("OPTIX", "RTX", "RTX_01_OptiX"),
                Device("OPTIX", "RTX", "RTX_02_OptiX"),
            ],
            "CUDA": [Device("CUDA", "RTX", "RTX_01"), Device("CUDA", "GTX", "GTX_03")],
        }
    )


@pytest.fixture
def devices(preferences: Preferences, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    bpy, gpu = ModuleType("bpy"), ModuleType("gpu")
    addons = {"cycles": SimpleNamespace(preferences=preferences)}
    bpy.context = SimpleNamespace(preferences=SimpleNamespace(addons=addons))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bpy", bpy)
    monkeypatch.setitem(sys.modules, "gpu", gpu)
    name = "framefarm.blender.driver.devices"
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def used(preferences: Preferences) -> list[str]:
    return [device.id for device in preferences.devices if device.use]


def test_every_gpu_is_listed_once_for_each_backend_and_the_processor_is_not(devices):
    listed = devices.list_devices()

    assert [(device["backend"], device["id"]) for device in listed] == [
        ("OPTIX", "RTX_01_OptiX"),
        ("OPTIX", "RTX_02_OptiX"),
        ("CUDA", "RTX_01"),
        ("CUDA", "GTX_03"),
    ]


@pytest.mark.parametrize(
    ("wanted", "backend"),
    [("RTX_02_OptiX", "OPTIX"), ("RTX_01", "CUDA"), ("GTX_03", "CUDA")],
)
def test_exactly_the_gpu_asked_for_is_used(devices, preferences, wanted, backend):
    assert devices.use_device(f"GPU:{wanted}") == "GPU"

    assert preferences.compute_device_type == backend
    assert used(preferences) == [wanted]
    scene = SimpleNamespace(
        render=SimpleNamespace(engine="CYCLES"), cycles=SimpleNamespace(device="GPU")
    )
    assert devices.device_in_use(scene).startswith(f"{backend}: ")


def test_another_gpu_asked_for_later_takes_the_place_of_the_first(devices, preferences):
    devices.use_device("GPU:RTX_01_OptiX")

    devices.use_device("GPU:RTX_02_OptiX")

    assert used(preferences) == ["RTX_02_OptiX"]


def test_gpu_without_a_name_is_all_of_the_best_backend(devices, preferences):
    assert devices.use_device("GPU") == "GPU"

    assert used(preferences) == ["RTX_01_OptiX", "RTX_02_OptiX"]


@pytest.mark.parametrize("wanted", ["GPU:gone", "GPU:CPU"])
def test_gpu_that_is_not_there_is_refused_and_what_is_there_is_said(devices, wanted):
    with pytest.raises(Exception, match="cannot use the GPU") as caught:
        devices.use_device(wanted)

    assert caught.value.kind == "device"
    assert "it finds GTX, RTX" in str(caught.value)


def test_no_gpu_at_all_is_said(devices, preferences):
    preferences.there.clear()

    with pytest.raises(Exception, match="cannot use a GPU on this machine; it finds none"):
        devices.use_device("GPU")


def test_processor_is_the_processor_whatever_gpus_there_are(devices):
    assert devices.use_device("CPU") == "CPU"
