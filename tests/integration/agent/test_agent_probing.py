"""For how long it is remembered that a device does not work."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from framefarm.agent.probing import FAILURES_FOR_S, FILE_NAME, DeviceProber, Findings
from framefarm.blender.orders import CyclesDevice
from tests.integration.agent.resources import BLENDER, JOURNAL

GPU = CyclesDevice("CUDA_0", "RTX", "CUDA")


@pytest.fixture
def prober(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeviceProber:
    monkeypatch.setattr("framefarm.agent.probing.driver_version", lambda: "driver 1")
    return DeviceProber(BLENDER, tmp_path, JOURNAL)


def remember(folder: Path, found: Findings) -> None:
    key = f"{BLENDER.full_version}|{BLENDER.path}|driver 1"
    (folder / FILE_NAME).write_bytes(msgspec.json.encode({key: found}))


@pytest.mark.parametrize(
    ("age_s", "counts"),
    [
        (FAILURES_FOR_S - 600, True),
        (FAILURES_FOR_S + 1, False),
        # The clock was set back.
        (-600, False),
    ],
)
async def test_a_device_that_failed_is_tried_again_after_a_day(
    prober: DeviceProber, tmp_path: Path, age_s: float, *, counts: bool
):
    works = {"CPU": True, GPU.id: False}
    remember(tmp_path, Findings((GPU,), works, {GPU.id: time.time() - age_s}))

    found = await prober.find()

    assert found.devices == (GPU,)
    assert found.works == (works if counts else {"CPU": True})


async def test_a_failure_of_which_nobody_knows_when_is_tried_again(
    prober: DeviceProber, tmp_path: Path
):
    remember(tmp_path, Findings((GPU,), {"CPU": True, GPU.id: False}))

    assert (await prober.find()).works == {"CPU": True}


def test_a_success_is_remembered_without_an_end():
    found = Findings((GPU,)).after("CPU", works=True, now=0.0).after(GPU.id, works=False, now=5.0)

    assert found.lately(1e9).works == {"CPU": True}
    assert found.lately(6.0).works == {"CPU": True, GPU.id: False}
    assert found.after(GPU.id, works=True, now=7.0).lately(1e9).works == {"CPU": True, GPU.id: True}
