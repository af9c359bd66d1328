"""Which project or shots a command is about, and the words that it takes for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.groups import option
from framefarm.client.farm import Farm
from framefarm.client.shot_calls import NONE
from framefarm.client.shot_views import ProjectView, SequenceView, ShotView

_F = TypeVar("_F", bound=Callable[..., Any])
_WILD = frozenset("*?[")
_SHORTEST, _LONGEST = 2, 3
STATUSES = ("waiting", "in_progress", "on_hold", "review", "approved", "final", "omitted")
PROJECT_STATUSES = ("active", "on_hold", "closed")


def shot_argument(function: _F) -> _F:
    """Add a shot as an argument."""
    return click.argument("shot", metavar="SHOT")(function)


def jobs_options(function: _F) -> _F:
    """Add `--jobs` and `--outputs`, for commands that delete."""
    for declare in (
        option("--outputs", is_flag=True, help="With those jobs' files on the manager's machine."),
        option("--jobs", is_flag=True, help="With its jobs, once they have all ended."),
    ):
        function = declare(function)
    return function


def said_options(statuses: Sequence[str], help: str) -> Callable[[_F], _F]:  # noqa: A002
    """Add `--status`, `--priority` and `--description`, for commands that change what is said.

    Args:
        statuses: Those there are.
        help: What is said of them.
    """

    def add(function: _F) -> _F:
        for declare in (
            option("--description", metavar="TEXT", help="For people."),
            option(
                "--priority",
                callback=read_priority,
                metavar="0-100|none",
                help="Of its jobs that say none.",
            ),
            option("--status", type=click.Choice(statuses), metavar="STATUS", help=help),
        ):
            function = declare(function)
        return function

    return add


def check_said(said: Mapping[str, Any]) -> None:
    """Make sure that anything is to be different.

    Raises:
        UsageFailure: Nothing was typed.
    """
    if all(value is None for value in said.values()):
        *others, last = (f"--{name}" for name in said)
        raise UsageFailure(f"say what is to be different: {', '.join(others)} or {last}")


def read_priority(_: click.Context, __: click.Parameter, value: str | None) -> int | str | None:
    """A priority, or `none`."""
    if value is None or value == NONE:
        return value
    if not (value.isdecimal() and int(value[:4]) <= 100):  # noqa: PLR2004  the highest there is
        raise click.BadParameter(f"{value!r} is neither a number from 0 to 100 nor none.")
    return int(value)


def read_frames(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Frames, or `none`."""
    if value is not None and value != NONE:
        from framefarm.core.spans import Spans  # noqa: PLC0415  only when typed

        Spans.parse(value)
    return value


def find_project(farm: Farm, name: str) -> ProjectView:
    """The project of a name.

    Raises:
        UsageFailure: There is none.
    """
    found = next((one for one in farm.projects() if one.name == name), None)
    if found is None:
        raise UsageFailure(f"there is no project {name!r}; see: framefarm projects")
    return found


def find_sequence(farm: Farm, path: str) -> SequenceView:
    """The sequence of a path, such as `Film/sq01`.

    Raises:
        UsageFailure: There is none.
    """
    project, name = sequence_parts(path)
    found = next((one for one in farm.sequences(project=project) if one.name == name), None)
    if found is None:
        raise UsageFailure(f"there is no sequence {path!r}; see: framefarm sequences")
    return found


def sequence_parts(path: str) -> tuple[str, str]:
    """Project and name of a sequence.

    Raises:
        UsageFailure: It is no path of a sequence.
    """
    project, _, name = path.partition("/")
    if not project or not name or "/" in name:
        raise UsageFailure(f"{path!r} is no sequence: write PROJECT/SEQUENCE")
    return project, name


def find_shot(farm: Farm, path: str) -> ShotView:
    """The shot of a path, such as `Film/sq01/010`, or `Film/010` for one of no sequence.

    Raises:
        UsageFailure: There is none.
    """
    project, sequence, name = parts_of(path)
    for shot in farm.shots(project=project, sequence=sequence, shot=name):
        return shot
    raise UsageFailure(f"there is no shot {path!r}; see: framefarm shots {project}")


def find_shots(farm: Farm, paths: Sequence[str]) -> list[ShotView]:
    """The shots of some paths, of which the last two parts may be patterns; none twice.

    Raises:
        UsageFailure: A path is none, or a pattern nothing's.
    """
    found: dict[int, ShotView] = {}
    for path in paths:
        shots = _matching(farm, path) if _WILD & set(path) else [find_shot(farm, path)]
        found |= {shot.id: shot for shot in shots}
    return list(found.values())


def _matching(farm: Farm, path: str) -> list[ShotView]:
    project, sequence, name = parts_of(path)
    if _WILD & set(project):
        raise UsageFailure(f"{path!r}: a project is named, and not given as a pattern")
    found = [
        shot
        for shot in farm.shots(project=project)
        if fnmatchcase(shot.sequence, sequence) and fnmatchcase(shot.name, name)
    ]
    if not found:
        raise UsageFailure(f"no shot is like {path!r}; see: framefarm shots {project}")
    return found


def parts_of(path: str) -> tuple[str, str, str]:
    """Project, sequence and name of a shot; the sequence is empty for one of none.

    Raises:
        UsageFailure: It is no path of a shot.
    """
    parts = path.split("/")
    if not _SHORTEST <= len(parts) <= _LONGEST or not all(parts):
        raise UsageFailure(
            f"{path!r} is no shot: write PROJECT/SHOT, or PROJECT/SEQUENCE/SHOT as "
            "framefarm shots lists it"
        )
    return parts[0], "/".join(parts[1:-1]), parts[-1]
