"""The options of commands that talk to a manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from framefarm.cli.groups import option
from framefarm.cli.settings import load_settings
from framefarm.client import local_manager
from framefarm.client.farm import Farm
from framefarm.client.transport import is_loopback

_F = TypeVar("_F", bound=Callable[..., Any])
_HIGHEST_JOB = 10**12
DEFAULT_URL = "http://127.0.0.1:7070"


class JobNumber(click.ParamType[int]):
    """A job's number."""

    name = "job"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or say what is wrong with it."""
        try:
            number = int(value)
        except ValueError:
            number = 0
        if not 1 <= number <= _HIGHEST_JOB:
            self.fail(f"{value!r} is no job's number; see: framefarm jobs", param, ctx)
        return number


def url_option(function: _F) -> _F:
    """Add `--url`."""
    return option(
        "--url", metavar="URL", help="The manager. Default: FRAMEFARM_URL, else this machine."
    )(function)


def json_option(function: _F) -> _F:
    """Add `--json`, for commands that print one document."""
    return option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def job_argument(function: _F) -> _F:
    """Add a job's number as an argument."""
    return click.argument("job", metavar="JOB", type=JobNumber())(function)


def worker_argument(function: _F) -> _F:
    """Add a worker's name or id as an argument."""
    return click.argument("worker", metavar="WORKER")(function)


def open_farm(url: str | None, *, timeout_s: float = 30.0) -> Farm:
    """The manager that a command talks to: as typed, of the environment, or on this machine.

    Args:
        timeout_s: How long one step of a request may take.
    """
    settings = load_settings(url=url)
    local = local_manager.find(settings.manager_dir)
    found = settings.url or (local.url if local else DEFAULT_URL)
    # What the manager of this machine shows is known from its own data folder.
    trusted = local.certificate if local and is_loopback(found) else ""
    token = settings.token or ""
    return Farm(found, timeout_s=timeout_s, certificate=trusted, token=token)


def is_here(url: str) -> bool:
    """Whether an address is that of this machine's own manager; a tunnel's is not."""
    local = local_manager.find(load_settings().manager_dir)
    return local is not None and local.url == url
