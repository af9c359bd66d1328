"""What a movie is made with: from a container's name, or from a Blender scene's own output.

Pure and quick to import; nothing here loads FFmpeg.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from framefarm.media.codecs import MUXERS, Tuning, codec_named
from framefarm.media.errors import MovieSettingsError
from framefarm.media.formats import ViewTransform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framefarm.media.codecs import Codec

GOP: Final = 48
"""Frames from one keyframe to the next, and frames of a segment."""

MAX_FPS: Final = 960
"""Matroska counts milliseconds; beyond this its time stamps no longer tell frames apart."""

MAX_SIDE_PX: Final = 16_384
"""No codec here takes wider or taller frames."""

CONTAINERS: Final = tuple(MUXERS)
"""Containers a movie can be asked for in."""

_DEFAULT_CODEC: Final = {"mp4": "h264", "mov": "h264", "mkv": "h264", "webm": "vp9"}


@dataclass(frozen=True, slots=True)
class MovieSettings:
    """Everything that decides what a movie's bytes look like, the same for all its segments.

    Attributes:
        container: `mp4`, `mkv`, `webm` or `mov`; also the file's ending.
        codec: FrameFarm's name of the codec, see `codecs.CODECS`.
        fps: Frames per second, exact: `Fraction(30000, 1001)`.
        gop: Frames from one keyframe to the next.
        quality: On the codec's own scale, smaller is better; None for the codec's default.
        profile: The codec's own profile (`hq` of ProRes); empty for the default.
        width: Width of the frames; None takes what the first one has.
        height: Height of the frames; None takes what the first one has.
        view: Transform for frames that hold scene-linear light (EXR, HDR).

    Raises:
        MovieSettingsError: No movie can have these.
    """

    container: str
    codec: str
    fps: Fraction
    gop: int = GOP
    quality: int | None = None
    profile: str = ""
    width: int | None = None
    height: int | None = None
    view: ViewTransform = ViewTransform.SOFT

    def __post_init__(self) -> None:
        _check_container(self.container, codec_named(self.codec))
        _check_numbers(self)

    @property
    def plan(self) -> Codec:
        """How its codec is encoded."""
        return codec_named(self.codec)

    @property
    def suffix(self) -> str:
        """Ending of the movie's name: `.mp4`."""
        return f".{self.container}"

    def tuning(self, threads: int) -> Tuning:
        """Return what the encoder's options are made from."""
        plan = self.plan
        quality = plan.quality if self.quality is None else self.quality
        return Tuning(self.gop, quality, self.profile, threads)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` takes them back."""
        return {
            "container": self.container,
            "codec": self.codec,
            "fps": str(self.fps),
            "gop": self.gop,
            "quality": self.quality,
            "profile": self.profile,
            "width": self.width,
            "height": self.height,
            "view": self.view.value,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MovieSettings:
        """Take back what `to_dict` gave.

        Raises:
            MovieSettingsError: A value is missing, unknown or of the wrong kind.
        """
        try:
            fps, view = Fraction(values["fps"]), ViewTransform(values.get("view", "soft"))
            return cls(**{**values, "fps": fps, "view": view})
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise MovieSettingsError(f"These are no movie settings: {error!r}.") from error


def _check_container(container: str, plan: Codec) -> None:
    if container not in MUXERS:
        known = ", ".join(CONTAINERS)
        raise MovieSettingsError(f"There is no container {container!r}. Choose one of: {known}.")
    if container not in plan.containers:
        fits = ", ".join(plan.containers)
        raise MovieSettingsError(f"{plan.name} does not go into {container}. It goes into: {fits}.")


def _check_numbers(settings: MovieSettings) -> None:
    if not 0 < settings.fps <= MAX_FPS:
        raise MovieSettingsError(f"{settings.fps} frames per second: want above 0, to {MAX_FPS}.")
    if settings.gop < 1:
        raise MovieSettingsError(f"A keyframe every {settings.gop} frames: want 1 or more.")
    for side in (settings.width, settings.height):
        if side is not None and not 0 < side <= MAX_SIDE_PX:
            raise MovieSettingsError(f"A side of {side} pixels: want 1 to {MAX_SIDE_PX}.")
    low, high = settings.plan.quality_range
    if settings.quality is not None and not low <= settings.quality <= high:
        raise MovieSettingsError(f"Quality {settings.quality}: {settings.codec} has {low}..{high}.")


def default_for(
    container: str, fps: Fraction, *, width: int | None = None, height: int | None = None
) -> MovieSettings:
    """Return good settings for a container: H.264 at crf 18, VP9 in WebM.

    Args:
        container: `mp4`, `mkv`, `webm` or `mov`.
        fps: Frames per second.
        width: Width of the frames, None to take what they have.
        height: Height of the frames, None to take what they have.

    Raises:
        MovieSettingsError: Unknown container, or numbers no movie can have.
    """
    codec = _DEFAULT_CODEC.get(container)
    if codec is None:
        known = ", ".join(CONTAINERS)
        raise MovieSettingsError(f"There is no container {container!r}. Choose one of: {known}.")
    return MovieSettings(container, codec, fps, width=width, height=height)


def blender_fps(fps: int, fps_base: float) -> Fraction:
    """Return a scene's exact frame rate.

    Blender keeps the base as a 32-bit float (1.001 for NTSC rates), so it is taken back to the
    decimal fraction a person typed.

    Args:
        fps: `scene.render.fps`.
        fps_base: `scene.render.fps_base`.

    Raises:
        MovieSettingsError: A rate of zero, or none at all.
    """
    try:
        rate = Fraction(fps) / Fraction(f"{fps_base:.6g}")
    except (ZeroDivisionError, ValueError) as error:
        raise MovieSettingsError(f"{fps} / {fps_base} is no frame rate.") from error
    if not 0 < rate <= MAX_FPS:
        raise MovieSettingsError(f"{rate} frames per second: want above 0, to {MAX_FPS}.")
    return rate
