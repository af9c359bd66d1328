"""What requests carry."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from framefarm.core.deadlines import in_our_time
from framefarm.core.plain_text import plain
from framefarm.core.requirements import Pool
from framefarm.core.spans import Spans
from framefarm.core.tags import PATTERN as TAG_PATTERN
from framefarm.farm.new_jobs import Wishes
from framefarm.farm.render_jobs import RenderRequest
from framefarm.farm.shot_places import Defaults, Place
from framefarm.farm.trial_jobs import TrialRequest

_MOST = 10**12


def clamped(number: int) -> int:
    """The number, or one that any database takes and nothing has."""
    return max(-_MOST, min(number, _MOST))


Number = Annotated[int, AfterValidator(clamped)]
"""Of a job, or of whatever else is counted."""

NO_ZERO = r"^[^\x00]*$"
"""No zero byte: PostgreSQL keeps none in a text."""

SHA256 = "^[0-9a-f]{64}$"
USER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,79}$"
EMAIL = r"^([^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+)?$"
_BLENDER = r"^\d{1,3}\.\d{1,3}$"

IN_WORDS = {
    NO_ZERO: "A zero byte is no text; leave it out",
    SHA256: "This is no SHA-256: it has 64 digits of 0-9 and a-f",
    USER_NAME: "A name has 1 to 80 letters from a to z, digits and . _ @ -, and begins with one of "
    "the first two",
    EMAIL: "This is no address of mail, such as ada@studio.example",
    _BLENDER: "A version of Blender is written as 4.5",
    TAG_PATTERN: "A tag has 1 to 40 small letters a to z, digits and . _ -; the first is no sign",
}
"""What values have to be like, by their pattern, for people."""

Name = Annotated[str, Field(max_length=200)]
Sha256 = Annotated[str, Field(pattern=SHA256)]


def can_be_seen(text: str, besides: str = "") -> str:
    """The same text.

    Args:
        besides: Of the characters that end lines or indent them, those that may be in it.

    Raises:
        ValueError: There are characters in it that a terminal obeys instead of showing them.
    """
    lines = set("\t\n") - set(besides)
    unseen = next((char for char in text if plain(char) != char or char in lines), None)
    if unseen is not None:
        raise ValueError(f"leave out the character U+{ord(unseen):04X}, which nobody can see")
    return text


Title = Annotated[str, Field(max_length=200), AfterValidator(can_be_seen)]
"""A name that people read, in lists and letters."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Blend(_Body):
    """The .blend of a render job, uploaded before.

    `tree`: the hash of the list of its project's files, uploaded before like all of them, where it
    needs more than itself (docs/explanation/projects.md). `missing` lists linked files that the
    submitting machine does not have.
    """

    sha256: Sha256
    name: Title
    source_path: Annotated[str, Field(max_length=4096)] = ""
    tree: Sha256 | None = None
    missing: Annotated[list[str], Field(max_length=10_000)] = []


class RenderSettings(_Body):
    """What to override of the file's own settings."""

    frames: Annotated[str, Field(max_length=65_536)] | None = None
    scene: Name | None = None
    camera: Name | None = None
    engine: Name | None = None
    samples: Annotated[int, Field(ge=1, le=1 << 24)] | None = None
    resolution: Name | None = None
    format: Name | None = None
    movie: Literal["mp4", "mkv", "webm", "mov", "none"] | None = None
    order: Literal["sequential", "spread"] = "sequential"
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    allow_scripts: bool = False
    persistent_data: bool = True
    strict: bool = False
    blender: Annotated[str, Field(pattern=_BLENDER)] | None = None


class TrialSettings(_Body):
    """What a trial's units do."""

    units: Annotated[str, Field(max_length=65_536)]
    seconds: Annotated[float, Field(ge=0, le=3_600)] = 0.0
    image_bytes: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    largest_lease: Annotated[int, Field(ge=1, le=1_000)] = 1_000


Tag = Annotated[str, Field(pattern=TAG_PATTERN)]
MinMemory = Annotated[int, Field(ge=0, le=1 << 50)]
"""Bytes that a slot has for a frame."""


class Requires(_Body):
    """What a job asks of the workers that do it.

    `pool` is the least trusted pool whose workers may have it.
    """

    pool: Pool = Pool.OWN
    tags: Annotated[list[Tag], Field(max_length=20)] = []
    min_memory_bytes: MinMemory = 0
    gpu: bool = False


MaxWorkers = Annotated[int, Field(ge=1, le=100_000)]
"""Slots that may work on a job at a time."""


Deadline = Annotated[AwareDatetime, AfterValidator(in_our_time)]


def seconds(at: datetime | None) -> float | None:
    """A time as the farm keeps it."""
    return None if at is None else at.timestamp()


Priority = Annotated[int, Field(ge=0, le=100)]


class _Job(_Body):
    """What jobs of all kinds say.

    With a `shot` it is the next version of it; what is not there is made. Where no `priority` is
    said, it is that of the shot, its sequence or its project, else 50.
    """

    name: Title = ""
    project: Title = ""
    sequence: Title = ""
    shot: Title = ""
    priority: Priority | None = None
    fingerprint: Sha256 | None = None
    owner: Title = ""
    max_workers: MaxWorkers | None = None
    deadline: Deadline | None = None
    requires: Requires = Requires()

    def place(self) -> Place:
        """Where it belongs.

        Raises:
            PlaceError: It says only a part of that.
        """
        return Place(self.project, self.sequence, self.shot)

    def wishes(self) -> Wishes:
        """What is asked of workers, for the farm."""
        asked = self.requires
        return Wishes(
            owner=self.owner,
            pool=asked.pool,
            tags=tuple(sorted(set(asked.tags))),
            min_memory_bytes=asked.min_memory_bytes,
            gpu=asked.gpu,
        )


class NewRenderJob(_Job):
    """A .blend to render."""

    kind: Literal["render"]
    blend: Blend
    settings: RenderSettings = RenderSettings()

    def request(self, usual: Defaults) -> RenderRequest:
        """The same for the farm; what is not said is as it is usual where it belongs."""
        asked = self.settings.model_dump(exclude={"format"})
        if asked["frames"] is None:
            asked["frames"] = usual.frames
        return RenderRequest(
            blend_sha256=self.blend.sha256,
            blend_name=self.blend.name,
            source_path=self.blend.source_path,
            tree_sha256=self.blend.tree,
            missing=tuple(self.blend.missing),
            name=self.name,
            project=self.project,
            sequence=self.sequence,
            shot=self.shot,
            priority=usual.priority if self.priority is None else self.priority,
            max_workers=self.max_workers,
            deadline_at=seconds(self.deadline),
            fingerprint=self.fingerprint,
            file_format=self.settings.format,
            wishes=self.wishes(),
            **asked,
        )


class NewTrialJob(_Job):
    """A trial of the farm's plumbing."""

    kind: Literal["trial"]
    settings: TrialSettings

    def request(self, usual: Defaults) -> TrialRequest:
        """The same for the farm; what is not said is as it is usual where it belongs."""
        return TrialRequest(
            name=self.name,
            project=self.project,
            sequence=self.sequence,
            shot=self.shot,
            priority=usual.priority if self.priority is None else self.priority,
            max_workers=self.max_workers,
            deadline_at=seconds(self.deadline),
            fingerprint=self.fingerprint,
            wishes=self.wishes(),
            **self.settings.model_dump(),
        )


NewJob = Annotated[NewRenderJob | NewTrialJob, Field(discriminator="kind")]


class PauseJob(_Body):
    """How a job is paused. `now` also takes back what is being worked on."""

    now: bool = False


class JobPriority(_Body):
    """When a job gets its turn; with `kind` only its stages of that kind."""

    priority: Priority
    kind: Annotated[str, Field(max_length=20)] | None = None


class JobLimit(_Body):
    """How many slots may work on a job at a time; null for any number."""

    max_workers: MaxWorkers | None


class JobDeadline(_Body):
    """When a job is to be done, ISO 8601 with its zone; null where nobody waits for it."""

    deadline: Deadline | None


class RetryJob(_Body):
    """What of a job is put back to work; without either what failed or was cancelled.

    `frames` are made anew whatever became of them, `all` makes everything anew.
    """

    frames: Annotated[str, Field(max_length=65_536)] | None = None
    all: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> RetryJob:
        if self.frames is not None and self.all:
            raise ValueError("say `frames` or `all`, not both")
        return self

    @property
    def units(self) -> Spans | None:
        """The frames as units."""
        return Spans.parse(self.frames) if self.frames is not None else None
