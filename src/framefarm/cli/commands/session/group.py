"""`framefarm session` and the list of its commands."""

from __future__ import annotations

import click

from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup


def _place(name: str, text: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.session.{name}", text, "Commands")


PLACES = {
    "ask": _place("ask", "Ask for workers for a job."),
    "more": _place("more", "Ask for more workers for a job."),
    "release": _place("release", "Give a job's workers back."),
    "prefetch": _place("prefetch", "Send a job's files to its workers ahead."),
    "show": _place("show", "Show the workers that a job has."),
}


@click.group(
    "session",
    cls=LazyGroup,
    places=PLACES,
    short_help="Ask for workers for a job, give them back.",
    context_settings=CONTEXT,
)
def command() -> None:
    """Ask for workers of its own for a job, ask for more, and give them back.

    They work for that job before all others, and nobody else works for it. `framefarm sessions`
    lists the jobs that have some.
    """
