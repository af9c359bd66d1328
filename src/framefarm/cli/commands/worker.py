"""`framefarm worker`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from framefarm.cli.concealing import FROM_INPUT, read_token
from framefarm.cli.failures import UsageFailure
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.paths import PathType
from framefarm.cli.systems import need_posix
from framefarm.core.hours import Hours
from framefarm.core.sizes import parse_memory_limit, parse_size

if TYPE_CHECKING:
    from framefarm.agent import Agent
    from framefarm.cli.settings import Settings

_SERVICE = "As a service"


@declare("worker", short_help="Render for a manager.")
@click.argument("url", metavar="[URL]", required=False)
@option("--name", "worker_name", metavar="TEXT", help="Default: the machine's name.")
@option(
    "--slots",
    metavar="SLOTS",
    help="What renders at the same time: 2, cpu*2, gpu:0,gpu:1, gpu:0,cpu. Default: 1, "
    "a slot on the processor.",
    section="Slots",
)
@option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads of each slot. Default: the cores shared out.",
    section="Slots",
)
@option(
    "--cores",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Cores that renders may use. Default: all.",
    section="Limits",
)
@option(
    "--memory",
    metavar="SIZE",
    help="Most a slot may take, such as 8G or 75%; a frame beyond it is stopped and tried "
    "where there is more.",
    section="Limits",
)
@option(
    "--unit-disk",
    metavar="SIZE",
    help="Most that a frame may write while it is made. Default: 20G.",
    section="Limits",
)
@option(
    "--nice",
    type=click.IntRange(0, 19),
    metavar="N",
    help="How far renders give way to other programs, 0 to 19. Default: 0.",
    section="Limits",
)
@option(
    "--only-when-idle",
    is_flag=True,
    default=None,
    help="Begin no frame while somebody uses this machine.",
    section="Limits",
)
@option(
    "--hours",
    metavar="TIMES",
    help="When frames are begun, such as 19:00-07:00 or 12:00-13:00,18:00-24:00. Default: always.",
    section="Limits",
)
@option(
    "--data",
    "worker_data",
    type=PathType(file_okay=False),
    metavar="DIR",
    help="Cache and unsent results. Default: ~/.local/share/framefarm/worker.",
)
@option(
    "--join",
    metavar="TOKEN",
    help="Lets a new worker in; - reads it from standard input. Also FRAMEFARM_JOIN.",
)
@option(
    "--install-service",
    is_flag=True,
    section=_SERVICE,
    help="Write a systemd service with these options; say how to start it.",
)
@option("--uninstall-service", is_flag=True, section=_SERVICE, help="Remove it again.")
@click.pass_context
def command(
    context: click.Context, /, *, install_service: bool, uninstall_service: bool, **typed: Any
) -> None:
    """Render for the manager at URL until Ctrl-C.

    Without URL: for the manager it joined last, else one on this machine, else one on the network.
    On another machine than the manager's it needs a join token the first time.

    Work that is interrupted goes back to the manager; finished frames are kept and handed in later.
    SIGTERM does the same as Ctrl-C, within 2 s; SIGUSR1 ends after the frames in work.
    """
    from framefarm.agent import Agent, AgentSettings  # noqa: PLC0415  --help needs none of this
    from framefarm.agent.idleness import IdleLimits  # noqa: PLC0415
    from framefarm.cli.finding import choose_manager  # noqa: PLC0415
    from framefarm.cli.settings import load_settings  # noqa: PLC0415

    need_posix("the worker")
    if typed["join"] == FROM_INPUT:
        typed["join"] = read_token()
    settings = load_settings(**typed)
    if install_service and uninstall_service:
        raise UsageFailure("--install-service and --uninstall-service exclude each other")
    if install_service or uninstall_service:
        click.echo(_change_service(context, settings, install=install_service))
        return
    manager = choose_manager(settings)
    click.echo(f"manager: {manager.url} ({manager.how})", err=True)
    agent = Agent(
        manager.url,
        AgentSettings(
            data_dir=settings.worker_dir,
            name=settings.worker_name,
            slots=settings.slots,
            threads=settings.threads,
            cores=settings.cores,
            memory_bytes=_memory_bytes(settings.memory),
            unit_disk_bytes=parse_size(settings.unit_disk),
            niceness=settings.nice,
            only_when_idle=settings.only_when_idle,
            probe_devices=settings.probe_devices,
            idle=IdleLimits(quiet_s=settings.idle_after),
            hours=Hours.parse(settings.hours) if settings.hours else None,
            blenders=settings.blenders,
            managed_dir=settings.managed_blenders,
            join_token=settings.join,
            fingerprint=manager.fingerprint,
        ),
    )
    if asyncio.run(_run(agent)):
        _begin_anew()


def _memory_bytes(text: str | None) -> int | None:
    from framefarm.agent.machine import memory_bytes  # noqa: PLC0415  --help needs none of this

    return parse_memory_limit(text, memory_bytes()) if text else None


def _change_service(context: click.Context, settings: Settings, *, install: bool) -> str:
    from framefarm.agent.identity import IdentityFile  # noqa: PLC0415  --help needs none of this
    from framefarm.cli import service  # noqa: PLC0415
    from framefarm.client import local_manager  # noqa: PLC0415

    found = service.service_of(settings.worker_dir)
    if not install:
        return service.uninstall(found)
    joined = IdentityFile(settings.worker_dir).load().latest is not None
    if not joined and local_manager.find(settings.manager_dir) is None:
        raise UsageFailure(
            f"the worker of {settings.worker_dir} has joined no manager yet, and a service keeps "
            "no join token; join once by hand (framefarm worker URL --join TOKEN), stop it with "
            "Ctrl-C, then install the service"
        )
    arguments = service.repeated_arguments(context)
    return service.install(found, service.unit_text(found, arguments, settings.worker_dir))


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
    The join token is left out: who is told to begin anew has a key of its own, and standard input
    would not give the token again.
    """
    sys.stderr.flush()
    words = [sys.executable, *without_join(sys.orig_argv[1:])]
    os.execv(sys.executable, words)  # noqa: S606  no shell wanted


def without_join(words: Sequence[str]) -> list[str]:
    """A command line without `--join TOKEN`."""
    after_join = [False, *(word == "--join" for word in words)]
    return [
        word
        for word, is_token in zip(words, after_join, strict=False)
        if not is_token and word != "--join" and not word.startswith("--join=")
    ]
