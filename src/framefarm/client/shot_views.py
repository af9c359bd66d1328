"""Projects, sequences and shots as the API shows them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from framefarm.client.views import FileView


class ProjectView(msgspec.Struct, frozen=True):
    """A project.

    Attributes:
        priority: Of its jobs, where neither they nor their shots say another.
        shots: How many there are.
    """

    id: int
    name: str
    status: str
    priority: int | None = None
    description: str = ""
    created_by: str = ""
    created_at: datetime | None = None
    shots: int = 0


class ProjectPage(msgspec.Struct, frozen=True):
    """Some projects."""

    projects: tuple[ProjectView, ...]
    next: str | int | None = None


class SequenceView(msgspec.Struct, frozen=True):
    """A sequence; otherwise as a project. `path` is `project/sequence`."""

    id: int
    project_id: int
    project: str
    name: str
    path: str
    status: str
    priority: int | None = None
    description: str = ""
    created_by: str = ""
    created_at: datetime | None = None
    shots: int = 0


class SequencePage(msgspec.Struct, frozen=True):
    """Some sequences."""

    sequences: tuple[SequenceView, ...]
    next: str | int | None = None


class NewestVersion(msgspec.Struct, frozen=True):
    """How far the newest version of a shot is; counts are frames."""

    version: int
    job: int
    state: str
    done: int = 0
    failed: int = 0
    total: int = 0


class ShotView(msgspec.Struct, frozen=True):
    """A shot.

    Attributes:
        sequence: Empty for a shot of no sequence.
        path: `project/sequence/shot`, or `project/shot`.
        status: What people say of it.
        frames: Its range; its jobs render it where they name no other. None where none was said.
        priority: Of its jobs, where they name no other; None for that of its sequence or project.
        versions: How many there are.
        newest: What the newest of them does; None where there is none.
    """

    id: int
    project_id: int
    project: str
    name: str
    path: str
    status: str
    sequence_id: int | None = None
    sequence: str = ""
    frames: str | None = None
    priority: int | None = None
    description: str = ""
    created_by: str = ""
    created_at: datetime | None = None
    versions: int = 0
    newest: NewestVersion | None = None


class ShotPage(msgspec.Struct, frozen=True):
    """Some shots."""

    shots: tuple[ShotView, ...]
    next: str | int | None = None


class VersionView(msgspec.Struct, frozen=True):
    """A job of a shot.

    Attributes:
        shown: Which of its frames are the shot's; empty while it is not done, and once newer
            versions have them all.
    """

    version: int
    job: int
    state: str
    name: str = ""
    owner: str = ""
    frames: str = ""
    done: int = 0
    failed: int = 0
    total: int = 0
    movie: bool = False
    created_at: datetime | None = None
    finished_at: datetime | None = None
    shown: str = ""


class VersionPage(msgspec.Struct, frozen=True):
    """Some versions, the newest first."""

    versions: tuple[VersionView, ...]
    next: str | int | None = None


class FramesOfVersion(msgspec.Struct, frozen=True):
    """Frames of a shot that are of one version."""

    frames: str
    version: int
    job: int


class MovieOfVersion(msgspec.Struct, frozen=True):
    """A shot's movie; `remade` are frames of it that a newer version has made anew since."""

    version: int
    job: int
    frames: str = ""
    remade: str = ""


class ShotFrames(msgspec.Struct, frozen=True):
    """What a shot shows.

    Attributes:
        frames: Which version they are of, the newest first.
        missing: Frames of the shot's own range that no finished version has.
        movie: None where no finished version has one of the whole shot.
    """

    shot: int
    frames: tuple[FramesOfVersion, ...] = ()
    missing: str = ""
    movie: MovieOfVersion | None = None


class ShotFile(FileView, frozen=True):
    """A file of a shot, and of which version it is."""

    version: int = 0
    job: int = 0


class ShotFilePage(msgspec.Struct, frozen=True):
    """Some files of a shot."""

    files: tuple[ShotFile, ...]
    next: str | int | None = None


class NoteView(msgspec.Struct, frozen=True):
    """A note; `author` is empty for nobody in particular, on the manager's own machine."""

    id: int
    text: str
    author: str = ""
    created_at: datetime | None = None
    changed_at: datetime | None = None


class NotePage(msgspec.Struct, frozen=True):
    """Some notes, the oldest first."""

    notes: tuple[NoteView, ...]
    next: str | int | None = None
