"""What the manager's own address shows to people who are let in. Pure."""

from __future__ import annotations

from html import escape

from framefarm import __version__
from framefarm.api.pages.login_page import LOGIN, OWN_PASSWORD, who
from framefarm.api.pages.page import page

FRONT = "/"
_COMMANDS = (
    ("framefarm jobs", "what there is to do, and how far it is"),
    ("framefarm workers", "which machines do it"),
    ("framefarm --help", "everything else"),
)


def front_text() -> str:
    """For programs, and for people whose program shows no pages."""
    commands = "".join(f"  {command:<20} {about}\n" for command, about in _COMMANDS)
    return (
        f"FrameFarm {__version__}: the manager is at work.\n\nIn a terminal:\n{commands}\n"
        "For programs: /api/docs and /api/openapi.json\n"
    )


def front_page(name: str, *, local: bool) -> str:
    """For a browser.

    Args:
        name: Who is logged in there; empty for nobody.
        local: Whether it is let in because it is on the manager's own machine.
    """
    commands = "".join(f"<p>{about}: <code>{command}</code></p>" for command, about in _TOLD)
    return page(
        "The manager is at work",
        f"<p>This is FrameFarm {escape(__version__)}, which renders on many machines. You steer it "
        f"in a terminal.</p>{commands}"
        "<p>You write programs? <a href=/api/docs>Read about the API</a>.</p>"
        f"{_own_links(name, local=local)}",
    )


_TOLD = tuple((command, about[0].upper() + about[1:]) for command, about in _COMMANDS)


def _own_links(name: str, *, local: bool) -> str:
    if name:
        return (
            f"<p><a href={LOGIN}>Log in in a terminal, too</a><br>"
            f"<a href={OWN_PASSWORD}>Change your password</a></p>{who(name, FRONT)}"
        )
    if local:
        return (
            "<p class='soft who'>On this machine, the manager's own, nobody needs to log in. "
            f"<a href={LOGIN}>Log in</a> all the same, as to "
            f"<a href={OWN_PASSWORD}>change your password</a>.</p>"
        )
    return ""
