"""The movie and join executors with real pictures and real encoders."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from OpenImageIO import ImageOutput, ImageSpec

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.contract import SlotResources
from framefarm.agent.executors.join import JoinExecutor
from framefarm.agent.executors.movie import MovieExecutor
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
def resources(tmp_path: Path) -> Iterator[SlotResources]:
    with slot_resources(tmp_path) as made:
        yield made


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
    resources: SlotResources, inputs: tuple[InputFile, ...], folder: Path, unit: int = 0
) -> tuple[Outcome, Steps]:
    workdir = folder / f"segment-{unit}"
    await asyncio.to_thread(workdir.mkdir)
    steps = Steps()
    work = unit_work("movie", MOVIE, unit=unit, inputs=inputs)
    return await MovieExecutor(resources).run(work, workdir, steps), steps


async def test_segment_is_made_of_its_frames_and_told_frame_by_frame(
    resources: SlotResources, tmp_path: Path
):
    inputs = pictures(resources, tmp_path, 4)

    outcome, steps = await encode(resources, inputs, tmp_path, unit=3)
    await asyncio.sleep(0)

    (segment,) = outcome.files
    assert (segment.name, segment.role) == ("segment/00003.mp4", "segment")
    assert outcome.facts.extra == {"frames": 4}
    assert steps.phases == ["fetching", "encoding"]
    assert steps.all[-1] == (4, 4, "encoding")


async def test_segments_are_joined_to_the_movie(resources: SlotResources, tmp_path: Path):
    frames = pictures(resources, tmp_path, 8)
    segments = []
    for unit, part in enumerate((frames[:4], frames[4:])):
        outcome, _ = await encode(resources, part, tmp_path, unit)
        segments.append(adopt(resources, outcome.files[0].path, 0))
    task = JoinTask(movie=MOVIE, name="shot_0001-0008.mp4", frames=8)

    work = unit_work("join", task, unit=0, inputs=tuple(segments))
    outcome = await JoinExecutor(resources).run(work, tmp_path, Steps())

    (movie,) = outcome.files
    assert (movie.name, movie.role) == ("shot_0001-0008.mp4", "movie")
    with av.open(str(movie.path)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 8


async def test_movie_with_too_few_frames_is_a_failure(resources: SlotResources, tmp_path: Path):
    outcome, _ = await encode(resources, pictures(resources, tmp_path, 4), tmp_path)
    segment = adopt(resources, outcome.files[0].path, 0)
    task = JoinTask(movie=MOVIE, name="shot.mp4", frames=8)

    with pytest.raises(UnitFailedError, match="4 frames instead of 8"):
        await JoinExecutor(resources).run(
            unit_work("join", task, inputs=(segment,)), tmp_path, Steps()
        )


async def test_frame_that_is_gone_fails_as_missing_input(resources: SlotResources, tmp_path: Path):
    gone = InputFile(0, "0001.png", "0" * 64, 10)

    with pytest.raises(UnitFailedError) as failed:
        await encode(resources, (gone,), tmp_path)

    assert failed.value.reason == "input_missing"


async def test_no_frames_fail_as_missing_input(resources: SlotResources, tmp_path: Path):
    with pytest.raises(UnitFailedError) as failed:
        await encode(resources, (), tmp_path)

    assert failed.value.reason == "input_missing"


async def test_frame_that_is_no_picture_is_a_failure(resources: SlotResources, tmp_path: Path):
    path = tmp_path / "bad.png"
    await asyncio.to_thread(path.write_bytes, b"no picture")

    with pytest.raises(UnitFailedError) as failed:
        await encode(resources, (adopt(resources, path, 0),), tmp_path)

    assert failed.value.reason == "error"


@pytest.mark.parametrize("wrong", [{"codec": "none"}, {"container": "avi"}, {"fps_denominator": 0}])
async def test_settings_no_movie_can_have_are_refused(
    resources: SlotResources, tmp_path: Path, wrong: dict[str, object]
):
    work = unit_work("movie", msgspec.structs.replace(MOVIE, **wrong))

    with pytest.raises(UnitFailedError) as failed:
        await MovieExecutor(resources).run(work, tmp_path, Steps())

    assert failed.value.reason == "refused"


async def test_cancelled_segment_stops_at_the_next_frame_and_leaves_no_file(
    resources: SlotResources, tmp_path: Path
):
    inputs = pictures(resources, tmp_path, 4) * 200
    encoding = asyncio.create_task(encode(resources, inputs, tmp_path))
    folder = tmp_path / "segment-0"
    while not await asyncio.to_thread(lambda: folder.exists() and any(folder.iterdir())):
        assert not encoding.done()

    encoding.cancel()
    await asyncio.wait([encoding], timeout=2.0)

    assert encoding.cancelled()
    assert not await asyncio.to_thread(lambda: list(folder.iterdir()))
