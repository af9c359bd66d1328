"""What a worker offers."""

from __future__ import annotations

from pathlib import Path

import pytest

from framefarm.agent.http import BadUrlError, check_url, connect_url, is_loopback
from framefarm.agent.offers import slot_offers, threads_per_slot
from framefarm.agent.settings import AgentSettings
from framefarm.blender.installations import BlenderInstallation
from framefarm.core.versions import BlenderVersion

GIB = 1 << 30
SETTINGS = AgentSettings(data_dir=Path("/data"))


def blender(full: str, path: str = "/b") -> BlenderInstallation:
    return BlenderInstallation("executable", BlenderVersion.parse(full), full, Path(path))


def test_one_rendering_slot_and_one_for_media_by_default():
    offers = slot_offers(SETTINGS, [blender("5.0.1")], cores=8, memory_bytes=64 * GIB)

    assert [(o.slot, o.kinds, o.threads) for o in offers] == [
        ("cpu", ("render", "trial"), 8),
        ("media", ("movie", "join"), 8),
    ]
    assert offers[0].blenders[0].version == "5.0"
    assert not offers[1].blenders


def test_cores_are_shared_between_slots():
    settings = AgentSettings(data_dir=Path("/data"), slots=3, media=False)

    offers = slot_offers(settings, [], cores=8, memory_bytes=64 * GIB)

    assert [(o.slot, o.threads) for o in offers] == [("cpu", 2), ("cpu-2", 2), ("cpu-3", 2)]


def test_gpu_slots_say_their_device_and_every_slot_its_memory():
    settings = AgentSettings(data_dir=Path("/data"), slots="cpu,gpu:1,gpu:0")

    offers = slot_offers(settings, [], cores=8, memory_bytes=60 * GIB)

    assert [(o.slot, o.device, o.memory_bytes // GIB) for o in offers] == [
        ("gpu:0", "GPU:0", 20),
        ("gpu:1", "GPU:1", 20),
        ("cpu", "CPU", 20),
        ("media", "CPU", 60),
    ]


def test_memory_limit_is_what_a_slot_offers():
    settings = AgentSettings(data_dir=Path("/data"), slots=2, memory_bytes=8 * GIB, media=False)

    offers = slot_offers(settings, [], cores=8, memory_bytes=60 * GIB)

    assert {offer.memory_bytes for offer in offers} == {8 * GIB}


def test_asked_threads_win():
    assert threads_per_slot(AgentSettings(data_dir=Path("/data"), threads=5), cores=2) == 5
    assert threads_per_slot(AgentSettings(data_dir=Path("/data"), slots=9), cores=2) == 1


def test_without_a_blender_no_rendering_is_offered():
    assert slot_offers(SETTINGS, [], cores=2, memory_bytes=64 * GIB)[0].kinds == ("trial",)


def test_each_version_is_offered_once_as_preferred():
    found = [blender("4.5.3", "/a"), blender("5.0.1"), blender("4.5.1", "/c")]

    offered = slot_offers(SETTINGS, found, cores=2, memory_bytes=64 * GIB)[0].blenders

    assert [(o.version, o.full) for o in offered] == [("4.5", "4.5.3"), ("5.0", "5.0.1")]


@pytest.mark.parametrize("url", ["", "box:7070", "ftp://box", "http://", "http:///x"])
def test_address_that_is_none_is_refused(url: str):
    with pytest.raises(BadUrlError, match="address of a manager"):
        check_url(url)


def test_addresses_of_the_endpoints():
    assert check_url("http://box:7070/") == "http://box:7070"
    assert connect_url("http://box:7070") == "ws://box:7070/api/workers/connect"
    assert connect_url("https://box/farm") == "wss://box/farm/api/workers/connect"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_loopback_is_recognised(url: str):
    assert is_loopback(url)
    assert not is_loopback("http://box:7070")
