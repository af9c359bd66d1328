"""Where linked files are in a project that came from another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from framefarm.blender.finding import Within

ROOT = Path("/unpacked")
PLACES = [
    "film/shots/one/shot.blend",
    "film/shots/two/shot.blend",
    "film/assets/props.blend",
    "film/maps/wood.png",
    "film/maps/old/wood.png",
    "film/maps/Wände.png",
    "film/maps/wall.1001.png",
    "film/maps/wall.1002.png",
    "film/maps/v2/wall.1001.png",
    "film/maps/only.png",
    "film/cache/fluid_0001.vdb",
    "film/cache/fluid_0002.vdb",
]
WITHIN = Within(ROOT, PLACES)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        # Where it is said to be.
        ("/unpacked/film/maps/wood.png", "film/maps/wood.png"),
        ("/unpacked/film/maps/old/wood.png", "film/maps/old/wood.png"),
        # Capitals and accents do not count.
        ("/unpacked/film/Maps/WOOD.png", "film/maps/wood.png"),
        ("/unpacked/film/maps/WA\u0308NDE.png", "film/maps/Wände.png"),
        # Windows, macOS, Linux: the end of the path decides.
        ("C:/film/maps/wood.png", "film/maps/wood.png"),
        ("D:/jobs/maps/old/wood.png", "film/maps/old/wood.png"),
        ("/Users/ada/film/maps/wood.png", "film/maps/wood.png"),
        ("/Volumes/NAS/only.png", "film/maps/only.png"),
        ("C:/only.png", "film/maps/only.png"),
        # A share, which Blender's own `//` makes relative to the .blend.
        ("/unpacked/film/shots/one/server/share/maps/old/wood.png", "film/maps/old/wood.png"),
        # Out of what was zipped.
        ("/only.png", "film/maps/only.png"),
        # Equally good, or nothing of that name.
        ("C:/elsewhere/wood.png", None),
        ("C:/shot.blend", None),
        ("C:/gone.png", None),
        ("/etc/passwd", None),
        ("/unpacked", None),
        ("/", None),
    ],
)
def test_file_is_found_by_its_place_or_the_end_of_its_path(said: str, place: str | None):
    found = WITHIN.find(Path(said), is_sequence=False)

    if place is None:
        assert found.files == ()
    else:
        assert found.path == ROOT / place
        assert found.files == (ROOT / place,)


@pytest.mark.parametrize(
    ("said", "standing", "count"),
    [
        ("/unpacked/film/maps/wall.<UDIM>.png", "film/maps/wall.<UDIM>.png", 2),
        ("C:/film/maps/WALL.<UDIM>.PNG", "film/maps/wall.<UDIM>.png", 2),
        ("C:/x/v2/wall.<UDIM>.png", "film/maps/v2/wall.<UDIM>.png", 1),
        ("/Users/ada/cache/fluid_0001.vdb", "film/cache/fluid_0001.vdb", 2),
        ("C:/wall.<UDIM>.png", None, 0),
        ("C:/gone.<UDIM>.png", None, 0),
    ],
)
def test_sequence_is_found_with_all_its_files(said: str, standing: str | None, count: int):
    found = WITHIN.find(Path(said), is_sequence=True)

    assert len(found.files) == count
    if standing is not None:
        assert found.path == ROOT / standing
        assert {file.parent for file in found.files} == {(ROOT / standing).parent}


@pytest.mark.parametrize("said", ["/unpacked/film/cache", "C:/jobs/film/cache", "//x/cache/"])
def test_folder_of_a_cache_is_found_with_what_is_in_it(said: str):
    found = WITHIN.find(Path(said), is_sequence=True)

    assert found.path == ROOT / "film/cache"
    assert len(found.files) == 2


@pytest.mark.parametrize("said", ["/etc/passwd", "/", "", "..", "C:", "/unpacked/../etc/hosts"])
@pytest.mark.parametrize("is_sequence", [True, False])
def test_nothing_outside_is_ever_found(said: str, *, is_sequence: bool):
    assert WITHIN.find(Path(said), is_sequence=is_sequence).files == ()
