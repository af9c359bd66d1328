"""The render executor with a Blender that is none: what it asks of it, and what it does when it
fails. Real files, no real process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from framefarm.agent.errors import UnitFailedError
from framefarm.agent.executors.blenders import BlenderNeed
from framefarm.agent.executors.contract import SlotResources
from framefarm.agent.executors.render import RenderExecutor
from framefarm.agent.work import Outcome
from framefarm.blender.warm import (
    ConfiguredScene,
    FrameProgress,
    OnProgress,
    OpenedFile,
    RenderedFrame,
    RenderSettings,
    WrittenFile,
)
from framefarm.processes.errors import ChildCrashedError, ChildRefusedError, ChildStartError
from framefarm.protocol.tasks import RenderTask
from tests.integration.agent.resources import SlowLine, Steps, slot_resources, unit_work

CONTENT = b"BLENDER-v500"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


class FakeBlender:
    """Does what its `act` says when asked for a frame."""

    def __init__(self, need: BlenderNeed) -> None:
        self.version_text = "5.0.1"
        self.need = need
        self.alive = True
        self.opened: list[Path] = []
        self.configured: list[RenderSettings] = []
        self.act: Callable[[], None] = lambda: None
        self.hang = asyncio.Event()
        self.hang.set()
        self.rendering = asyncio.Event()
        self.spent = False
        self.killed = False
        self.others: tuple[str, ...] = ()
        self.writes_nothing = False

    async def open(self, path: Path, *, stall_s: float | None = None) -> OpenedFile:  # noqa: ARG002
        self.opened.append(path)
        return OpenedFile("Scene", ("Scene",), (), again=False, log_text="")

    async def configure(
        self,
        settings: RenderSettings,
        *,
        stall_s: float | None = None,  # noqa: ARG002
    ) -> ConfiguredScene:
        self.configured.append(settings)
        return ConfiguredScene("Scene", "CYCLES", "Camera", "PNG")

    async def render(
        self,
        frame: int,
        out_dir: Path,
        *,
        on_progress: OnProgress | None = None,
        stall_s: float | None = None,  # noqa: ARG002
    ) -> RenderedFrame:
        if on_progress:
            on_progress(FrameProgress(frame, "render", 1, 4))
        self.rendering.set()
        await self.hang.wait()
        try:
            self.act()
        except ChildCrashedError:
            self.alive = False
            raise
        return self.rendered(frame, out_dir)

    def rendered(self, frame: int, out_dir: Path) -> RenderedFrame:
        names = [] if self.writes_nothing else [f"shot_{frame:04d}.png"]
        written = [WrittenFile(str(out_dir / name), name) for name in (*names, *self.others)]
        for file in written:
            Path(file.path).parent.mkdir(parents=True, exist_ok=True)
            Path(file.path).write_bytes(PNG)
        return RenderedFrame(
            frame=frame,
            files=tuple(written[: len(names)]),
            others=tuple(written[len(names) :]),
            seconds=1.5,
            phases={"render": 1.0},
            peak_memory_bytes=1234,
            device="CPU",
            width=1,
            height=1,
            file_format="PNG",
            samples=4,
            log_text="Saved\n",
        )

    def needs_recycling(self, *, max_idle_s: float, max_rss_bytes: int) -> bool:
        assert max_idle_s > 0
        assert max_rss_bytes > 0
        return self.spent or not self.alive

    async def quit(self, *, grace_s: float = 2.0) -> None:  # noqa: ARG002
        self.alive = False

    async def kill(self) -> None:
        self.alive, self.killed = False, True


class Farm:
    """A render executor, its Blenders so far, and a .blend in its cache."""

    def __init__(self, resources: SlotResources, root: Path) -> None:
        self.root = root
        self.resources = resources
        self.started: list[FakeBlender] = []
        self.cannot_start = False
        self.executor = RenderExecutor(resources, start=self.start)
        self.steps = Steps()
        self._units = 0
        blend = root / "cached.blend"
        blend.write_bytes(CONTENT)
        resources.cache.adopt(blend, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))

    async def start(self, need: BlenderNeed) -> FakeBlender:
        if self.cannot_start:
            raise ChildStartError("it does not start")
        self.started.append(FakeBlender(need))
        return self.started[-1]

    @property
    def blender(self) -> FakeBlender:
        return self.started[-1]

    async def render(self, frame: int = 1, **task: object) -> Outcome:
        self._units += 1
        workdir = self.root / f"unit-{self._units}"
        await asyncio.to_thread(workdir.mkdir)
        return await self.executor.run(
            unit_work("render", make_task(**task), unit=frame), workdir, self.steps
        )


def make_task(content: bytes = CONTENT, **changes: object) -> RenderTask:
    task = RenderTask(
        blend_sha256=hashlib.sha256(content).hexdigest(),
        blend_name="shot.blend",
        blend_size_bytes=len(content),
        blender="5.0",
        file_format="PNG",
        frame_path="shot_####",
        extension=".png",
        expect_width=1,
        expect_height=1,
    )
    return msgspec.structs.replace(task, **changes)


def sha_and_size(content: bytes) -> dict[str, object]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"blend_sha256": sha256, "blend_size_bytes": len(content)}


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Farm]:
    async with slot_resources(tmp_path) as resources:
        yield Farm(resources, tmp_path)


async def test_frame_comes_with_its_picture_facts_thumbnail_and_log(farm: Farm):
    outcome = await farm.render(7)

    (picture,) = outcome.files
    assert (picture.name, picture.role) == ("shot_0007.png", "image")
    assert outcome.facts.seconds == 1.5
    assert outcome.facts.blender == "5.0.1"
    assert outcome.facts.device == "CPU"
    log, thumbnail = await outcome.later()
    assert (log.name, log.role, log.path.read_text()) == ("log/0007.txt", "log", "Saved\n")
    assert (thumbnail.name, thumbnail.role) == ("thumb/0007.webp", "thumbnail")
    assert thumbnail.path.read_bytes()[8:12] == b"WEBP"


async def test_l10_bytes_that_keep_coming_are_progress(tmp_path: Path):
    content = b"BLENDER-v500".ljust(40, b".")
    async with slot_resources(tmp_path, SlowLine(content)) as resources:
        farm = Farm(resources, tmp_path)
        await farm.render(1, **sha_and_size(content))

    fetched = [(done, total) for done, total, phase in farm.steps.all if phase == "fetching"]
    assert fetched == [(tenth * 10, 100) for tenth in range(11)]


async def test_file_output_nodes_files_come_as_layers(farm: Farm):
    await farm.render(1)
    farm.blender.others = ("passes/depth_0002.exr", "../outside.exr")

    outcome = await farm.render(2)

    assert [(file.name, file.role) for file in outcome.files[1:]] == [
        ("passes/depth_0002.exr", "layer"),
        ("outside.exr", "layer"),
    ]


async def test_picture_that_cannot_be_shrunk_has_no_thumbnail_and_is_no_failure(farm: Farm):
    outcome = await farm.render(1)
    outcome.files[0].path.write_bytes(b"no picture")

    assert [file.role for file in await outcome.later()] == ["log"]


async def test_same_job_is_opened_and_configured_once(farm: Farm):
    for frame in (1, 2, 3):
        await farm.render(frame)

    assert len(farm.started) == len(farm.blender.opened) == len(farm.blender.configured) == 1


async def test_other_settings_of_the_same_file_keep_the_process(farm: Farm):
    await farm.render(1)
    await farm.render(1, samples=16, width=64, height=32)

    assert len(farm.started) == 1
    settings = farm.blender.configured[1]
    assert (settings.samples, settings.resolution) == (16, (64, 32))


async def test_scripts_allowed_take_another_process(farm: Farm):
    await farm.render(1)
    await farm.render(1, allow_scripts=True)

    assert [blender.need.allow_scripts for blender in farm.started] == [False, True]
    assert not farm.started[0].alive


async def test_warm_names_the_file_in_the_running_blender(farm: Farm):
    assert farm.executor.warm is None
    await farm.render(1)
    assert farm.executor.warm == hashlib.sha256(CONTENT).hexdigest()

    await farm.blender.kill()

    assert farm.executor.warm is None


async def test_file_in_its_own_place_is_opened_there(farm: Farm, tmp_path: Path):
    own = tmp_path / "mine.blend"
    await asyncio.to_thread(own.write_bytes, CONTENT)

    await farm.render(1, source_path=str(own))

    assert farm.blender.opened == [own]


async def test_file_changed_in_its_own_place_comes_from_the_cache(farm: Farm, tmp_path: Path):
    own = tmp_path / "mine.blend"
    await asyncio.to_thread(own.write_bytes, CONTENT)
    await farm.render(1, source_path=str(own))

    await asyncio.to_thread(own.write_bytes, CONTENT.swapcase() + b"more")
    await farm.render(2, source_path=str(own))

    assert farm.blender.opened[0] == own
    assert farm.blender.opened[1] != own


async def test_missing_file_fails_as_missing_input(farm: Farm):
    with pytest.raises(UnitFailedError, match=r"shot\.blend") as failed:
        await farm.render(1, content=b"BLENDER-other")

    assert failed.value.reason == "input_missing"
    assert not farm.started


async def test_newer_file_than_any_blender_here_fails_with_what_to_install(farm: Farm):
    with pytest.raises(UnitFailedError, match=r"framefarm blender install 9\.9") as failed:
        await farm.render(1, blender="9.9")

    # Another worker may have it.
    assert failed.value.reason == "error"


async def test_crash_fails_the_unit_and_the_next_one_gets_a_new_blender(farm: Farm):
    await farm.render(1)

    def crash() -> None:
        raise ChildCrashedError("Blender", "rendering", exit_code=-11, log_tail="last words")

    farm.blender.act = crash
    with pytest.raises(UnitFailedError) as failed:
        await farm.render(2)
    assert (failed.value.reason, failed.value.log_tail) == ("crashed", "last words")

    await farm.render(2)

    assert len(farm.started) == 2
    assert len(farm.blender.opened) == 1


async def test_refusal_keeps_the_process_and_loads_again(farm: Farm):
    await farm.render(1)

    def refuse() -> None:
        raise ChildRefusedError("no_camera", "no")

    farm.blender.act = refuse
    with pytest.raises(UnitFailedError) as failed:
        await farm.render(2)
    assert failed.value.reason == "refused"
    farm.blender.act = lambda: None

    await farm.render(2)

    assert len(farm.started) == 1
    assert len(farm.blender.configured) == 2


async def test_blender_that_does_not_start_fails_the_unit(farm: Farm):
    farm.cannot_start = True

    with pytest.raises(UnitFailedError, match="does not start") as failed:
        await farm.render(1)

    assert failed.value.reason == "crashed"


async def test_frame_without_a_picture_is_a_failure(farm: Farm):
    await farm.render(1)
    farm.blender.writes_nothing = True

    with pytest.raises(UnitFailedError, match="no PNG image for frame 2"):
        await farm.render(2)


async def test_cancelled_frame_kills_the_blender(farm: Farm):
    await farm.render(1)
    blender = farm.blender
    blender.hang.clear()
    blender.rendering.clear()
    rendering = asyncio.create_task(farm.render(2))
    await asyncio.wait_for(blender.rendering.wait(), 60)

    rendering.cancel()
    await asyncio.wait([rendering], timeout=60)

    assert rendering.cancelled()
    assert blender.killed
    await farm.render(2)
    assert len(farm.started) == 2


async def test_progress_tells_what_goes_on(farm: Farm):
    await farm.render(1)

    assert farm.steps.phases == ["starting Blender", "loading", "render"]
    assert farm.steps.all[-1] == (1, 4, "render")


async def test_prepare_starts_the_blender_of_the_first_job(farm: Farm):
    await farm.executor.prepare()

    await farm.render(1)

    assert len(farm.started) == 1


async def test_prepare_that_fails_is_silent(farm: Farm):
    farm.cannot_start = True

    await farm.executor.prepare()

    farm.cannot_start = False
    await farm.render(1)


async def test_spent_blender_is_ended_by_upkeep_and_replaced(farm: Farm):
    await farm.render(1)
    await farm.executor.upkeep()
    assert farm.blender.alive

    farm.blender.spent = True
    await farm.executor.upkeep()
    assert not farm.blender.alive

    await farm.render(2)
    assert len(farm.started) == 2


async def test_close_kills_the_blender(farm: Farm):
    await farm.render(1)

    await farm.executor.close()

    assert farm.blender.killed
