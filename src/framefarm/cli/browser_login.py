"""Being let in from a browser, perhaps on another machine (RFC 8628)."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from framefarm.cli.farm_options import open_farm

if TYPE_CHECKING:
    from framefarm.client.farm import Farm
    from framefarm.client.user_views import DeviceBegun, MadeToken

_NOT_YET = frozenset({"authorization_pending", "slow_down"})


def log_in_by_browser(
    url: str, certificate: str, purpose: str, days: float
) -> tuple[str, MadeToken]:
    """Show an address and a code, and wait until somebody says yes there.

    Returns:
        Who that was, and the token.

    Raises:
        FarmAnswerError: They said no, or nothing for ten minutes.
    """
    with open_farm(url, token="", certificate=certificate) as farm:
        begun = farm.begin_device_login(purpose=purpose, days=days)
        _tell(begun)
        made = _wait(farm, begun)
    with open_farm(url, token=made.token, certificate=certificate) as farm:
        who = farm.me()
    return (who.name if who is not None else ""), made


def _tell(begun: DeviceBegun) -> None:
    click.echo(f"Open  {begun.verification_uri_complete}")
    click.echo(f"and say yes if it shows  {begun.user_code}")
    if sys.stdout.isatty() and (os.environ.get("DISPLAY") or sys.platform in {"darwin", "win32"}):
        click.launch(begun.verification_uri_complete)


def _wait(farm: Farm, begun: DeviceBegun) -> MadeToken:
    from framefarm.client.errors import FarmAnswerError  # noqa: PLC0415  not for --help

    while True:
        time.sleep(begun.interval)
        try:
            return farm.take_device_token(begun.device_code)
        except FarmAnswerError as error:
            if error.code not in _NOT_YET:
                raise
