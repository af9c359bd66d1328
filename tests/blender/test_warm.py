from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from framefarm.blender.blendfile import read_blend
from framefarm.blender.warm import FrameProgress, RenderSettings, WarmBlender
from framefarm.core.formats import EXTENSIONS
from framefarm.processes.errors import ChildRefusedError

from .pictures import pixels

pytestmark = pytest.mark.asyncio(loop_scope="module")

Scenes = dict[str, Path]


async def refusal(call: object) -> ChildRefusedError:
    with pytest.raises(ChildRefusedError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_rendering_before_opening_is_refused(warm: WarmBlender, tmp_path: Path) -> None:
    assert (await refusal(warm.render(1, tmp_path))).kind == "no_file"
    assert (await refusal(warm.configure(RenderSettings()))).kind == "no_file"


async def test_a_rendered_frame_says_all_about_itself(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    heard: list[FrameProgress] = []
    opened = await warm.open(scenes["plain"])
    configured = await warm.configure(RenderSettings())
    frame = await warm.render(3, tmp_path, on_progress=heard.append)

    assert (opened.scene, opened.scenes, opened.warnings) == ("Scene", ("Scene",), ())
    assert (configured.engine, configured.camera, configured.file_format) == (
        "CYCLES",
        "Camera",
        "PNG",
    )
    assert [file.name for file in frame.files] == ["shot_0003.png"]
    assert Path(frame.files[0].path).parent == tmp_path
    assert frame.others == ()
    assert (frame.frame, frame.width, frame.height, frame.samples) == (3, 96, 54, 2)
    assert frame.device == "CPU"
    assert {"sync", "render", "save"} <= set(frame.phases)
    assert sum(frame.phases.values()) == pytest.approx(frame.seconds, rel=0.05)
    assert 50 * 2**20 < frame.peak_memory_bytes < 4 * 2**30
    assert "shot_0003.png" in frame.log_text
    assert heard
    assert {progress.frame for progress in heard} == {3}
    assert warm.rss_bytes > 50 * 2**20


async def test_each_frame_has_its_own_log(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    await warm.open(scenes["plain"])
    await warm.configure(RenderSettings())
    logs = [(await warm.render(number, tmp_path)).log_text for number in (1, 2)]
    assert ["shot_0001" in log for log in logs] == [True, False]
    assert ["shot_0002" in log for log in logs] == [False, True]


async def test_an_open_file_is_opened_again_only_when_it_changed(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    file = tmp_path / "copy.blend"
    shutil.copy(scenes["plain"], file)
    assert not (await warm.open(file)).again
    assert (await warm.open(file)).again
    os.utime(file, (1, 1))
    assert not (await warm.open(file)).again
    await warm.close_file()
    assert not (await warm.open(file)).again


async def test_every_still_format_is_written_and_named_as_blender_does(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    await warm.open(scenes["plain"])
    for file_format, extension in EXTENSIONS.items():
        folder = tmp_path / file_format
        folder.mkdir()
        await warm.configure(RenderSettings(file_format=file_format, samples=1))
        frame = await warm.render(1, folder)
        assert [file.name for file in frame.files] == [f"shot_0001{extension}"]
        assert frame.file_format == file_format
        if file_format not in {"OPEN_EXR_MULTILAYER", "JPEG2000"}:
            assert pixels(frame.files[0].path).shape[:2] == (54, 96)


async def test_a_movie_scene_renders_stills(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    await warm.open(scenes["movie"])
    assert (await warm.configure(RenderSettings())).file_format == "PNG"
    frame = await warm.render(1, tmp_path)
    facts = read_blend(scenes["movie"]).scenes[0]
    assert [file.name for file in frame.files] == [facts.frame_name(1)] == ["shot_0001.png"]


async def test_settings_are_applied(warm: WarmBlender, scenes: Scenes, tmp_path: Path) -> None:
    await warm.open(scenes["hard"])
    settings = RenderSettings(camera="Above", samples=3, percentage=50, threads=1, engine="cycles")
    configured = await warm.configure(settings)
    frame = await warm.render(1, tmp_path)
    assert configured.camera == "Above"
    assert (frame.width, frame.height, frame.samples) == (48, 27, 3)


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        (RenderSettings(scene="Nowhere"), "no_scene", "there are: Scene"),
        (RenderSettings(camera="Nobody"), "no_camera_named", "it has: Above, Camera"),
        (RenderSettings(camera="Floor"), "no_camera_named", "no camera 'Floor'"),
        (RenderSettings(engine="LUXCORE"), "engine", "CYCLES"),
        (RenderSettings(file_format="GIF"), "format", "OPEN_EXR"),
        (RenderSettings(file_format="FFMPEG"), "format", "no still format"),
        (RenderSettings(samples=0), "setting", "out of range"),
        (RenderSettings(resolution=(0, 10)), "setting", "resolution_x 0"),
        (RenderSettings(percentage=0), "setting", "resolution_percentage"),
        (RenderSettings(threads=-1), "setting", "threads"),
        (RenderSettings(samples=1, device="GPU"), "device", "cannot use a GPU"),
    ],
)
async def test_what_cannot_be_set_is_refused_and_changes_nothing(
    *,
    warm: WarmBlender,
    scenes: Scenes,
    tmp_path: Path,
    settings: RenderSettings,
    kind: str,
    words: str,
) -> None:
    await warm.open(scenes["hard"])
    error = await refusal(warm.configure(settings))
    assert error.kind == kind
    assert words in error.message

    configured = await warm.configure(RenderSettings(samples=1))
    assert (configured.engine, configured.camera, configured.file_format) == (
        "CYCLES",
        "Camera",
        "PNG",
    )
    assert (await warm.render(1, tmp_path)).width == 96


async def test_a_scene_without_a_camera_is_refused_not_crashed(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    await warm.open(scenes["no_camera"])
    assert (await warm.configure(RenderSettings())).camera is None
    error = await refusal(warm.render(1, tmp_path))
    assert error.kind == "no_camera"
    assert "amera" in error.message
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240
    assert warm.alive


async def test_another_scene_can_be_rendered(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    await warm.open(scenes["scenes"])
    await warm.configure(RenderSettings(scene="Second", engine="CYCLES", samples=1))
    assert (await refusal(warm.render(5, tmp_path))).kind == "no_camera"
    await warm.configure(RenderSettings())
    frame = await warm.render(5, tmp_path)
    assert (frame.width, frame.height) == read_blend(scenes["scenes"]).scenes[0].render_size


async def test_what_is_missing_is_told_when_a_file_opens(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    opened = await warm.open(scenes["textures"])
    kinds = {warning.kind: warning for warning in opened.warnings}
    assert set(kinds) == {"missing_image", "scripts"}
    assert kinds["missing_image"].path.endswith("textures/wood.png")
    assert "did not run" in kinds["scripts"].message
    await warm.configure(RenderSettings(samples=1))
    assert (await warm.render(1, tmp_path)).files


async def test_a_missing_library_is_told(warm: WarmBlender, scenes: Scenes, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.blend"
    content = scenes["linking"].read_bytes().replace(b"textures.blend", b"vanished.blend")
    moved.write_bytes(content)
    warnings = {warning.kind for warning in (await warm.open(moved)).warnings}
    assert "missing_library" in warnings


async def test_files_that_blender_cannot_open_are_refused(
    warm: WarmBlender, tmp_path: Path
) -> None:
    rubbish = tmp_path / "rubbish.blend"
    rubbish.write_bytes(b"BLENDER17-01v0500 and then nothing")
    for path in (rubbish, tmp_path / "none.blend"):
        assert (await refusal(warm.open(path))).kind == "open"
    assert warm.alive


async def test_a_folder_that_cannot_be_written_is_refused(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    await warm.open(scenes["plain"])
    assert (await refusal(warm.render(1, tmp_path / "none"))).kind == "output"


async def test_nodes_writing_elsewhere_write_into_the_units_folder(
    warm: WarmBlender, scenes: Scenes, tmp_path: Path
) -> None:
    await warm.open(scenes["passes_elsewhere"])
    await warm.configure(RenderSettings())
    out = tmp_path / "with {braces} and # marks"
    out.mkdir()
    frame = await warm.render(1, out)
    assert [file.name for file in frame.files] == ["0001.png"]
    assert [file.name for file in frame.others] == ["extra/depth_z0001.exr"]
    assert all(Path(file.path).is_relative_to(out) for file in frame.files + frame.others)
    assert not Path("/nowhere").exists()  # noqa: ASYNC240


async def test_it_needs_recycling_when_idle_too_long_or_too_large(warm: WarmBlender) -> None:
    assert not warm.needs_recycling(max_idle_s=600, max_rss_bytes=2**40)
    assert warm.needs_recycling(max_idle_s=0, max_rss_bytes=2**40)
    assert warm.needs_recycling(max_idle_s=600, max_rss_bytes=2**20)
