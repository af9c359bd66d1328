"""What this machine can encode, for `framefarm doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
from av.codec.codec import UnknownCodecError

from framefarm.media.codecs import CODECS

if TYPE_CHECKING:
    from framefarm.media.codecs import Codec


@dataclass(frozen=True, slots=True)
class Encoder:
    """One codec and whether it can be encoded here.

    Attributes:
        codec: FrameFarm's name.
        encoder: FFmpeg's encoder behind it.
        containers: Containers it goes into.
        available: Whether this machine has it.
    """

    codec: str
    encoder: str
    containers: tuple[str, ...]
    available: bool


def available_encoders() -> list[Encoder]:
    """List every codec FrameFarm knows, with whether it can be encoded here."""
    return [
        Encoder(codec.name, codec.encoder, codec.containers, _is_here(codec))
        for codec in CODECS.values()
    ]


def _is_here(codec: Codec) -> bool:
    try:
        found = av.Codec(codec.encoder, "w")
    except UnknownCodecError:
        return False
    return any(format_.name == codec.pixels for format_ in found.video_formats or ())


def library_versions() -> dict[str, str]:
    """Return the versions of FFmpeg's libraries, such as `{"libavcodec": "62.28.102"}`."""
    return {
        name: ".".join(str(part) for part in version)
        for name, version in av.library_versions.items()
    }
