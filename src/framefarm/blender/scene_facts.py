"""What a .blend says about its scenes: range, rate, size, engine, camera, output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from blender_asset_tracer.blendfile.iterators import listbase

from framefarm.blender.blocks import id_name, text
from framefarm.blender.driver.picture_size import picture_size
from framefarm.blender.formats import (
    CODECS,
    COLOR_DEPTHS,
    COLOR_MODES,
    CONTAINERS,
    FILE_FORMATS,
    MOVIE_FORMATS,
)
from framefarm.core.formats import EXTENSIONS
from framefarm.core.naming import frame_name
from framefarm.core.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blender_asset_tracer.blendfile import BlendFileBlock

    from framefarm.blender.blocks import BoundedFile

_R_BORDER = 0x200  # scene.r.mode
_R_CROP = 0x800
_R_EXTENSION = 0x10  # scene.r.scemode
_R_MULTIVIEW = 0x200000
_OB_CAMERA = 11
_IDP_INT = 1
_CYCLES_DEFAULT_SAMPLES = 4096  # what Cycles takes when the file does not say (since 3.0)


@dataclass(frozen=True, slots=True)
class MovieOutput:
    """The movie a scene writes by itself.

    Attributes:
        container: Blender's name, for example `MPEG4`, `MKV`, `QUICKTIME`, `WEBM`.
        codec: Blender's name, for example `H264`, `AV1`; empty where Blender would choose.
    """

    container: str
    codec: str


@dataclass(frozen=True, slots=True)
class Border:
    """Part of the picture to render, fractions from the lower left, 0 to 1."""

    x_min: float
    x_max: float
    y_min: float
    y_max: float


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """One scene, as saved.

    Attributes:
        name: As shown in Blender.
        frame_start, frame_end, frame_step: Range of its animation; the end is part of it.
        fps: Exact: 30000/1001 for NTSC.
        resolution_x, resolution_y, percentage: As set; see `render_size` for the outcome.
        engine: `CYCLES`, `BLENDER_EEVEE`, `BLENDER_EEVEE_NEXT`, `BLENDER_WORKBENCH` or an add-on's.
        samples: Of Cycles or EEVEE, None for other engines.
        camera: Name of the active camera, None when there is none.
        cameras: Names of all cameras in the scene, sorted. Linked ones are missing.
        file_format: Blender's name, for example `PNG`, `OPEN_EXR`, `FFMPEG`.
        movie: Set when the output is a movie.
        output_path: As in the file, `//` meaning the .blend's folder.
        use_file_extension: Whether Blender adds the extension to names.
        color_mode: `BW`, `RGB` or `RGBA`.
        color_depth: Bits per channel as Blender names them: `8`, `16`, `32`.
        use_border, use_crop: Whether only `border` is rendered, and the picture cut to it.
        border: That part.
        use_multiview: Whether several views (stereo) are rendered.
        view_transform, look, exposure, gamma, display_device: Colour management.
    """

    name: str
    frame_start: int
    frame_end: int
    frame_step: int
    fps: Fraction
    resolution_x: int
    resolution_y: int
    percentage: int
    engine: str
    samples: int | None
    camera: str | None
    cameras: tuple[str, ...]
    file_format: str
    movie: MovieOutput | None
    output_path: str
    use_file_extension: bool
    color_mode: str
    color_depth: str
    use_border: bool
    use_crop: bool
    border: Border
    use_multiview: bool
    view_transform: str
    look: str
    exposure: float
    gamma: float
    display_device: str

    @property
    def frames(self) -> Spans:
        """The frames of its animation, at least one."""
        last = max(self.frame_start, self.frame_end)
        return Spans.of(self.frame_start, last, self.frame_step)

    @property
    def render_size(self) -> tuple[int, int]:
        """Width and height of the image in pixels, as Blender computes them."""
        cropped = self.use_border and self.use_crop
        return picture_size(
            (self.resolution_x, self.resolution_y),
            self.percentage,
            (self.border.x_min, self.border.x_max, self.border.y_min, self.border.y_max)
            if cropped
            else None,
        )

    @property
    def still_format(self) -> str:
        """The format its frames are rendered in: its own, or PNG when that is a movie."""
        return "PNG" if self.file_format in MOVIE_FORMATS else self.file_format

    @property
    def extension(self) -> str:
        """Extension of its frames with the dot, empty when the scene adds none."""
        return EXTENSIONS.get(self.still_format, "") if self.use_file_extension else ""

    def frame_name(self, frame: int) -> str:
        """Name of a frame's file, as Blender itself would name it."""
        return frame_name(self.output_path, frame, self.extension)


def read_scenes(file: BoundedFile) -> tuple[SceneFacts, ...]:
    """All scenes of a file, in its order. Scenes linked from other files are left out."""
    blocks = file.find_blocks_from_code(b"SC")
    return tuple(_scene(block, alone=len(blocks) == 1) for block in blocks)


def read_active_scene(file: BoundedFile) -> str | None:
    """Name of the scene that was open when the file was saved, None when the file lost it."""
    for block in file.find_blocks_from_code(b"GLOB"):
        scene = block.get_pointer(b"curscene", default=None)
        if scene is not None and scene.code == b"SC":
            return id_name(scene)
    return None


def _scene(block: BlendFileBlock, *, alone: bool) -> SceneFacts:
    def render(*path: bytes) -> Any:
        return block[(b"r", *path)]

    def whole(*path: bytes) -> int:
        return _whole(render(*path))

    file_format = FILE_FORMATS.get(_number(render(b"im_format", b"imtype")), "UNKNOWN")
    engine = text(render(b"engine"))
    camera = block.get_pointer(b"camera")
    return SceneFacts(
        name=id_name(block),
        frame_start=whole(b"sfra"),
        frame_end=whole(b"efra"),
        frame_step=max(1, whole(b"frame_step")),
        fps=_fps(whole(b"frs_sec"), _real(render(b"frs_sec_base"))),
        resolution_x=whole(b"xsch"),
        resolution_y=whole(b"ysch"),
        percentage=whole(b"size"),
        engine=engine,
        samples=_samples(block, engine),
        camera=id_name(camera) if camera is not None else None,
        cameras=tuple(sorted(_cameras(block, alone=alone))),
        file_format=file_format,
        movie=_movie(block, file_format),
        output_path=text(render(b"pic")),
        use_file_extension=bool(whole(b"scemode") & _R_EXTENSION),
        color_mode=COLOR_MODES.get(_number(render(b"im_format", b"planes")), "RGBA"),
        color_depth=COLOR_DEPTHS.get(_number(render(b"im_format", b"depth")), "8"),
        use_border=bool(whole(b"mode") & _R_BORDER),
        use_crop=bool(whole(b"mode") & _R_CROP),
        border=Border(
            *(_real(render(b"border", edge)) for edge in (b"xmin", b"xmax", b"ymin", b"ymax"))
        ),
        use_multiview=bool(whole(b"scemode") & _R_MULTIVIEW),
        view_transform=text(block[b"view_settings", b"view_transform"]),
        look=text(block[b"view_settings", b"look"]),
        exposure=_real(block[b"view_settings", b"exposure"]),
        gamma=_real(block[b"view_settings", b"gamma"]),
        display_device=text(block[b"display_settings", b"display_device"]),
    )


def _whole(value: object) -> int:
    """A number that Blender keeps whole; what kind it is, the file says itself.

    Raises:
        ValueError: It says something else.
    """
    if not isinstance(value, int):
        raise ValueError("a number is not whole")  # noqa: TRY004  a fault of the file, not of a caller
    return value


def _real(value: object) -> float:
    """A number that is one, and not infinite.

    Raises:
        ValueError: The file says something else.
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a number is none")
    return value


def _number(value: int | bytes) -> int:
    """A `char` of the file as a number; the tracer hands single ones out as bytes."""
    return value if isinstance(value, int) else int.from_bytes(value, "little")


def _fps(rate: int, base: float) -> Fraction:
    # The base is a float32 such as 1.001; a thousandth is as fine as Blender shows it.
    exact = Fraction(base).limit_denominator(1000)
    return Fraction(rate) / exact if exact > 0 else Fraction(rate)


def _movie(block: BlendFileBlock, file_format: str) -> MovieOutput | None:
    if file_format not in MOVIE_FORMATS:
        return None
    if file_format != "FFMPEG":
        return MovieOutput("AVI", "")
    container = block[b"r", b"ffcodecdata", b"type"]
    codec = block[b"r", b"ffcodecdata", b"codec"]
    return MovieOutput(CONTAINERS.get(container, "MKV"), CODECS.get(codec, ""))


def _samples(block: BlendFileBlock, engine: str) -> int | None:
    if engine == "CYCLES":
        stored = _cycles_samples(block)
        return _CYCLES_DEFAULT_SAMPLES if stored is None else stored
    if engine.startswith("BLENDER_EEVEE"):
        samples = block.get((b"eevee", b"taa_render_samples"), default=None)
        return int(samples) if samples is not None else None
    return None


def _cycles_samples(block: BlendFileBlock) -> int | None:
    # Settings of add-ons are ID properties; 5.0 moved them apart from the user's own.
    for root in (b"system_properties", b"properties"):
        properties = block.get_pointer((b"id", root), default=None)
        settings = _child(properties, b"cycles")
        samples = _child(settings, b"samples")
        if samples is not None and _number(samples[b"type"]) == _IDP_INT:
            return int(samples[b"data", b"val"])
    return None


def _child(group: BlendFileBlock | None, name: bytes) -> BlendFileBlock | None:
    if group is None:
        return None
    for child in listbase(group.get_pointer((b"data", b"group", b"first"))):
        if child[b"name"] == name:
            return child
    return None


def _cameras(scene: BlendFileBlock, *, alone: bool) -> Iterator[str]:
    # Walking a scene's objects is slow for large ones, and pointless when it has them all.
    members = None if alone else {base.get(b"object") for base in _bases(scene)}
    for block in scene.bfile.find_blocks_from_code(b"OB"):
        if block[b"type"] == _OB_CAMERA and (members is None or block.addr_old in members):
            yield id_name(block)


def _bases(scene: BlendFileBlock) -> Iterator[BlendFileBlock]:
    for layer in listbase(scene.get_pointer((b"view_layers", b"first"))):
        yield from listbase(layer.get_pointer((b"object_bases", b"first")))
