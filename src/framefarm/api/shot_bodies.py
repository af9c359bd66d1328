"""What requests about projects, sequences, shots and notes carry."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from framefarm.api.bodies import NO_ZERO, Name, Number, Priority, can_be_seen
from framefarm.core.shots import ProjectStatus, ShotStatus
from framefarm.core.spans import Spans
from framefarm.farm.shot_changes import MOST_AT_ONCE
from framefarm.farm.shot_places import Place
from framefarm.farm.shots import ShotFilter

Description = Annotated[str, Field(max_length=2_000), AfterValidator(can_be_seen)]


def _as_written(text: str) -> str:
    written = str(Spans.parse(text))
    if len(written) > _LONGEST_FRAMES:
        raise ValueError(f"written out it has more than {_LONGEST_FRAMES:,} characters")
    return written


_LONGEST_FRAMES = 2_000
Frames = Annotated[str, Field(max_length=_LONGEST_FRAMES), AfterValidator(_as_written)]
"""A range as the farm writes it; short enough to be in a list with a thousand others."""

Part = Annotated[str, Field(max_length=200, pattern=NO_ZERO)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewProject(_Body):
    """A project to be. The name is that of a folder, and stays."""

    name: Name
    status: ProjectStatus = ProjectStatus.ACTIVE
    priority: Priority | None = None
    description: Description = ""

    def values(self) -> dict[str, Any]:
        """The columns besides the name."""
        return self.model_dump(exclude={"name"})


class NewSequence(_Body):
    """A sequence to be; its project is made where it is not there."""

    project: Name
    name: Name
    status: ShotStatus = ShotStatus.WAITING
    priority: Priority | None = None
    description: Description = ""

    def values(self) -> dict[str, Any]:
        """The columns besides the names."""
        return self.model_dump(exclude={"project", "name"})


class NewShot(_Body):
    """A shot to be; its project and sequence are made where they are not there.

    `frames` and `priority` are those of its jobs that say none.
    """

    project: Name
    sequence: Name = ""
    name: Name
    status: ShotStatus = ShotStatus.WAITING
    frames: Frames | None = None
    priority: Priority | None = None
    description: Description = ""

    @property
    def place(self) -> Place:
        """Where it is to be."""
        return Place(self.project, self.sequence, self.name)

    def values(self) -> dict[str, Any]:
        """The columns besides the names."""
        return self.model_dump(exclude={"project", "sequence", "name"})


class _Change(_Body):
    def values(self) -> dict[str, Any]:
        """The columns that change; null empties what may be empty, and changes nothing else."""
        said = self.model_dump(exclude_unset=True)
        return {
            name: value
            for name, value in said.items()
            if value is not None or name in {"frames", "priority"}
        }


class ProjectChange(_Change):
    """What is to be different; what is left out stays. A priority of null is none."""

    status: ProjectStatus | None = None
    priority: Priority | None = None
    description: Description | None = None


class SequenceChange(_Change):
    """What is to be different; what is left out stays. A priority of null is none."""

    status: ShotStatus | None = None
    priority: Priority | None = None
    description: Description | None = None


class ShotChange(_Change):
    """What is to be different; what is left out stays. Frames or a priority of null are none."""

    status: ShotStatus | None = None
    frames: Frames | None = None
    priority: Priority | None = None
    description: Description | None = None


class WhereShots(_Body):
    """Shots that match everything given; `first` and `last` are names as text is sorted."""

    project: Part | None = None
    sequence: Part | None = None
    status: ShotStatus | None = None
    name: Part | None = None
    first: Part | None = None
    last: Part | None = None


class ManyShots(_Change):
    """Which shots are changed, by number or by what they are like, and how."""

    shots: Annotated[list[Number], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = None
    where: WhereShots | None = None
    status: ShotStatus | None = None
    priority: Priority | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.shots is None) == (self.where is None):
            raise ValueError("say either shots or where")
        if not self.values():
            raise ValueError("say what is to be different: status or priority")
        return self

    def values(self) -> dict[str, Any]:
        """The columns that change."""
        return {
            name: value
            for name, value in super().values().items()
            if name not in {"shots", "where"}
        }

    @property
    def wanted(self) -> list[int] | ShotFilter:
        """Which are meant."""
        if self.shots is not None:
            return self.shots
        assert self.where is not None
        return ShotFilter(**self.where.model_dump())


def _in_lines(text: str) -> str:
    return can_be_seen(text.replace("\r\n", "\n"), besides="\t\n")


class NoteText(_Body):
    """A note."""

    text: Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_in_lines)]
