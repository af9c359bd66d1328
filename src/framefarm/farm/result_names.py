"""Which names the files of a result may have, so that no unit's file takes another one's place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from framefarm.core.frame_files import may_name
from framefarm.farm.catalog import StageFacts
from framefarm.farm.intake import NotWhatWasAskedError
from framefarm.farm.outputs import OUTPUT_ROLES
from framefarm.protocol.manifest import ResultFile

_ROLES: Final[Mapping[str, frozenset[str]]] = {
    "render": frozenset({"image", "layer"}),
    "trial": frozenset({"image"}),
    "join": frozenset({"movie"}),
}
"""By kind of stage, the roles of files that appear where people look."""


def check_names(stage: StageFacts, unit: int, files: Iterable[ResultFile]) -> None:
    """Make sure that the files of a unit have names of that unit.

    Only of what appears in the job's folder; the others are kept under no name.

    Raises:
        NotWhatWasAskedError: One has not, or a role that the stage has no files of.
    """
    allowed = _ROLES.get(stage.kind, frozenset())
    for file in files:
        if file.role not in OUTPUT_ROLES:
            continue
        if file.role not in allowed:
            raise NotWhatWasAskedError(
                f"A result of stage {stage.kind} has no file of role {file.role}."
            )
        _check_name(stage, unit, file)


def _check_name(stage: StageFacts, unit: int, file: ResultFile) -> None:
    settings = stage.settings
    if stage.kind == "join":
        if file.name != settings.get("name"):
            raise NotWhatWasAskedError(
                f"The movie is to be called {settings.get('name')!r}, not {file.name!r}."
            )
        return
    path, extension = settings.get("frame_path"), str(settings.get("extension", ""))
    if not may_name(file.name, unit, output_path=path, extension=extension):
        raise NotWhatWasAskedError(
            f"{file.name!r} is no name for a file of frame {unit}: it must carry that number, and "
            "not be the name of another frame's picture or of a movie."
        )
