"""The calls about projects, sequences and shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import msgspec

from framefarm.client.asking import Ask, Pages, call, change, get, listed, make, pages, tell
from framefarm.client.shot_views import (
    NotePage,
    NoteView,
    ProjectPage,
    ProjectView,
    SequencePage,
    SequenceView,
    ShotFile,
    ShotFilePage,
    ShotFrames,
    ShotPage,
    ShotView,
    VersionPage,
    VersionView,
)

_T = TypeVar("_T")
_PAGE = 500
NONE = "none"
"""Instead of a priority or frames: there are to be none."""


@dataclass(frozen=True)
class ShotFilter:
    """Which shots are meant: those that match everything given.

    Attributes:
        project, sequence: By name, as it is written; an empty sequence is none.
        name: Part of the name.
        first, last: From this name to that one, as text is sorted.
    """

    project: str | None = None
    sequence: str | None = None
    status: str | None = None
    name: str | None = None
    first: str | None = None
    last: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """What is set."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class ShotCalls:
    """The part of `Farm` that is about projects, sequences and shots."""

    # --- projects and sequences ---

    @listed
    def projects(self, *, status: str | None = None) -> Pages[ProjectView]:
        """Projects by name."""
        found = "/api/projects", ProjectPage
        return pages(*found, lambda page: page.projects, most=_PAGE, status=status)

    @call
    def add_project(
        self, name: str, *, priority: int | None = None, description: str = ""
    ) -> Ask[ProjectView]:
        """Make a project; submitting a job for one that is not there makes it as well.

        Raises:
            FarmAnswerError: The name is taken, or cannot be one.
        """
        body = {"name": name, "priority": priority, "description": description}
        return make("/api/projects", ProjectView, msgspec.json.encode(body))

    @call
    def change_project(
        self,
        project: int,
        *,
        status: str | None = None,
        priority: int | str | None = None,
        description: str | None = None,
    ) -> Ask[ProjectView]:
        """Change a project; None leaves it as it is.

        Args:
            project: Its number.
            status: `active`, `on_hold` or `closed`.
            priority: 0 to 100, or `none`.

        Raises:
            FarmAnswerError: There is none of that number, or somebody else made it.
        """
        said = {"status": status, "priority": priority, "description": description}
        return _patch(f"/api/projects/{project}", ProjectView, said)

    @call
    def delete_project(
        self, project: int, *, jobs: bool = False, outputs: bool = False
    ) -> Ask[None]:
        """Delete a project with its sequences and shots; refused while jobs belong to it.

        Args:
            project: Its number.
            jobs: With those jobs that have ended.
            outputs: With their files on the manager's machine as well.

        Raises:
            FarmAnswerError: There is none of that number, or it is in use.
        """
        return _delete(f"/api/projects/{project}", jobs=jobs, outputs=outputs)

    @listed
    def sequences(
        self, *, project: str | None = None, status: str | None = None
    ) -> Pages[SequenceView]:
        """Sequences by name; only of a project where given."""
        asked: dict[str, Any] = {"project": project, "status": status}
        found = "/api/sequences", SequencePage
        return pages(*found, lambda page: page.sequences, most=_PAGE, **asked)

    @call
    def add_sequence(
        self, project: str, name: str, *, priority: int | None = None, description: str = ""
    ) -> Ask[SequenceView]:
        """Make a sequence, and its project where that is not there.

        Raises:
            FarmAnswerError: The name is taken, or cannot be one.
        """
        body = {"project": project, "name": name, "priority": priority}
        asked = msgspec.json.encode(body | {"description": description})
        return make("/api/sequences", SequenceView, asked)

    @call
    def change_sequence(
        self,
        sequence: int,
        *,
        status: str | None = None,
        priority: int | str | None = None,
        description: str | None = None,
    ) -> Ask[SequenceView]:
        """Change a sequence; None leaves it as it is, and a priority of `none` is none.

        Raises:
            FarmAnswerError: There is none of that number, or somebody else made it.
        """
        said = {"status": status, "priority": priority, "description": description}
        return _patch(f"/api/sequences/{sequence}", SequenceView, said)

    @call
    def delete_sequence(
        self, sequence: int, *, jobs: bool = False, outputs: bool = False
    ) -> Ask[None]:
        """Delete a sequence with its shots; see `delete_project`."""
        return _delete(f"/api/sequences/{sequence}", jobs=jobs, outputs=outputs)

    # --- shots ---

    @listed
    def shots(
        self,
        *,
        project: str | None = None,
        sequence: str | None = None,
        shot: str | None = None,
        status: str | None = None,
        name: str | None = None,
    ) -> Pages[ShotView]:
        """Shots by name; those that match everything given, of `name` a part."""
        asked: dict[str, Any] = {"project": project, "sequence": sequence, "shot": shot}
        asked |= {"status": status, "name": name}
        return pages("/api/shots", ShotPage, lambda page: page.shots, most=_PAGE, **asked)

    @call
    def shot(self, shot: int) -> Ask[ShotView]:
        """One shot.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        return get(_path(shot), ShotView)

    @call
    def add_shot(
        self,
        project: str,
        name: str,
        *,
        sequence: str = "",
        frames: str | None = None,
        priority: int | None = None,
        description: str = "",
    ) -> Ask[ShotView]:
        """Make a shot; submitting a job for one that is not there makes it as well.

        Args:
            project, name, sequence: Where it is; what is not there of that is made.
            frames: Its range, such as `1001-1048`, which its jobs render.
            priority: Of its jobs.

        Raises:
            FarmAnswerError: The name is taken, or cannot be one.
        """
        place = {"project": project, "sequence": sequence, "name": name}
        said = {"frames": frames, "priority": priority, "description": description}
        return make("/api/shots", ShotView, msgspec.json.encode(place | said))

    @call
    def change_shot(
        self,
        shot: int,
        *,
        status: str | None = None,
        frames: str | None = None,
        priority: int | str | None = None,
        description: str | None = None,
    ) -> Ask[ShotView]:
        """Change what is said of a shot; None leaves it as it is.

        Args:
            shot: Its number.
            status: `waiting`, `in_progress`, `on_hold`, `review`, `approved`, `final` or `omitted`.
            frames: Its range, or `none`.
            priority: 0 to 100, or `none`.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        said = {"status": status, "frames": frames, "priority": priority}
        return _patch(_path(shot), ShotView, said | {"description": description})

    @call
    def change_shots(
        self,
        shots: Sequence[int] | ShotFilter,
        *,
        status: str | None = None,
        priority: int | str | None = None,
    ) -> Ask[tuple[ShotView, ...]]:
        """Change up to 1,000 shots: some, or all that are alike. All of them, or none.

        Raises:
            FarmAnswerError: One is not there, none matches, or too many do.
        """
        body = _said({"status": status, "priority": priority})
        if isinstance(shots, ShotFilter):
            body["where"] = shots.given
        else:
            body["shots"] = list(shots)
        asked = msgspec.json.encode(body)
        return change("/api/shots/update", ShotPage, asked).then(lambda found: found.shots)

    @call
    def delete_shot(self, shot: int, *, jobs: bool = False, outputs: bool = False) -> Ask[None]:
        """Delete a shot with its notes; see `delete_project`."""
        return _delete(_path(shot), jobs=jobs, outputs=outputs)

    # --- what is theirs ---

    @listed
    def shot_versions(self, shot: int) -> Pages[VersionView]:
        """A shot's jobs, the newest first, and which frames of each are the shot's."""
        found = f"{_path(shot)}/versions", VersionPage
        return pages(*found, lambda page: page.versions, most=_PAGE, cursor="before")

    @call
    def shot_frames(self, shot: int) -> Ask[ShotFrames]:
        """Which version each of a shot's frames is of, and its movie.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        return get(f"{_path(shot)}/frames", ShotFrames)

    @listed
    def shot_files(self, shot: int) -> Pages[ShotFile]:
        """A shot's frames, each of its version, and its movie."""
        return pages(f"{_path(shot)}/files", ShotFilePage, lambda page: page.files, most=_PAGE)

    # --- notes ---

    @listed
    def shot_notes(self, shot: int) -> Pages[NoteView]:
        """What was written about a shot, the oldest first."""
        found = f"{_path(shot)}/notes", NotePage
        return pages(*found, lambda page: page.notes, most=_PAGE, cursor="after")

    @call
    def add_shot_note(self, shot: int, text: str) -> Ask[NoteView]:
        """Write something about a shot.

        Raises:
            FarmAnswerError: There is none of that number, or it has too many notes.
        """
        return make(f"{_path(shot)}/notes", NoteView, msgspec.json.encode({"text": text}))

    @call
    def change_shot_note(self, shot: int, note: int, text: str) -> Ask[NoteView]:
        """Write something else in a note of one's own.

        Raises:
            FarmAnswerError: There is no such note, or it is another's.
        """
        return _patch(f"{_path(shot)}/notes/{note}", NoteView, {"text": text})

    @call
    def delete_shot_note(self, shot: int, note: int) -> Ask[None]:
        """Delete a note of one's own; an admin any.

        Raises:
            FarmAnswerError: There is no such note, or it is another's.
        """
        return tell(f"{_path(shot)}/notes/{note}", method="DELETE")


def _path(shot: int) -> str:
    return f"/api/shots/{shot}"


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if value == NONE and name in {"priority", "frames"} else value
        for name, value in values.items()
        if value is not None
    }


def _patch(path: str, kind: type[_T], said: dict[str, Any]) -> Ask[_T]:
    return change(path, kind, msgspec.json.encode(_said(said)), method="PATCH")


def _delete(path: str, *, jobs: bool, outputs: bool) -> Ask[None]:
    asked = [name for name, wanted in (("jobs", jobs), ("outputs", outputs)) if wanted]
    query = "&".join(f"{name}=true" for name in asked)
    return tell(f"{path}?{query}" if query else path, method="DELETE")
