"""What can go wrong with pictures and movies.

```text
FrameFarmError
└── MediaError
    ├── ImageMismatchError       the picture is not what was asked for
    │   └── ImageDamagedError    the right kind of file, but it does not decode
    ├── ImageUnreadableError     a picture to encode or to shrink cannot be read
    ├── MovieSettingsError       settings that no movie can have
    ├── EncoderMissingError      this machine lacks the encoder
    ├── EncodeError              the encoder refused
    ├── SegmentMismatchError     segments that cannot be one movie
    └── NotAMovieError           the file is no movie, or a broken one
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framefarm.core.errors import FrameFarmError

if TYPE_CHECKING:
    from pathlib import Path


class MediaError(FrameFarmError):
    """A picture or a movie is not what it should be."""

    code = "media"


class ImageMismatchError(MediaError):
    """A picture is not what was asked for.

    Attributes:
        path: The file that was looked at.
        asked: What it should have been, in words.
        came: What it is, in words.
    """

    code = "image_mismatch"

    def __init__(self, path: Path, *, asked: str, came: str) -> None:
        super().__init__(f"{path.name}: asked for {asked}, got {came}.")
        self.path = path
        self.asked = asked
        self.came = came


class ImageDamagedError(ImageMismatchError):
    """A picture of the right kind whose pixels do not all decode: cut short or corrupt."""

    code = "image_damaged"


class ImageUnreadableError(MediaError):
    """A picture that should be encoded or shrunk cannot be read.

    Attributes:
        path: The file that was looked at.
    """

    code = "image_unreadable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"Cannot read the picture {path}: {reason}. Render this frame again.")
        self.path = path


class MovieSettingsError(MediaError):
    """Settings that no movie can have, such as a frame rate of zero."""

    code = "movie_settings"


class EncoderMissingError(MediaError):
    """This machine has no encoder for a codec.

    Attributes:
        codec: FrameFarm's name of the codec.
    """

    code = "encoder_missing"

    def __init__(self, codec: str, tried: str) -> None:
        super().__init__(
            f"No encoder for {codec} here (looked for {tried}). "
            "Choose another codec or install the 'av' wheel from PyPI, which carries it."
        )
        self.codec = codec


class EncodeError(MediaError):
    """The encoder or the muxer refused."""

    code = "encode"


class SegmentMismatchError(MediaError):
    """Segments that cannot be one movie: other codec, size or encoder settings.

    Attributes:
        path: The first segment that differs.
    """

    code = "segment_mismatch"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The segment {path} does not fit the ones before it: {reason}. Encode it again."
        )
        self.path = path


class NotAMovieError(MediaError):
    """The file is no movie, or a broken one.

    Attributes:
        path: The file that was looked at.
    """

    code = "not_a_movie"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is not a movie that can be read: {reason}.")
        self.path = path
