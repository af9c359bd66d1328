"""The body of `PUT /api/leases/{lease}/units/{unit}`: one line of JSON, then the files' bytes.

The line says what follows: which files, how long each is and its hash, in the order of their
bytes. Nothing separates the files; the sizes do. One request so carries a frame, its thumbnail, its
log and whatever a File Output node wrote, is written straight to disk as it comes, and is accepted
or refused as a whole. (multipart/form-data was the alternative: its boundary search costs more than
the hash of a 20 kB frame, and it cannot say a file's hash before its bytes.)
"""

from __future__ import annotations

from typing import Literal

import msgspec

from framefarm.core.errors import FrameFarmError
from framefarm.protocol.limits import MAX_FILES_PER_UNIT, MAX_MANIFEST_BYTES
from framefarm.protocol.messages import Attempt, Bytes, Id, Seal, UnitFacts

FileRole = Literal["image", "layer", "thumbnail", "log", "segment", "movie", "other"]
"""`image`: the frame itself. `layer`: a File Output node's. `segment`, `movie`: encoded video."""


class ManifestError(FrameFarmError):
    """A result's first line is not a manifest."""

    code = "bad_manifest"


class ResultFile(msgspec.Struct, frozen=True):
    """One file of a result.

    Attributes:
        name: Relative path below the job's outputs, with forward slashes.
        role: What the file is.
        sha256: Of its content, lower-case hexadecimal.
        size_bytes: Of its content.
    """

    name: str
    role: FileRole
    sha256: str
    size_bytes: Bytes


class ResultManifest(msgspec.Struct, frozen=True):
    """All that a result says of itself.

    Attributes:
        seal: That of its lease.
    """

    stage: Id
    attempt: Attempt
    files: tuple[ResultFile, ...]
    facts: UnitFacts = UnitFacts()
    seal: Seal = ""


_decoder = msgspec.json.Decoder(ResultManifest)


def encode_manifest(manifest: ResultManifest) -> bytes:
    """The body's first line, with its line feed."""
    return msgspec.json.encode(manifest) + b"\n"


def decode_manifest(line: bytes) -> ResultManifest:
    """Read a body's first line and check all that can be checked without the files.

    Raises:
        ManifestError: It is not a manifest, or names too many files, an unsafe path, a bad hash.
    """
    if len(line) > MAX_MANIFEST_BYTES:
        raise ManifestError(f"The manifest is longer than {MAX_MANIFEST_BYTES:,} bytes.")
    try:
        manifest = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ManifestError(f"The manifest could not be read: {error}") from error
    if len(manifest.files) > MAX_FILES_PER_UNIT:
        raise ManifestError(f"A unit may have at most {MAX_FILES_PER_UNIT:,} files.")
    for file in manifest.files:
        _check(file)
    _check_apart([file.name.casefold() for file in manifest.files])
    return manifest


def _check_apart(names: list[str]) -> None:
    """Refuse names that could not lie in one folder, whatever the file system thinks of case."""
    there = set(names)
    if len(there) != len(names):
        raise ManifestError("Two files of the result have the same name.")
    for name in names:
        folder = name
        while folder := folder.rpartition("/")[0]:
            if folder in there:
                raise ManifestError(f"The result has a file {folder!r} and files below it.")


def _check(file: ResultFile) -> None:
    parts = file.name.split("/")
    unsafe = any(part in ("", ".", "..") for part in parts) or any(c in file.name for c in "\\:\0")
    if unsafe or not file.name.isprintable() or len(file.name) > 400:  # noqa: PLR2004  4 x NAME_MAX is rare
        raise ManifestError(f"The file name {file.name[:100]!r} is not a plain relative path.")
    if len(file.sha256) != 64 or not set(file.sha256) <= set("0123456789abcdef"):  # noqa: PLR2004
        raise ManifestError(f"The hash of {file.name} is not a SHA-256 in lower-case hexadecimal.")
