"""Asking for passwords and codes; an argument would be seen by every program of a machine."""

from __future__ import annotations

import sys

from framefarm.cli.failures import UsageFailure


def ask_secret(what: str) -> str:
    """Ask for something that is not shown while it is typed; a line of standard input in a script.

    Raises:
        UsageFailure: Nothing came.
    """
    if sys.stdin.isatty():
        import getpass  # noqa: PLC0415  only for people

        text = getpass.getpass(f"{what}: ")
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise UsageFailure(f"{what}: none came; type it, or pass it on standard input")
    return text


def ask_new_password(what: str = "New password") -> str:
    """Ask for a password to be; twice where somebody types it.

    Raises:
        UsageFailure: Nothing came, or two different ones.
    """
    text = ask_secret(f"{what} (12 characters or more)")
    if sys.stdin.isatty() and ask_secret("The same once more") != text:
        raise UsageFailure("the two are not the same; nothing was changed")
    return text


def ask_text(what: str, option: str) -> str:
    """Ask for something that may be seen.

    Raises:
        UsageFailure: Nobody is there to type it.
    """
    if not sys.stdin.isatty():
        raise UsageFailure(f"{what}: say it with {option}")
    import click  # noqa: PLC0415

    return str(click.prompt(what, err=True)).strip()
