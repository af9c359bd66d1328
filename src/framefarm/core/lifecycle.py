"""The form of a lifecycle: a table that says which state follows which event.

What is not in a table is not allowed: `advance` then raises and nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from framefarm.core.errors import FrameFarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class IllegalMoveError(FrameFarmError):
    """An event came that the present state does not allow. Nothing has changed.

    Attributes:
        lifecycle: Name of the table.
        state: The state that stays.
        event: The event that was refused.
        which: What is in that state, such as `job 3`; empty where that is not told.
    """

    code = "illegal_move"

    def __init__(
        self, lifecycle: str, state: str, event: str, allowed: Iterable[str], *, which: str = ""
    ) -> None:
        possible = ", ".join(sorted(allowed)) or "nothing"
        what = f"{which[0].upper()}{which[1:]}" if which else f"A {lifecycle}"
        joined = f"is {state} and allows" if which else f"that is {state} allows"
        super().__init__(f"{what} {joined} no {event.replace('_', ' ')}; possible now: {possible}.")
        self.lifecycle = lifecycle
        self.state = state
        self.event = event
        self.which = which


@dataclass(frozen=True)
class Lifecycle(Generic[S, E]):
    """The table of one lifecycle.

    Attributes:
        name: What has these states, such as `job`.
        start: The state it begins in.
        moves: The state that follows each pair of state and event.
        asked_for: The events that people bring about, which is what an error tells them of; all
            others just happen. Empty where no people are told.
    """

    name: str
    start: S
    moves: Mapping[tuple[S, E], S]
    asked_for: frozenset[E] = frozenset()

    def allowed(self, state: str) -> tuple[E, ...]:
        """Events that this state allows, in the order of the table."""
        return tuple(event for (from_state, event) in self.moves if from_state == state)

    def sources(self, event: str) -> tuple[S, ...]:
        """States that allow this event: what a guarded update must find, in table order."""
        return tuple(state for (state, on_event) in self.moves if on_event == event)

    def is_final(self, state: str) -> bool:
        """Whether nothing can follow this state."""
        return not self.allowed(state)


def advance(table: Lifecycle[S, E], state: S, event: E, *, which: str = "") -> S:
    """The state that follows. Pure: nothing changes but what the caller does with the answer.

    Args:
        which: What is in that state, such as `job 3`, for people.

    Raises:
        IllegalMoveError: The state does not allow the event.
    """
    try:
        return table.moves[state, event]
    except KeyError:
        allowed = [
            one for one in table.allowed(state) if one in table.asked_for or not table.asked_for
        ]
        raise IllegalMoveError(table.name, state, event, allowed, which=which) from None


def diagram(table: Lifecycle[S, E]) -> str:
    """The table as a Mermaid state diagram, ending with a line break."""
    lines = ["stateDiagram-v2", f"    [*] --> {table.start}"]
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), follows in table.moves.items():
        arrows.setdefault((state, follows), []).append(event)
    lines += [
        f"    {state} --> {follows}: {', '.join(events)}"
        for (state, follows), events in arrows.items()
    ]
    lines += [f"    {state} --> [*]" for state in type(table.start) if table.is_final(state)]
    return "\n".join(lines) + "\n"
