"""All that fuzzing began with, and all that it found, once more; `make fuzz` looks for more."""

from __future__ import annotations

from pathlib import Path

import pytest

from framefarm.blender.blendfile import read_blend
from framefarm.blender.blocks import BoundedFile
from framefarm.blender.errors import BlendFileTooLargeError
from framefarm.blender.unpacking import ReadLimits
from tests.fuzz.corpus import CORPUS, inputs_of
from tests.fuzz.small_blend import small_blend
from tests.fuzz.targets import TARGETS

INPUTS = {f"{name}/{word}": of for name in TARGETS for word, of in inputs_of(name).items()}
LARGEST_CORPUS = 1 << 20

# blender-asset-tracer says so of a pointer to a block that is not what it should be.
pytestmark = pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated")


@pytest.mark.parametrize("name", INPUTS)
def test_input_is_taken_or_refused_in_words(name: str):
    TARGETS[name.partition("/")[0]](INPUTS[name])


@pytest.mark.parametrize(
    "name", [name for name in INPUTS if name.startswith("blend/") and "/reached" not in name]
)
def test_a_cut_or_changed_input_is_too(name: str):
    content = INPUTS[name]
    for at in range(0, len(content), max(1, len(content) // 40)):
        TARGETS["blend"](content[:at])
        TARGETS["blend"](content[:at] + b"\xff" + content[at + 1 :])


@pytest.mark.parametrize("shape", ["5.0", "4.5", "2.8, 32 bit"])
def test_seed_has_all_that_is_read(tmp_path: Path, shape: str):
    """Else fuzzing would not come far."""
    path = tmp_path / "small.blend"
    path.write_bytes(small_blend(shape))  # type: ignore[arg-type]

    file = read_blend(path)

    [scene] = file.scenes
    assert (scene.camera, scene.cameras, scene.samples) == ("Camera", ("Camera",), 64)
    assert (scene.frame_start, scene.frame_end, scene.render_size) == (1, 48, (1920, 1080))
    assert [link.kind for link in file.links] == ["image", "library"]


def test_more_blocks_than_memory_has_room_for_are_refused(tmp_path: Path):
    path = tmp_path / "many.blend"
    path.write_bytes(small_blend("4.5"))
    file = BoundedFile(path)
    count = len(file.blocks)
    file.close()

    with pytest.raises(BlendFileTooLargeError, match=f"more than {count - 1} data-blocks"):
        read_blend(path, limits=ReadLimits(max_blocks=count - 1))
    assert read_blend(path, limits=ReadLimits(max_blocks=count)).scenes


def test_corpus_is_small_and_of_what_is_fuzzed():
    files = [path for path in CORPUS.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) < LARGEST_CORPUS
    assert {path.relative_to(CORPUS).parts[0].removesuffix(".zip") for path in files} <= {*TARGETS}
