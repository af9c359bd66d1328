"""What a movie can be made with, from a container's name or a Blender scene's own output."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from framefarm.media.blender_output import BlenderMovie, from_blender
from framefarm.media.codecs import CODECS, Tuning
from framefarm.media.errors import MovieSettingsError
from framefarm.media.formats import ViewTransform
from framefarm.media.settings import CONTAINERS, MovieSettings, blender_fps, default_for

FPS = Fraction(24)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_has_a_default_that_browsers_or_players_know(container: str) -> None:
    settings = default_for(container, FPS)

    assert settings.container == container
    assert settings.plan.pixels == "yuv420p"
    assert settings.gop == 48
    assert settings.suffix == f".{container}"


def test_settings_survive_json() -> None:
    settings = MovieSettings(
        "mov",
        "prores",
        Fraction(30000, 1001),
        profile="lt",
        width=1921,
        height=1080,
        view=ViewTransform.STANDARD,
    )

    assert MovieSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"container": "mp4", "codec": "h264", "fps": "0/0"},
        {"container": "mp4", "codec": "h264", "fps": "x"},
        {"container": "mp4", "codec": "h264", "fps": "24", "view": "agx"},
        {"container": "mp4", "codec": "h264", "fps": "24", "more": 1},
        {"container": "mp4", "codec": "h264", "fps": "24", "gop": "x"},
        {"container": "mp4", "fps": "24"},
    ],
)
def test_values_that_are_no_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(MovieSettingsError):
        MovieSettings.from_dict(values)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"container": "avi"}, "mp4, mov, mkv, webm"),
        ({"codec": "theora"}, "h264"),
        ({"container": "webm"}, "does not go into webm"),
        ({"fps": Fraction(0)}, "frames per second"),
        ({"fps": Fraction(-24)}, "frames per second"),
        ({"fps": Fraction(5000)}, "960"),
        ({"gop": 0}, "1 or more"),
        ({"width": 0}, "16384"),
        ({"height": 20000}, "16384"),
        ({"quality": 52}, "0..51"),
        ({"quality": -1}, "0..51"),
    ],
)
def test_impossible_settings_say_what_is_possible(changes: dict[str, object], said: str) -> None:
    possible: dict[str, object] = {"container": "mp4", "codec": "h264", "fps": FPS}

    with pytest.raises(MovieSettingsError, match=said):
        MovieSettings(**{**possible, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fps", "base", "exact"),
    [
        (24, 1.0, Fraction(24)),
        (24, 1.0010000467300415, Fraction(24000, 1001)),
        (30, 1.0010000467300415, Fraction(30000, 1001)),
        (60, 1.001, Fraction(60000, 1001)),
        (1, 2.5, Fraction(2, 5)),
        (120, 1.0, Fraction(120)),
    ],
)
def test_frame_rates_of_blender_become_exact(fps: int, base: float, exact: Fraction) -> None:
    assert blender_fps(fps, base) == exact


@pytest.mark.parametrize(("fps", "base"), [(0, 1.0), (24, 0.0), (24, float("nan")), (32767, 1e-5)])
def test_frame_rates_that_are_none_are_refused(fps: int, base: float) -> None:
    with pytest.raises(MovieSettingsError):
        blender_fps(fps, base)


@pytest.mark.parametrize(
    ("container", "codec", "ours"),
    [
        ("MPEG4", "H264", ("mp4", "h264")),
        ("MKV", "H264", ("mkv", "h264")),
        ("MPEG4", "H265", ("mp4", "h265")),
        ("WEBM", "WEBM", ("webm", "vp9")),
        ("MKV", "AV1", ("mkv", "av1")),
        ("WEBM", "AV1", ("webm", "av1")),
        ("QUICKTIME", "PRORES", ("mov", "prores")),
        ("QUICKTIME", "DNXHD", ("mov", "dnxhd")),
        ("QUICKTIME", "QTRLE", ("mov", "qtrle")),
        ("QUICKTIME", "PNG", ("mov", "png")),
        ("MKV", "FFV1", ("mkv", "ffv1")),
        ("MPEG4", "MPEG4", ("mp4", "mpeg4")),
        ("MPEG4", "NONE", ("mp4", "h264")),
    ],
)
def test_what_blender_writes_is_written_alike_without_a_word(
    container: str, codec: str, ours: tuple[str, str]
) -> None:
    settings, warnings = from_blender(BlenderMovie(container, codec), FPS)

    assert (settings.container, settings.codec) == ours
    assert warnings == ()


@pytest.mark.parametrize(
    ("container", "codec", "ours", "said"),
    [
        ("AVI", "H264", ("mkv", "h264"), ["AVI"]),
        ("OGG", "THEORA", ("webm", "vp9"), ["THEORA", "OGG"]),
        ("FLASH", "FLASH", ("mp4", "h264"), ["FLASH", "FLASH"]),
        ("DV", "DV", ("mp4", "h264"), ["DV", "DV"]),
        ("MPEG2", "MPEG2", ("mp4", "h264"), ["MPEG2", "MPEG2"]),
        ("MKV", "HUFFYUV", ("mkv", "ffv1"), ["HUFFYUV"]),
        ("MPEG4", "FFV1", ("mkv", "ffv1"), ["MPEG4"]),
        ("WEBM", "H264", ("mp4", "h264"), ["WEBM"]),
        ("SOMETHING", "NEW", ("mp4", "h264"), ["NEW", "SOMETHING"]),
    ],
)
def test_what_cannot_be_written_becomes_the_nearest_with_a_warning(
    container: str, codec: str, ours: tuple[str, str], said: list[str]
) -> None:
    settings, warnings = from_blender(BlenderMovie(container, codec), FPS)

    assert (settings.container, settings.codec) == ours
    assert len(warnings) == len(said)
    for warning, word in zip(warnings, said, strict=True):
        assert word in warning


@pytest.mark.parametrize("codec", ["H264", "H265", "AV1", "WEBM", "FFV1", "PRORES", "MPEG4"])
@pytest.mark.parametrize(
    "factor",
    ["NONE", "LOSSLESS", "PERC_LOSSLESS", "HIGH", "MEDIUM", "LOW", "VERYLOW", "LOWEST", "CUSTOM"],
)
def test_every_quality_of_blender_is_one_of_ours(codec: str, factor: str) -> None:
    settings, _ = from_blender(BlenderMovie("MKV", codec, factor), FPS)

    assert settings.tuning(2).quality == settings.tuning(1).quality


def test_quality_and_prores_profile_are_taken_over() -> None:
    high, _ = from_blender(BlenderMovie("MPEG4", "H264", "HIGH"), FPS)
    proxy, _ = from_blender(BlenderMovie("QUICKTIME", "PRORES", prores_profile="422_PROXY"), FPS)
    four, warnings = from_blender(
        BlenderMovie("QUICKTIME", "PRORES", prores_profile="4444_XQ"), FPS
    )

    assert high.quality == 20
    assert proxy.profile == "proxy"
    assert four.profile == "hq"
    assert "4444_XQ" in warnings[0]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_only_the_threads_of_an_encoder_depend_on_the_machine(codec: object) -> None:
    options = codec.options  # type: ignore[attr-defined]
    one, many = (options(Tuning(48, 20, "", threads)) for threads in (1, 64))

    differ = {key for key in one if one[key] != many[key]}

    assert differ <= {"x265-params", "svtav1-params"}
    assert all(isinstance(value, str) for value in one.values())


def test_lossless_h264_drops_the_profile_that_cannot_hold_it() -> None:
    settings, _ = from_blender(BlenderMovie("MPEG4", "H264", "LOSSLESS"), FPS)

    options = settings.plan.options(settings.tuning(1))

    assert options["crf"] == "0"
    assert "profile" not in options
