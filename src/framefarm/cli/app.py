"""`framefarm` and the list of its commands."""

from __future__ import annotations

import click

from framefarm import __version__
from framefarm.cli.groups import CONTEXT, CommandPlace, LazyGroup


def _place(name: str, text: str, section: str) -> CommandPlace:
    return CommandPlace(f"framefarm.cli.commands.{name}", text, section)


_ALONE = "On this machine"
_FARM = "With a manager"
_SETUP = "Setting up"

PLACES = {
    "render": _place("render", "Render a .blend here: frames and a movie.", _ALONE),
    "inspect": _place("inspect", "Show what a .blend contains and links.", _ALONE),
    "serve": _place("serve", "Run a manager.", _FARM),
    "worker": _place("worker", "Render for a manager.", _FARM),
    "submit": _place("submit", "Hand a .blend, or a .zip of a project, to the manager.", _FARM),
    "trial": _place("trial", "Try the farm's plumbing without Blender.", _FARM),
    "jobs": _place("jobs", "List jobs.", _FARM),
    "projects": _place("projects.group", "List, make and change projects.", _FARM),
    "sequences": _place("sequences.group", "List, make and change sequences.", _FARM),
    "shots": _place("shots", "List shots, and how far they are.", _FARM),
    "shot": _place("shot.group", "Show, change, annotate and fetch a shot.", _FARM),
    "show": _place("show", "Show all that is known of a job.", _FARM),
    "stages": _place("stages", "List a job's stages: how far they are, when they end.", _FARM),
    "frames": _place("frames", "List a job's frames: who made them, what they took.", _FARM),
    "why": _place("why", "Tell why a job is not running, or not on more.", _FARM),
    "watch": _place("watch", "Follow a job until it ends.", _FARM),
    "events": _place("events", "Follow all that happens on the farm.", _FARM),
    "fetch": _place("fetch", "Bring a job's frames and movie here.", _FARM),
    "cancel": _place("cancel", "Stop a job; what is finished stays.", _FARM),
    "pause": _place("pause", "Give out no more of a job.", _FARM),
    "resume": _place("resume", "Go on with a paused job.", _FARM),
    "priority": _place("priority", "Change when a job gets its turn.", _FARM),
    "limit": _place("limit", "Change how many workers a job may have.", _FARM),
    "sessions": _place("sessions", "List the jobs that have workers of their own.", _FARM),
    "session": _place("session.group", "Ask for workers for a job, give them back.", _FARM),
    "deadline": _place("deadline", "Change when a job is to be done.", _FARM),
    "retry": _place("retry", "Put failed frames, or any, back to work.", _FARM),
    "delete": _place("delete", "Forget a job.", _FARM),
    "logs": _place("logs", "Show what Blender said.", _FARM),
    "workers": _place("workers.group", "List, show and steer workers.", _FARM),
    "leases": _place("leases.group", "List who is at what, and take it back.", _FARM),
    "pools": _place("pools.group", "List pools of workers, and limit them.", _FARM),
    "uploads": _place("uploads.group", "List your uploads, and give them up.", _FARM),
    "login": _place("login", "Log in at a manager on another machine.", _FARM),
    "logout": _place("logout", "End what `login` began.", _FARM),
    "users": _place("users.group", "Let people in from other machines.", _FARM),
    "notify": _place("notify.group", "Be told elsewhere when jobs end.", _FARM),
    "backup": _place("backup", "Copy a manager's data while it works.", _SETUP),
    "doctor": _place("doctor", "Check this machine; say how to mend what is wrong.", _SETUP),
    "blender": _place("blender", "List and install Blenders.", _SETUP),
    "completion": _place("completion", "Print the shell's completion script.", _SETUP),
}


@click.group(
    cls=LazyGroup,
    places=PLACES,
    context_settings=CONTEXT,
    epilog=(
        "Exit status: 0 done, 1 some units failed, 2 wrong use or something needed is missing, "
        "75 something that may pass (a full disk), 130 interrupted."
    ),
)
@click.version_option(__version__, prog_name="framefarm", message="%(prog)s %(version)s")
def app() -> None:
    """One farm for every frame: Blender animations over all your machines.

    Start with:  framefarm render shot.blend
    """
