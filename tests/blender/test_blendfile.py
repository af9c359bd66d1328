from __future__ import annotations

import gzip
import os
import random
from fractions import Fraction
from pathlib import Path

import pytest
import zstandard

from framefarm.blender.blendfile import read_blend
from framefarm.blender.errors import (
    BlendFileDamagedError,
    BlendFileError,
    BlendFileTooLargeError,
    BlendFileTruncatedError,
    BlendFileUnreadableError,
    NotABlendFileError,
)
from framefarm.blender.scene_facts import MovieOutput
from framefarm.blender.unpacking import ReadLimits
from framefarm.core.versions import BlenderVersion

Scenes = dict[str, Path]


def test_a_scene_reads_as_it_was_set(scenes: Scenes) -> None:
    file = read_blend(scenes["plain"])

    assert file.saved_by == BlenderVersion(5, 0)
    assert file.active_scene == "Scene"
    (scene,) = file.scenes
    assert (scene.frame_start, scene.frame_end, scene.frame_step) == (1, 6, 1)
    assert (scene.resolution_x, scene.resolution_y, scene.percentage) == (96, 54, 100)
    assert (scene.engine, scene.samples) == ("CYCLES", 2)
    assert (scene.camera, scene.cameras) == ("Camera", ("Camera",))
    assert (scene.file_format, scene.movie, scene.extension) == ("PNG", None, ".png")
    assert scene.output_path == "//render/shot_####"
    assert (scene.color_mode, scene.color_depth) == ("RGBA", "8")
    assert (scene.use_border, scene.use_crop, scene.use_multiview) == (False, False, False)
    assert scene.view_transform == "AgX"
    assert file.links == ()


def test_a_movie_scene_names_container_codec_and_exact_rate(scenes: Scenes) -> None:
    (scene,) = read_blend(scenes["movie"]).scenes
    assert scene.file_format == "FFMPEG"
    assert scene.movie == MovieOutput("MPEG4", "H264")
    assert scene.fps == Fraction(30000, 1001)
    assert scene.frame_step == 2
    assert (scene.still_format, scene.frame_name(3)) == ("PNG", "shot_0003.png")


def test_each_scene_has_its_own_facts(scenes: Scenes) -> None:
    file = read_blend(scenes["scenes"])
    assert [scene.name for scene in file.scenes] == ["Scene", "Second"]
    assert file.active_scene == "Scene"
    second = file.scene("Second")
    assert second is not None
    assert (second.frame_start, second.frame_end, second.camera, second.cameras) == (5, 9, None, ())
    assert file.scene("Third") is None
    assert file.scene() == file.scenes[0]


def test_no_camera_is_none(scenes: Scenes) -> None:
    (scene,) = read_blend(scenes["no_camera"]).scenes
    assert (scene.camera, scene.cameras) == (None, ())


def test_packed_files_read_like_plain_ones(scenes: Scenes, tmp_path: Path) -> None:
    plain = read_blend(scenes["plain"])
    gzipped = tmp_path / "old.blend"
    gzipped.write_bytes(gzip.compress(scenes["plain"].read_bytes()))

    assert plain.compression == "none"
    assert read_blend(gzipped).compression == "gzip"
    assert read_blend(gzipped).scenes == plain.scenes
    assert read_blend(scenes["zstd"]).compression == "zstd"
    assert read_blend(scenes["zstd"]).scenes == plain.scenes


def test_missing_links_are_marked(scenes: Scenes) -> None:
    (link,) = read_blend(scenes["textures"]).links
    assert (link.path, link.kind, link.missing) == ("//textures/wood.png", "image", True)
    assert link.absolute == scenes["textures"].parent / "textures" / "wood.png"


def test_what_a_library_links_is_listed_too(scenes: Scenes) -> None:
    file = read_blend(scenes["linking"])
    links = {link.kind: link for link in file.links}
    assert set(links) == {"library", "image"}
    assert not links["library"].missing
    assert links["library"].files == (scenes["textures"],)
    assert links["image"].linked_by == scenes["textures"]
    assert file.missing == (links["image"],)
    assert read_blend(scenes["linking"], trace=False).links == ()


@pytest.mark.parametrize(
    ("scene", "folder", "there", "others"),
    [
        ("tiles", "tiles", ["wall.1001.png", "wall.1002.png"], ["wall.png", "roof.1001.png"]),
        ("sequence", "seq", ["fire_001.png", "fire_002.png"], ["fire_.png", "fire_001.jpg"]),
    ],
)
def test_a_sequence_is_all_its_files_and_no_others(
    scenes: Scenes, scene: str, folder: str, there: list[str], others: list[str]
) -> None:
    assert [link.missing for link in read_blend(scenes[scene]).links] == [True]
    place = scenes[scene].parent / folder
    place.mkdir()
    for name in there + others:
        (place / name).touch()

    (link,) = read_blend(scenes[scene]).links

    assert link.is_sequence
    assert not link.missing
    assert link.files == tuple(place / name for name in there)


def test_a_library_that_is_damaged_hides_nothing_else(scenes: Scenes, tmp_path: Path) -> None:
    main = tmp_path / "main.blend"
    content = scenes["linking"].read_bytes()
    library = str(scenes["textures"]).encode()
    broken = library[: -len(b"textures.blend")] + b"damaged1.blend"
    Path(broken.decode()).write_bytes(b"BLENDER17-01v0500 and no more")
    assert content.count(library) + content.count(b"//textures.blend") > 0
    content = content.replace(library, broken).replace(b"//textures.blend", b"//damaged1.blend")
    main.write_bytes(content)
    (tmp_path / "damaged1.blend").write_bytes(b"BLENDER17-01v0500 and no more")

    links = read_blend(main).links

    assert [link.kind for link in links] == ["library"]


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", NotABlendFileError, "is empty"),
        (b"\x89PNG\r\n\x1a\n", NotABlendFileError, "is not a .blend"),
        (b"PK\x03\x04\x14\x00\x00\x00", NotABlendFileError, "`framefarm submit` takes one"),
        (gzip.compress(b"some text", mtime=0), NotABlendFileError, "no .blend is in it"),
        (zstandard.compress(b"some text"), NotABlendFileError, "no .blend is in it"),
        (b"\x1f\x8bgarbage here", BlendFileDamagedError, "gzip"),
        (b"\x28\xb5\x2f\xfdgarbage", BlendFileDamagedError, "zstd"),
        (b"BLENDER", BlendFileDamagedError, "damaged"),
        (b"BLENDER17-01v0500", BlendFileTruncatedError, "cut off"),
        (b"BLENDER17-09v0500", BlendFileDamagedError, "damaged"),
        (b"BLENDER-v402" + b"DATA" + b"\xff" * 20, BlendFileDamagedError, "damaged"),
    ],
)
def test_what_is_no_blend_is_refused_in_words(
    tmp_path: Path, content: bytes, error: type[BlendFileError], words: str
) -> None:
    path = tmp_path / "thing.blend"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        read_blend(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.path == path


def test_missing_folder_and_special_files_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.blend"
    os.mkfifo(pipe)
    for path, words in (
        (tmp_path / "none.blend", "no such file"),
        (tmp_path, "is a folder"),
        (pipe, "no ordinary file"),
        (tmp_path / ("n" * 300), "cannot be opened"),
    ):
        with pytest.raises(BlendFileUnreadableError, match=words):
            read_blend(path)


@pytest.mark.parametrize("kind", ["plain", "zstd", "gzip"])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_called_cut_off(
    scenes: Scenes, tmp_path: Path, kind: str, fraction: float
) -> None:
    whole = scenes["zstd" if kind == "zstd" else "plain"].read_bytes()
    whole = gzip.compress(whole) if kind == "gzip" else whole
    path = tmp_path / "cut.blend"
    path.write_bytes(whole[: int(len(whole) * fraction)])
    with pytest.raises(BlendFileTruncatedError, match="cut off"):
        read_blend(path)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "bomb.blend"
    path.write_bytes(pack(b"BLENDER17-01v0500" + bytes(40_000_000)))  # type: ignore[operator]
    by_size = ReadLimits(max_unpacked_bytes=5_000_000)
    by_ratio = ReadLimits(max_ratio=20, ratio_from_bytes=3_000_000)
    for limits in (by_size, by_ratio):
        with pytest.raises(BlendFileTooLargeError, match="unpacks to more than"):
            read_blend(path, limits=limits)
    assert not list(tmp_path.glob("framefarm*"))


def test_gzip_file_of_parts_is_read_and_one_of_countless_parts_is_not(
    scenes: Scenes, tmp_path: Path
) -> None:
    content = scenes["plain"].read_bytes()
    half = len(content) // 2
    path = tmp_path / "parts.blend"

    path.write_bytes(gzip.compress(content[:half]) + gzip.compress(content[half:]) + bytes(512))
    assert read_blend(path).scenes == read_blend(scenes["plain"]).scenes

    path.write_bytes(gzip.compress(content) + gzip.compress(b"") * 1_001)
    with pytest.raises(BlendFileDamagedError, match="too many parts"):
        read_blend(path)

    path.write_bytes(gzip.compress(content) + b"and more")
    with pytest.raises(BlendFileDamagedError, match="gzip data is damaged"):
        read_blend(path)


def test_a_packed_file_within_its_limits_is_read(scenes: Scenes) -> None:
    size = scenes["plain"].stat().st_size
    assert read_blend(scenes["zstd"], limits=ReadLimits(max_unpacked_bytes=2 * size)).scenes


def test_damaged_bytes_never_raise_anything_else_nor_hang(scenes: Scenes, tmp_path: Path) -> None:
    whole = scenes["linking"].read_bytes()
    path = tmp_path / "damaged.blend"
    dice = random.Random(7)
    refused = 0
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(dice.choice((1, 30, 3000))):
            content[dice.randrange(len(content))] = dice.choice((0, 1, 255, dice.randrange(256)))
        path.write_bytes(content)
        try:
            read_blend(path)
        except BlendFileError:
            refused += 1
    assert 0 < refused < 60


def test_a_ring_of_pointers_is_noticed(scenes: Scenes, tmp_path: Path) -> None:
    """A `next` that points at its own block kept the tracer busy for ever."""
    from blender_asset_tracer.blendfile import BlendFile  # noqa: PLC0415

    content = bytearray(scenes["plain"].read_bytes())
    with BlendFile(scenes["plain"]) as file:
        scene = file.find_blocks_from_code(b"SC")[0]
        group = scene.get_pointer((b"id", b"system_properties"))
        first = group.get_pointer((b"data", b"group", b"first"))
        for field, value in ((b"next", first.addr_old.to_bytes(8, "little")), (b"name", b"other")):
            offset, _ = first.abs_offset(field)
            content[offset : offset + len(value)] = value
    path = tmp_path / "ring.blend"
    path.write_bytes(content)

    with pytest.raises(BlendFileDamagedError, match="in circles"):
        read_blend(path)
