"""The executor of movies with real pictures, in a real process with real encoders."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from OpenImageIO import ImageOutput, ImageSpec

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.contract import SlotResources
from framefarm.agent.executors.media import MediaExecutor
from framefarm.agent.work import Outcome
from framefarm.protocol.messages import InputFile
from framefarm.protocol.tasks import JoinTask, MovieTask
from tests.integration.agent.resources import Steps, slot_resources, unit_work

MOVIE = MovieTask(
    container="mp4",
    codec="h264",
    fps_numerator=24,
    fps_denominator=1,
    width=64,
    height=48,
    segment_frames=4,
)


@pytest.fixture
async def resources(tmp_path: Path) -> AsyncIterator[SlotResources]:
    async with slot_resources(tmp_path) as made:
        yield made


@pytest.fixture
async def media(resources: SlotResources) -> AsyncIterator[MediaExecutor]:
    executor = MediaExecutor(resources)
    yield executor
    await executor.close()


def adopt(resources: SlotResources, path: Path, unit: int) -> InputFile:
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    resources.cache.adopt(path, sha256, len(content))
    return InputFile(unit, path.name, sha256, len(content))


def pictures(resources: SlotResources, folder: Path, count: int) -> tuple[InputFile, ...]:
    inputs = []
    for number in range(count):
        path = folder / f"{number:04d}.png"
        target = ImageOutput.create("png")
        target.open(str(path), ImageSpec(64, 48, 3, "uint8"))
        target.write_image(np.full((48, 64, 3), number * 20, np.uint8))
        target.close()
        inputs.append(adopt(resources, path, 0))
    return tuple(inputs)


async def encode(
    media: MediaExecutor, inputs: tuple[InputFile, ...], folder: Path, unit: int = 0
) -> tuple[Outcome, Steps]:
    workdir = folder / f"segment-{unit}"
    await asyncio.to_thread(workdir.mkdir)
    steps = Steps()
    work = unit_work("movie", MOVIE, unit=unit, inputs=inputs)
    return await media.run(work, workdir, steps), steps


async def test_segment_is_made_of_its_frames_and_told_frame_by_frame(
    media: MediaExecutor, resources: SlotResources, tmp_path: Path
):
    inputs = pictures(resources, tmp_path, 4)

    outcome, steps = await encode(media, inputs, tmp_path, unit=3)

    (segment,) = outcome.files
    assert (segment.name, segment.role) == ("segment/00003.mp4", "segment")
    assert outcome.facts.extra == {"frames": 4}
    assert steps.phases == ["fetching", "encoding"]
    assert steps.all[-1] == (4, 4, "encoding")


async def test_segments_are_joined_to_the_movie(
    media: MediaExecutor, resources: SlotResources, tmp_path: Path
):
    frames = pictures(resources, tmp_path, 8)
    segments = []
    for unit, part in enumerate((frames[:4], frames[4:])):
        outcome, _ = await encode(media, part, tmp_path, unit)
        segments.append(adopt(resources, outcome.files[0].path, 0))
    task = JoinTask(movie=MOVIE, name="shot_0001-0008.mp4", frames=8)

    work = unit_work("join", task, unit=0, inputs=tuple(segments))
    outcome = await media.run(work, tmp_path, Steps())

    (movie,) = outcome.files
    assert (movie.name, movie.role) == ("shot_0001-0008.mp4", "movie")
    with av.open(str(movie.path)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 8


async def test_movie_with_too_few_frames_is_a_failure(
    media: MediaExecutor, resources: SlotResources, tmp_path: Path
):
    outcome, _ = await encode(media, pictures(resources, tmp_path, 4), tmp_path)
    segment = adopt(resources, outcome.files[0].path, 0)
    task = JoinTask(movie=MOVIE, name="shot.mp4", frames=8)

    with pytest.raises(UnitFailedError, match="4 frames instead of 8"):
        await media.run(unit_work("join", task, inputs=(segment,)), tmp_path, Steps())


async def test_frame_that_is_gone_fails_as_missing_input(media: MediaExecutor, tmp_path: Path):
    gone = InputFile(0, "0001.png", "0" * 64, 10)

    with pytest.raises(UnitFailedError) as failed:
        await encode(media, (gone,), tmp_path)

    assert failed.value.reason == "input_missing"


async def test_no_frames_fail_as_missing_input(media: MediaExecutor, tmp_path: Path):
    with pytest.raises(UnitFailedError) as failed:
        await encode(media, (), tmp_path)

    assert failed.value.reason == "input_missing"


async def test_frame_that_is_no_picture_is_a_failure(
    media: MediaExecutor, resources: SlotResources, tmp_path: Path
):
    path = tmp_path / "bad.png"
    await asyncio.to_thread(path.write_bytes, b"no picture")

    with pytest.raises(UnitFailedError) as failed:
        await encode(media, (adopt(resources, path, 0),), tmp_path)

    assert failed.value.reason == "error"


@pytest.mark.parametrize("wrong", [{"codec": "none"}, {"container": "avi"}, {"fps_denominator": 0}])
async def test_settings_no_movie_can_have_are_refused(
    media: MediaExecutor, tmp_path: Path, wrong: dict[str, object]
):
    work = unit_work("movie", msgspec.structs.replace(MOVIE, **wrong))

    with pytest.raises(UnitFailedError) as failed:
        await media.run(work, tmp_path, Steps())

    assert failed.value.reason == "refused"
