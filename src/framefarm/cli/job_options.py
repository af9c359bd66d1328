"""The options that `render` and `submit` share, and what they make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from framefarm.cli.groups import option
from framefarm.cli.paths import PathType
from framefarm.client.submissions import RenderRequest

_F = TypeVar("_F", bound=Callable[..., Any])
_WHAT = "What to render"
_HOW = "How to render"
_MOVIES = ("mp4", "mkv", "webm", "mov", "none")
_ORDERS = ("sequential", "spread")


def check_frames(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Read frames to find typing errors before anything is started; hand them on as typed."""
    if value is not None:
        from framefarm.core.spans import Spans  # noqa: PLC0415  only when typed

        Spans.parse(value)
    return value


def _still_format(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from framefarm.core.formats import parse_still_format  # noqa: PLC0415  only when typed

    return parse_still_format(value)


def _resolution(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from framefarm.core.formats import parse_resolution  # noqa: PLC0415  only when typed

    parse_resolution(value)
    return value.strip()


def _engine(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from framefarm.core.engines import parse_engine  # noqa: PLC0415  only when typed

    return parse_engine(value)


def _blender(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from framefarm.core.versions import BlenderVersion  # noqa: PLC0415  only when typed

    return str(BlenderVersion.parse(value))


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What was typed about a job; None leaves it to the file."""

    frames: str | None
    scene: str | None
    camera: str | None
    engine: str | None
    samples: int | None
    resolution: str | None
    format: str | None
    movie: str | None
    order: str | None
    threads: int | None
    blender: str | None
    strict: bool
    allow_scripts: bool
    persistent_data: bool

    def request(self) -> RenderRequest:
        """The same as the manager wants to hear it."""
        return RenderRequest(**{spec.name: getattr(self, spec.name) for spec in fields(self)})


_OPTIONS = (
    option(
        "--frames",
        callback=check_frames,
        metavar="LIST",
        section=_WHAT,
        help="Such as 1-250,300,310-400x5. Default: the scene's own range and step.",
    ),
    option("--scene", metavar="NAME", section=_WHAT, help="Default: the scene last open."),
    option("--camera", metavar="NAME", section=_WHAT, help="Default: the scene's own."),
    option(
        "--engine",
        metavar="NAME",
        callback=_engine,
        section=_HOW,
        help="cycles, eevee or workbench. Default: the scene's.",
    ),
    option(
        "--samples",
        type=click.IntRange(1, 16_777_216),
        metavar="N",
        section=_HOW,
        help="Samples per pixel. Default: the scene's.",
    ),
    option(
        "--resolution",
        callback=_resolution,
        metavar="SIZE",
        section=_HOW,
        help="1920x1080, or a share of the scene's such as 50%.",
    ),
    option(
        "--format",
        callback=_still_format,
        metavar="NAME",
        section=_HOW,
        help="PNG, JPEG, EXR, TIFF, TARGA, WEBP, ... Default: the scene's.",
    ),
    option(
        "--movie",
        type=click.Choice(_MOVIES, case_sensitive=False),
        metavar="KIND",
        section=_HOW,
        help="mp4, mkv, webm, mov or none. Default: mp4, or the scene's own kind.",
    ),
    option(
        "--order",
        type=click.Choice(_ORDERS, case_sensitive=False),
        metavar="ORDER",
        section=_HOW,
        help="sequential, or spread: every Nth frame first, then those between.",
    ),
    option(
        "--threads",
        type=click.IntRange(1, 1024),
        metavar="N",
        section=_HOW,
        help="Processor threads to render with. Default: all.",
    ),
    option(
        "--blender",
        metavar="VERSION",
        callback=_blender,
        section=_HOW,
        help="Such as 4.5. Default: the one that saved the file, or the nearest newer.",
    ),
    option(
        "--strict",
        is_flag=True,
        section=_HOW,
        help="Refuse a file whose textures or libraries are missing.",
    ),
    option(
        "--allow-scripts",
        is_flag=True,
        section=_HOW,
        help="Run Python inside the file. Only for files you trust.",
    ),
    option(
        "--no-persistent-data",
        "persistent_data",
        is_flag=True,
        flag_value=False,
        default=True,
        section=_HOW,
        help="Build the scene anew for every frame: slower, needs less memory.",
    ),
)


def job_options(function: _F) -> _F:
    """Add all of them to a command."""
    for declare in reversed(_OPTIONS):
        function = declare(function)
    return function


def take_job_options(values: dict[str, Any]) -> JobOptions:
    """Move them out of a command's arguments."""
    return JobOptions(**{spec.name: values.pop(spec.name) for spec in fields(JobOptions)})


def blend_argument(function: _F) -> _F:
    """Add the .blend as a command's argument."""
    kind = PathType()
    return click.argument("file", metavar="FILE.blend", type=kind)(function)


def blend_name(path: Path) -> str:
    """What a job is called when nobody says: the file's name without its ending."""
    return path.stem or path.name
