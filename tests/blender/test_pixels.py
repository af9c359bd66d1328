"""Frames equal Blender's own: in every bit, under the same names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from framefarm.blender.blendfile import read_blend
from framefarm.blender.installations import BlenderInstallation
from framefarm.blender.warm import RenderedFrame, RenderSettings, WarmBlender
from framefarm.core.frame_files import may_name

from .conftest import run_script
from .pictures import pixels, same

pytestmark = pytest.mark.asyncio(loop_scope="module")

Scenes = dict[str, Path]
Reference = Callable[..., Path]


@pytest.fixture(scope="module")
def reference(scenes: Scenes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """The folder of a scene's frames 1 to 6 as Blender's own animation render writes them."""
    made: dict[tuple[str, ...], Path] = {}

    def render(scene: str, *flags: str) -> Path:
        key = (scene, *flags)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("reference")
            run_script("animate.py", str(scenes[scene]), str(made[key]), "1", "6", *flags)
        return made[key]

    return render


async def frames_of(
    warm: WarmBlender, file: Path, folder: Path, frames: list[int], settings: RenderSettings
) -> list[RenderedFrame]:
    await warm.open(file)
    await warm.configure(settings)
    rendered = []
    for frame in frames:
        out = folder / str(frame)
        out.mkdir(parents=True)
        rendered.append(await warm.render(frame, out))
    return rendered


def assert_equal_to(reference: Path, rendered: list[RenderedFrame]) -> None:
    for frame in rendered:
        for file in frame.files:
            assert same(file.path, reference / file.name), f"frame {frame.frame} differs"


@pytest.mark.parametrize("persistent", [True, False])
async def test_six_frames_equal_an_animation_render(
    warm: WarmBlender, scenes: Scenes, reference: Reference, tmp_path: Path, *, persistent: bool
) -> None:
    settings = RenderSettings(persistent_data=persistent)
    rendered = await frames_of(warm, scenes["hard"], tmp_path, [1, 2, 3, 4, 5, 6], settings)

    own = reference("hard")
    assert {file.name for frame in rendered for file in frame.files} == {
        path.name for path in own.iterdir()
    }
    assert_equal_to(own, rendered)
    assert_equal_to(reference("hard", "--persistent"), rendered)
    assert not same(rendered[0].files[0].path, rendered[1].files[0].path)


async def test_the_order_of_frames_makes_no_difference(
    warm: WarmBlender, scenes: Scenes, reference: Reference, tmp_path: Path
) -> None:
    rendered = await frames_of(warm, scenes["hard"], tmp_path, [5, 1, 6, 2], RenderSettings())
    assert_equal_to(reference("hard"), rendered)


async def test_a_cold_blender_renders_the_same(
    own_blender: BlenderInstallation, scenes: Scenes, reference: Reference, tmp_path: Path
) -> None:
    async with await WarmBlender.start(own_blender) as cold:
        rendered = await frames_of(cold, scenes["hard"], tmp_path, [4], RenderSettings())
    assert_equal_to(reference("hard"), rendered)


async def test_settings_of_another_job_leave_no_trace(
    warm: WarmBlender, scenes: Scenes, reference: Reference, tmp_path: Path
) -> None:
    other = RenderSettings(
        camera="Above", samples=1, resolution=(32, 32), file_format="JPEG", threads=1
    )
    (changed,) = await frames_of(warm, scenes["hard"], tmp_path / "other", [3], other)
    back = await frames_of(warm, scenes["hard"], tmp_path / "back", [3, 4], RenderSettings())

    assert (changed.width, changed.height, changed.file_format) == (32, 32, "JPEG")
    assert changed.files[0].name == "shot_003_v2.jpg"
    assert_equal_to(reference("hard"), back)


async def test_what_a_file_output_node_writes_is_equal_too(
    warm: WarmBlender, scenes: Scenes, reference: Reference, tmp_path: Path
) -> None:
    (frame,) = await frames_of(warm, scenes["passes"], tmp_path, [2], RenderSettings())

    assert_equal_to(reference("passes"), [frame])
    (depth,) = frame.others
    own = scenes["passes"].parent / "passes"
    assert depth.name == "passes/depth_z0002.exr"
    assert may_name(depth.name, 2, output_path="//render/shot_####", extension=".png")
    assert same(depth.path, own / "depth_z0002.exr")


async def test_each_eye_of_a_stereo_scene_is_a_file(
    warm: WarmBlender, scenes: Scenes, reference: Reference, tmp_path: Path
) -> None:
    (frame,) = await frames_of(warm, scenes["stereo"], tmp_path, [1], RenderSettings())
    assert [file.name for file in frame.files] == ["shot_0001_L.png", "shot_0001_R.png"]
    assert all(
        may_name(file.name, 1, output_path="//render/shot_####", extension=".png")
        for file in frame.files
    )
    assert_equal_to(reference("stereo"), [frame])


async def test_pictures_measure_what_the_file_says_they_will(
    warm: WarmBlender, tmp_path: Path
) -> None:
    path = tmp_path / "crops.blend"
    run_script("crops.py", str(path), "8", "5")

    for scene in read_blend(path).scenes:
        if not scene.name.startswith("Crop"):
            continue
        (frame,) = await frames_of(
            warm, path, tmp_path / scene.name, [1], RenderSettings(scene=scene.name)
        )
        height, width, _ = pixels(frame.files[0].path).shape
        assert (width, height) == scene.render_size == (frame.width, frame.height)
