from __future__ import annotations

import pytest

from framefarm.blender.driver.phases import PhaseClock


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


CYCLES = [
    (1.0, "Mem: 1M | Synchronizing object | Cube"),
    (2.0, "Mem: 1M | Updating Scene BVH | Building BVH 0%"),
    (1.0, "Mem: 2M | Sample 0/8"),
    (5.0, "Remaining: 00:00.15 | Mem: 6M | Sample 4/8"),
    (4.0, "Mem: 6M | Sample 8/8"),
    (0.5, "Mem: 6M | Finished"),
    (0.5, "Fra:4 Mem:17.12M (Peak 19.75M) | Time:00:00.43 | Compositing | Operation 2-3"),
    (3.0, "Time: 00:00.71 (Saving: 00:00.05)"),
]


def test_time_is_counted_towards_the_phase_it_was_spent_in() -> None:
    clock = Clock()
    phases = PhaseClock(clock)
    for seconds, text in CYCLES:
        clock.now += seconds
        phases.hear(text)
    clock.now += 0.25

    total, spent = phases.finish()

    assert total == pytest.approx(17.25)
    assert spent == pytest.approx({"sync": 4.0, "render": 9.5, "save": 0.75, "composite": 3.0})
    assert (phases.samples_done, phases.samples_total) == (8, 8)


@pytest.mark.parametrize(
    ("text", "phase", "samples"),
    [
        ("Mem: 6M | Sample 3/8", "render", (3, 8)),
        ("Fra:1 Mem:9M | Time:00:01.00 | Scene, ViewLayer | Sample 3/8", "render", (3, 8)),
        ("Scene, ViewLayer | Rendered 1/4 Tiles, Sample 128/256", "render", (128, 256)),
        ("Fra:1 Mem:9M | Rendering 12 / 64 samples", "render", (12, 64)),
        ("Mem: 6M | Denoising", "render", (0, 0)),
        ("Compositing | Tile 1-2", "composite", (0, 0)),
        ("Fra:1 Mem:9M | Extracting Objects", "sync", (0, 0)),
        ("something a later Blender says", "sync", (0, 0)),
        ("", "sync", (0, 0)),
    ],
)
def test_what_blender_says_is_understood(text: str, phase: str, samples: tuple[int, int]) -> None:
    phases = PhaseClock(Clock())
    phases.hear(text)
    assert phases.phase == phase
    assert (phases.samples_done, phases.samples_total) == samples


def test_a_blender_that_says_nothing_has_a_total_but_no_phases() -> None:
    clock = Clock()
    phases = PhaseClock(clock)
    phases.hear(None)
    clock.now += 3
    assert phases.phase == "render"
    assert phases.finish() == (3.0, {})
