"""`framefarm worker`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option

if TYPE_CHECKING:
    from framefarm.agent import Agent


@declare("worker", short_help="Render for a manager.")
@click.argument("url", metavar="[URL]", required=False)
@option("--name", "worker_name", metavar="TEXT", help="Default: the machine's name.")
@option(
    "--slots",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Frames rendered at the same time. Default: 1.",
)
@option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads of each slot. Default: the cores shared out.",
)
@option(
    "--data",
    "worker_data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Cache and unsent results. Default: ~/.local/share/framefarm/worker.",
)
def command(**typed: Any) -> None:
    """Render for the manager at URL until Ctrl-C. Default: http://127.0.0.1:7070.

    Work that is interrupted goes back to the manager; finished frames are kept and handed in later.
    SIGTERM does the same as Ctrl-C, within 2 s; SIGUSR1 ends after the frames in work.
    """
    from framefarm.agent import Agent, AgentSettings  # noqa: PLC0415  --help needs none of this
    from framefarm.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings(**typed)
    agent = Agent(
        settings.url,
        AgentSettings(
            data_dir=settings.worker_dir,
            name=settings.worker_name,
            slots=settings.slots,
            threads=settings.threads,
            blenders=settings.blenders,
            managed_dir=settings.managed_blenders,
        ),
    )
    if asyncio.run(_run(agent)):
        _begin_anew()


async def _run(agent: Agent) -> bool:
    """Run the agent; returns whether the manager wants the process to be started anew."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, agent.stop)
    loop.add_signal_handler(signal.SIGUSR1, agent.drain)
    return await agent.run()


def _begin_anew() -> None:
    """Become a new process with the same arguments, number and parent: a service manager sees one.

    The interpreter's own arguments are repeated too: `-m framefarm` and the script differ in them.
    """
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  no shell wanted
