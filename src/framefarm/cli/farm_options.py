"""The options of commands that talk to a manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.groups import option
from framefarm.cli.kept_logins import kept_logins
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
        "--url",
        metavar="URL",
        help="The manager. Default: FRAMEFARM_URL, else the one on this machine, else that of "
        "the last login.",
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


def farm_url(url: str | None) -> str:
    """The manager that a command talks to.

    As typed, of the environment, on this machine, or where one logged in last.
    """
    settings = load_settings(url=url)
    if settings.url:
        return settings.url.rstrip("/")
    local = local_manager.find(settings.manager_dir)
    if local is not None:
        return local.url
    return next(reversed(kept_logins(settings.home)), DEFAULT_URL)


def token_for(url: str | None) -> str:
    """The token that a command shows: the environment's, or that of `framefarm login`."""
    settings = load_settings(url=url)
    kept = kept_logins(settings.home).get(farm_url(url))
    return settings.token or (kept.token if kept else "")


def open_farm(
    url: str | None, *, token: str | None = None, certificate: str = "", timeout_s: float = 30.0
) -> Farm:
    """The manager that a command talks to, see `farm_url`, asked as who one is there.

    Args:
        token: Instead of the environment's, and of the one that `framefarm login` has kept.
        certificate: Instead of the one that it has kept.
        timeout_s: How long one step of a request may take.
    """
    settings = load_settings(url=url)
    found = farm_url(url)
    kept = kept_logins(settings.home).get(found)
    local = local_manager.find(settings.manager_dir)
    # What the manager of this machine shows is known from its own data folder.
    if local and is_loopback(found):
        certificate = certificate or local.certificate
    if kept is not None:
        certificate = certificate or kept.certificate
    shown = token_for(url) if token is None else token
    return Farm(found, timeout_s=timeout_s, certificate=certificate, token=shown)


def check_somebody(farm: Farm, instead: str) -> None:
    """Make sure that a command asks as a person, who has an account.

    Args:
        instead: What to type where nobody in particular asks.

    Raises:
        UsageFailure: It does not: on the manager's own machine nobody needs one.
    """
    if farm.me() is None:
        raise UsageFailure(f"nobody is logged in here; name a user: {instead}")


def is_here(url: str) -> bool:
    """Whether an address is that of this machine's own manager; a tunnel's is not."""
    local = local_manager.find(load_settings().manager_dir)
    return local is not None and local.url == url
