"""What must be known of a .blend before it is handed to the farm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.cli.failures import CliError, UsageFailure
from framefarm.cli.job_options import JobOptions
from framefarm.cli.settings import Settings
from framefarm.client.blob_calls import hash_file
from framefarm.core.listing import first_of
from framefarm.core.versions import BlenderVersion, NoBlenderForFileError, choose_version

if TYPE_CHECKING:
    from framefarm.blender.blendfile import BlendFile


class BlendMissingError(CliError):
    """The file to render is not there."""

    code = "blend_missing"


class MissingFilesError(CliError):
    """A strict render of a file whose links are broken."""

    code = "missing_files"


@dataclass(frozen=True, slots=True)
class ReadBlend:
    """A .blend that was read on this machine.

    Attributes:
        sha256: Of its content.
        saved_by: Version of the Blender that saved it.
        linked: Files it links that are there.
        missing: Those that are not, as the file names them.
        blend: What else is in it.
    """

    path: Path
    sha256: str
    saved_by: BlenderVersion
    linked: tuple[Path, ...]
    missing: tuple[str, ...]
    blend: BlendFile


def check_is_file(path: Path) -> None:
    """Refuse what is not even a file, before anything is started for it.

    Raises:
        BlendMissingError: There is nothing, or a folder.
    """
    if path.is_dir():
        raise BlendMissingError(f"{path} is a folder; name the .blend inside it")
    if not path.exists():
        raise BlendMissingError(f"{path} does not exist")


def read_for_farm(path: Path, *, strict: bool, near_by: bool = False) -> ReadBlend:
    """Read and hash a .blend.

    Args:
        path: The file.
        strict: Refuse it when something it links is not there.
        near_by: Whether to look near the .blend for what it names by a path of another machine.

    Raises:
        BlendFileError: It is none, or damaged.
        MissingFilesError: `strict`, and something it links is not there.
    """
    from framefarm.blender.blendfile import read_blend  # noqa: PLC0415  slow, and not always needed
    from framefarm.blender.finding import NearBy, WhereSaid  # noqa: PLC0415

    blend = read_blend(path, finder=NearBy() if near_by else WhereSaid())
    missing = blend.missing_paths
    if strict:
        check_missing(path, missing)
    linked = {file for link in blend.links for file in link.files}
    return ReadBlend(path, hash_file(path), blend.saved_by, tuple(sorted(linked)), missing, blend)


def check_missing(path: Path, missing: tuple[str, ...]) -> None:
    """Refuse a file that links what is not there.

    Raises:
        MissingFilesError: Something is missing.
    """
    if missing:
        raise MissingFilesError(f"{path}: {told_missing(missing)}; --strict refuses that")


def told_missing(missing: tuple[str, ...]) -> str:
    """A sentence about missing files."""
    count = "1 linked file is" if len(missing) == 1 else f"{len(missing):,} linked files are"
    return f"{count} missing: {first_of(missing)}"


def check_blender(read: ReadBlend, options: JobOptions, settings: Settings) -> BlenderVersion:
    """Find the Blender to render with on this machine.

    Args:
        read: The file.
        options: May name a version.
        settings: Name further Blenders.

    Raises:
        NoBlenderForFileError: There is none that is new enough.
        UsageFailure: The version asked for is not here.
    """
    from framefarm.blender.installations import find_blenders  # noqa: PLC0415  slow to import

    found = find_blenders(settings.blenders, managed_dir=settings.managed_blenders)
    there = sorted({installation.version for installation in found})
    if options.blender is None:
        return choose_version(read.saved_by, there)
    wanted = BlenderVersion.parse(options.blender)
    if wanted not in there:
        if not there:
            raise NoBlenderForFileError(wanted, there)
        listed = ", ".join(map(str, there))
        raise UsageFailure(
            f"Blender {wanted} is not on this machine (found: {listed}); "
            f"install it with: framefarm blender install {wanted}"
        )
    return wanted
