"""What editing projects, sequences and shots has alike."""

from __future__ import annotations

from starlette.requests import Request

from framefarm.api.access import NotAllowedError
from framefarm.api.guard import caller_of
from framefarm.farm.shot_rights import seen_by


def viewer_of(request: Request) -> str | None:
    """The artist whose things are all that a request is shown; None for everything."""
    return seen_by(caller_of(request.scope).person)


def name_of(request: Request) -> str:
    """Who makes a request; empty for nobody in particular, on the manager's own machine."""
    who = caller_of(request.scope).person
    return who.name if who is not None else ""


def check_maker(request: Request, what: str, made_by: str) -> None:
    """Make sure that an artist changes nothing that the artist did not make.

    Raises:
        NotAllowedError: Somebody else made it.
    """
    artist = viewer_of(request)
    if artist is not None and made_by != artist:
        raise NotAllowedError(
            f"{what} was made by {made_by or 'the manager itself'}; {artist} cannot change it so."
        )
