"""Which executor makes which kind of unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from framefarm.agent.executors.contract import Executor, SlotResources
from framefarm.agent.executors.media import MediaExecutor
from framefarm.agent.executors.render import RenderExecutor
from framefarm.agent.executors.trial import TrialExecutor

MakeExecutor = Callable[[SlotResources], Executor]

EXECUTORS: Mapping[str, MakeExecutor] = {
    "render": RenderExecutor,
    "trial": TrialExecutor,
    "movie": MediaExecutor,
    "join": MediaExecutor,
}
"""By kind of stage, as the protocol names it."""


def executors_for(
    kinds: Sequence[str], table: Mapping[str, MakeExecutor], resources: SlotResources
) -> dict[str, Executor]:
    """A slot's executors, by kind; one that makes several kinds is the same for each."""
    made = {make: make(resources) for make in dict.fromkeys(table[kind] for kind in kinds)}
    return {kind: made[table[kind]] for kind in kinds}


CPU_KINDS = ("render", "trial")
"""What a rendering slot offers; without a Blender all but the first."""

MEDIA_KINDS = ("movie", "join")
"""What the slot for movies offers."""
