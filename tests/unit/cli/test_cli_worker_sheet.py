"""All that is known of a worker, as people see it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from framefarm.cli.display.worker_sheet import worker_sheet
from framefarm.client.worker_views import (
    GpuFacts,
    MachineFacts,
    Quarantine,
    WorkerDetails,
    WorkerHistory,
)
from tests.unit.cli.fleet import GIB, work

AT = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
FACTS = MachineFacts(
    host="render-07",
    system="Linux 6.1.0 x86_64",
    mac="3c:ec:ef:00:11:22",
    ip="10.0.0.17",
    cpu="AMD Ryzen 9 7950X 16-Core Processor",
    cores=32,
    memory_bytes=64 * GIB,
    memory_free_bytes=21 * GIB,
    disk_free_bytes=412 * 10**9,
    gpus=(
        GpuFacts("NVIDIA GeForce RTX 4090", "OPTIX", 24 * GIB, works=True),
        GpuFacts("Old card", "CUDA", 2 * GIB, works=False),
    ),
    devices=("CPU", "OPTIX"),
    load=0.873,
    temperature_c=71.2,
)
BUSY = WorkerDetails(
    id="3" * 32,
    name="ants",
    state="busy",
    connected=True,
    pool="own",
    tags=("fast", "studio-2"),
    slots=(
        {
            "slot": "gpu:0",
            "kinds": ["render"],
            "blenders": [{"version": "5.0", "full": "5.0.1"}, {"version": "4.5"}],
            "device": "GPU:0",
            "threads": 2,
            "memory_bytes": 24 * GIB,
        },
        {"slot": "media", "kinds": ["movie"], "threads": 32},
    ),
    agent_version="0.3.0",
    first_seen_at=AT,
    last_seen_at=AT,
    work=(work(slot="gpu:0"),),
    facts=FACTS,
    history=WorkerHistory(4_210, 112_320.0, 12, 3, AT),
    answered=True,
)


def but(**changes) -> WorkerDetails:
    return msgspec.structs.replace(BUSY, **changes)


def test_everything_is_said_and_fits_80_columns():
    sheet = worker_sheet(BUSY, width=80)

    assert max(map(len, sheet.splitlines())) <= 80
    for said in (
        "ants  (33333333333333333333333333333333)",
        "state       busy\n",
        "host        render-07 (10.0.0.17, 3c:ec:ef:00:11:22)",
        "system      Linux 6.1.0 x86_64",
        "processor   AMD Ryzen 9 7950X 16-Core Processor, 32 cores, load 87 %, 71 °C",
        "memory      64.0 GiB, 21.0 GiB free",
        "disk        412 GB free",
        "GPU         NVIDIA GeForce RTX 4090, 24.0 GiB, OPTIX, works",
        "            Old card, 2.0 GiB, CUDA, does not work",
        "renders on  CPU, OPTIX",
        "Blender     4.5, 5.0.1",
        "agent       FrameFarm 0.3.0",
        "pool        own",
        "tags        fast, studio-2",
        "last seen   now",
        "gpu:0  GPU:0         2  24.0 GiB  job 12 frame 57 41 % (shot_010)",
        "history     4,210 units done in 1 d 7 h, last 2026-11-24",
        "            12 failed, 3 lost",
    ):
        assert said in sheet
    assert "warning" not in sheet


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [
        (5.1, "its clock was 5.1 s ahead of the manager's"),
        (-3_600.0, "its clock was 1 h 00 min behind the manager's"),
    ],
)
def test_a_clock_that_is_off_is_warned_of(ahead_s, said):
    sheet = worker_sheet(but(clock_ahead_s=ahead_s), width=200)

    assert f"warning     {said}" in sheet
    assert "warning" not in worker_sheet(but(clock_ahead_s=4.9))


def test_a_worker_that_did_not_answer_is_warned_of():
    assert "did not answer within 2 s" in worker_sheet(but(answered=False))
    assert "did not answer" not in worker_sheet(but(answered=None, connected=False))


def test_a_worker_of_which_little_is_known_has_no_empty_lines_within_its_parts():
    bare = WorkerDetails(id="1" * 32, name="new", state="offline", silent_s=7_200)

    sheet = worker_sheet(bare, width=80)

    assert "state       offline 2 h" in sheet
    assert "Blender     none" in sheet
    assert "\n\n\n" not in sheet
    assert "history     0 units done" in sheet
    assert not [line for line in sheet.splitlines() if line.strip() in {"GPU", "memory", "tags"}]


def test_why_and_until_when_a_worker_is_quarantined_is_said():
    quarantine = Quarantine("render", "5.0", "it broke 3 units", since_at=AT, until_at=AT)
    sheet = worker_sheet(
        but(state="quarantined", reason="it broke 3 units", quarantines=(quarantine,))
    )

    assert "state       quarantined: it broke 3 units" in sheet
    assert "quarantine  render with Blender 5.0 until 2026-11-24" in sheet
