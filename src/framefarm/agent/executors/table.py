"""Which executor makes which kind of unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from framefarm.agent.executors.contract import Executor, SlotResources
from framefarm.agent.executors.join import JoinExecutor
from framefarm.agent.executors.movie import MovieExecutor
from framefarm.agent.executors.render import RenderExecutor
from framefarm.agent.executors.trial import TrialExecutor

MakeExecutor = Callable[[SlotResources], Executor]

EXECUTORS: Mapping[str, MakeExecutor] = {
    "render": RenderExecutor,
    "trial": TrialExecutor,
    "movie": MovieExecutor,
    "join": JoinExecutor,
}
"""By kind of stage, as the protocol names it."""

CPU_KINDS = ("render", "trial")
"""What a rendering slot offers; without a Blender all but the first."""

MEDIA_KINDS = ("movie", "join")
"""What the slot for movies offers."""
