"""A worker as a service of systemd: its unit file, and the commands that go with it.

The unit holds no secret: who the worker is lies in its data folder, for its user only. As root the
unit is the system's and runs as the owner of that folder; as anyone else it is the user's own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource

from framefarm.cli.display import words
from framefarm.cli.failures import UsageFailure

NAME = "framefarm-worker"
_SYSTEM = Path("/etc/systemd/system")
_NOT_REPEATED = frozenset({"join", "install_service", "uninstall_service", "worker_data"})
_KEPT_VARIABLES = ("FRAMEFARM_CONFIG", "FRAMEFARM_HOME")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:=@,+*-]+")


@dataclass(frozen=True, slots=True)
class Service:
    """Where a unit file belongs.

    Attributes:
        folder: Of unit files.
        target: What starts it.
        user: Whom a unit of the system runs as; empty for a user's own unit, and for root.
        system: Whether it is the system's.
    """

    folder: Path
    target: str
    user: str = ""
    system: bool = False

    @property
    def path(self) -> Path:
        """The unit file."""
        return self.folder / f"{NAME}.service"

    @property
    def systemctl(self) -> str:
        """The command that steers it."""
        return "systemctl" if self.system else "systemctl --user"


def service_of(worker_dir: Path, environment: Mapping[str, str] = os.environ) -> Service:
    """The service of the worker of a data folder, for whoever asks.

    Raises:
        UsageFailure: This system has no systemd.
    """
    if sys.platform != "linux":
        raise UsageFailure(
            "services are written for systemd, which this system does not have; "
            "docs/how-to/windows-and-macos-workers.md says what to do here"
        )
    if os.geteuid() == 0:
        return Service(_SYSTEM, "multi-user.target", _owner(worker_dir), system=True)
    base = environment.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Service(Path(base) / "systemd" / "user", "default.target")


def _owner(folder: Path) -> str:
    try:
        owner = folder.owner()
    except (OSError, KeyError):
        return ""
    return "" if owner == "root" else owner


def install(service: Service, unit: str) -> str:
    """Write the unit file; returns what to tell.

    Raises:
        OSError: It cannot be written.
    """
    service.folder.mkdir(parents=True, exist_ok=True)
    service.path.write_text(unit)
    lines = [
        f"wrote {words.place(service.path)}",
        "start it now, and at every start from now on:",
        f"  {service.systemctl} daemon-reload",
        f"  {service.systemctl} enable --now {NAME}",
    ]
    if not service.system:
        lines += [
            "let it run while nobody is logged in:",
            "  loginctl enable-linger",
        ]
    log = "journalctl" if service.system else "journalctl --user"
    return "\n".join([*lines, "see what it says:", f"  {log} -u {NAME} -f"])


def uninstall(service: Service) -> str:
    """Remove the unit file; returns what to tell.

    Raises:
        UsageFailure: There is none.
        OSError: It cannot be removed.
    """
    if not service.path.exists():
        raise UsageFailure(f"there is no {service.path}")
    service.path.unlink()
    # What `enable` made; `disable` would not find it any more.
    (service.folder / f"{service.target}.wants" / service.path.name).unlink(missing_ok=True)
    return "\n".join(
        [
            f"removed {words.place(service.path)}",
            "stop it now:",
            f"  {service.systemctl} stop {NAME}",
            f"  {service.systemctl} daemon-reload",
        ]
    )


def unit_text(
    service: Service,
    arguments: Sequence[str],
    worker_dir: Path,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """The unit file.

    Args:
        service: Where it belongs.
        arguments: Further ones of `framefarm worker`.
        worker_dir: The worker's data folder.
        environment: What `framefarm` is told by it now.
    """
    program = [sys.executable, "-m", "framefarm.cli", "worker"]
    command = [*program, *arguments, "--data", str(worker_dir.absolute())]
    kept = [f"{name}={environment[name]}" for name in _KEPT_VARIABLES if name in environment]
    return "\n".join(
        [
            "# Made by `framefarm worker --install-service`.",
            "[Unit]",
            "Description=FrameFarm worker",
            "Wants=network-online.target",
            "After=network-online.target",
            "",
            "[Service]",
            f"ExecStart={' '.join(_quoted(word).replace('$', '$$') for word in command)}",
            *(f"Environment={_quoted(one)}" for one in kept),
            *([f"User={service.user}"] if service.user else []),
            "Restart=always",
            "RestartSec=5",
            "# The manager will not have this worker, or it was told what makes no sense. After a",
            "# full disk or whatever else may pass (75) it is started again.",
            "RestartPreventExitStatus=2",
            "# Ask the worker to end; it ends its Blenders. What is left after that is killed.",
            "KillMode=mixed",
            "TimeoutStopSec=15",
            "# A Blender that the system ends for want of memory is one failed frame. Else systemd",
            "# would stop the worker with all its other slots.",
            "OOMPolicy=continue",
            "NoNewPrivileges=yes",
            "",
            "[Install]",
            f"WantedBy={service.target}",
            "",
        ]
    )


def repeated_arguments(context: click.Context) -> list[str]:
    """What was typed for a worker, apart from its data folder and what must not be kept."""
    repeated: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not typed or name in _NOT_REPEATED:
            continue
        value = context.params[name]
        if isinstance(parameter, click.Argument):
            repeated.append(str(value))
        elif isinstance(parameter, click.Option) and parameter.is_flag:
            repeated.append(parameter.opts[0])
        else:
            repeated += [parameter.opts[0], str(value)]
    return repeated


def _quoted(word: str) -> str:
    """A word as systemd reads it back (systemd.service(5), systemd.syntax(7))."""
    if _PLAIN_WORD.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
