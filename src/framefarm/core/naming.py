"""File names: of frames and movies as Blender gives them, of folders as any system takes them.

The rules are those of Blender 5.0 (`BKE_image_path_from_imformat` and `BLI_path_frame` for
stills, `BKE_movie_filepath_get` for movies), compared with `render.frame_path()`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Final

_DIGITS = 4

_HASHES = re.compile(r"#+(?=[^#]*$)")
"""The last run of `#`; Blender leaves earlier ones as they are."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Characters no file name should have, halves of undecodable ones included."""

# Blender takes these off a path that ends in them and puts the format's own in their place
# (`imb_ext_image`).
IMAGE_ENDINGS: Final = frozenset(
    {".png", ".tga", ".bmp", ".jpg", ".jpeg", ".sgi", ".rgb", ".rgba", ".tif", ".tiff", ".tx"}
    | {".jp2", ".j2c", ".hdr", ".dds", ".dpx", ".cin", ".exr", ".psd", ".pdd", ".psb", ".webp"}
)

# Further spellings that Blender leaves alone.
_ALSO: Final = {".jpg": {".jpeg"}, ".tif": {".tiff"}}

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE
)
_LONGEST_NAME = 100
_UNSAFE = re.compile(r"[:*?\"<>|\\]|[^\S ]")
_LONGEST_PATH = 400
_NAMELESS = "unnamed"


def frame_name(output_path: str, frame: int, extension: str) -> str:
    """Name the file of one frame as Blender would.

    Args:
        output_path: The scene's output path, such as `//render/shot_####`. Only what follows
            the last separator counts. The last run of `#` becomes the frame number; without
            one, four digits are appended.
        frame: Frame number; may be negative.
        extension: The format's extension with its dot, from `EXTENSIONS`; empty when the scene
            wants none.

    Returns:
        A file name, such as `shot_0012.png`, without a folder.
    """
    stem = _base(output_path)
    if "#" not in stem:
        stem += "#" * _DIGITS
    name = _HASHES.sub(lambda hashes: _number(frame, len(hashes[0])), stem, count=1)
    return _with_image_extension(name, extension)


def movie_name(output_path: str, first: int, last: int, extension: str) -> str:
    """Name the movie of an animation as Blender would.

    Args:
        output_path: The scene's output path. A path that ends in the movie's extension is
            taken as it is; otherwise first and last frame take the place of the last run of
            `#`, or are appended.
        first: First frame.
        last: Last frame.
        extension: The container's extension with its dot, such as `.mp4`.

    Returns:
        A file name, such as `shot_0001-0250.mp4`, without a folder.
    """
    stem = _base(output_path)
    if extension and stem.lower().endswith(extension):
        return stem[: -len(extension)] + extension
    if "#" not in stem:
        stem += "#" * _DIGITS
    return (
        _HASHES.sub(
            lambda hashes: f"{_number(first, len(hashes[0]))}-{_number(last, len(hashes[0]))}",
            stem,
            count=1,
        )
        + extension
    )


def _base(output_path: str) -> str:
    """What follows the last separator of either kind, without control characters."""
    return _CONTROL.sub("_", re.split(r"[/\\]", output_path)[-1])


def _number(frame: int, digits: int) -> str:
    """A frame number with leading zeros; the sign does not count as a digit."""
    return f"{'-' if frame < 0 else ''}{abs(frame):0{digits}d}"


def _with_image_extension(name: str, extension: str) -> str:
    if not extension:
        return name
    stem, dot, ending = name.rpartition(".")
    present = f".{ending}".lower() if dot else ""
    if present == extension or present in _ALSO.get(extension, ()):
        return name
    return (stem if present in IMAGE_ENDINGS else name) + extension


@lru_cache(maxsize=4_096)  # names of projects come in each line of a list of jobs
def safe_name(text: str) -> str:
    """Make a name that is a good folder name on Linux, macOS and Windows.

    Args:
        text: Any text, such as the name of a job.

    Returns:
        A name of 1 to 100 bytes in UTF-8 without separators, control characters, anything
        Windows reserves, or a dot or blank at its ends. A good name comes back as it was;
        different texts may give the same name, but a name which had to be cut carries a
        digest of the whole.
    """
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text))
    if not name.isascii():  # of ASCII the pattern has left nothing else
        name = "".join(char if _is_visible(char) else "_" for char in name)
    name = name.strip(" .")
    if _RESERVED.match(name):
        name = f"_{name}"
    raw = name.encode()
    if len(raw) > _LONGEST_NAME:
        digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]
        cut = raw[: _LONGEST_NAME - len(digest) - 1].decode(errors="ignore")
        name = f"{cut.rstrip(' .')}-{digest}"
    return name or _NAMELESS


def _is_visible(char: str) -> bool:
    """Whether a character shows what it is: no format, private or line-breaking one."""
    return char == " " or unicodedata.category(char)[0] not in "CZ"


def safe_path(name: str) -> str:
    """A relative path the manifest takes: nothing of it leads out, or is special to some system."""
    parts = (_UNSAFE.sub("_", part).strip() for part in name.replace("\\", "/").split("/"))
    kept = [_printable(part) for part in parts if part not in ("", ".", "..")]
    return "/".join(kept)[-_LONGEST_PATH:].lstrip("/") or _NAMELESS


def _printable(part: str) -> str:
    return "".join(char if char.isprintable() else "_" for char in part)
