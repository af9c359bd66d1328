"""`framefarm login`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from framefarm.cli.browser_login import log_in_by_browser
from framefarm.cli.display import words
from framefarm.cli.display.sheets import local
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import farm_url, open_farm
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.kept_logins import KeptLogin, keep_login, kept_in
from framefarm.cli.secrets_asked import ask_new_password, ask_secret, ask_text
from framefarm.cli.settings import load_settings

if TYPE_CHECKING:
    from framefarm.client.farm import Farm
    from framefarm.client.user_views import MadeToken

_MOST_DAYS = 3_660
_TIMEOUT_S = 30.0
_NO_CODE = (
    "that is no code for a first admin; one looks like k7mq-2xw9-p4rt-8n3h, or is longer where the "
    "manager uses TLS. The manager prints it when it starts; copy all of it."
)


@declare("login", short_help="Log in at a manager on another machine.")
@click.argument("url", metavar="[URL]", required=False)
@option("--user", metavar="NAME", help="Who you are there. Default: asked for.")
@option(
    "--first",
    is_flag=True,
    help="Become the first admin, with the code that the manager printed.",
)
@option(
    "--browser",
    is_flag=True,
    help="Say yes in a browser where you are logged in, also on another machine.",
)
@option(
    "--days",
    type=click.FloatRange(0, _MOST_DAYS, min_open=True),
    metavar="N",
    default=90.0,
    help="How long this login counts. Default: 90.",
)
@option(
    "--fingerprint",
    metavar="TEXT",
    help="Of the certificate that the manager made itself; it tells it at its start.",
)
def command(
    url: str | None,
    user: str | None,
    days: float,
    fingerprint: str | None,
    *,
    first: bool,
    browser: bool,
) -> None:
    """Log in with a name and a password; all commands then ask that manager as you.

    The password is asked for, or read from standard input. With --browser an address and a code are
    shown instead: open it in any browser, log in there if you are not, and say yes. What is kept is
    a token that only works there, in a file that only you may read. `framefarm logout` ends it.
    """
    if browser and (first or user):
        raise UsageFailure("--browser and --user or --first exclude each other")
    found = farm_url(url)
    code, pin = _code() if first else ("", None)
    pin = _read_fingerprint(fingerprint) if fingerprint else pin
    certificate = _certificate(found, pin)
    if browser:
        name, made = log_in_by_browser(found, certificate, _purpose(), days)
    else:
        with open_farm(found, token="", certificate=certificate) as farm:
            # Before anybody types a password for a manager that is not there.
            farm.health()
            name = user or ask_text("Name", "--user NAME")
            made = _first(farm, code, name, days) if first else _log_in(farm, name, days)
    home = load_settings().home
    keep_login(home, found, KeptLogin(name, made.token, certificate))
    until = local(made.view.expires_at)[:10]
    click.echo(f"logged in at {found} as {name}, until {until}")
    click.echo(f"kept in {words.place(kept_in(home))}; framefarm logout ends it")


def _log_in(farm: Farm, name: str, days: float) -> MadeToken:
    return farm.log_in(name, ask_secret("Password"), purpose=_purpose(), days=days)


def _first(farm: Farm, code: str, name: str, days: float) -> MadeToken:
    password = ask_new_password()
    made = farm.make_first_admin(code, name, password)
    return farm.log_in(made.name, password, purpose=_purpose(), days=days)


def _code() -> tuple[str, str | None]:
    from framefarm.protocol.join_token import (  # noqa: PLC0415  not for --help
        JoinTokenTextError,
        read_join_token,
    )

    try:
        code = read_join_token(ask_secret("Code"))
    except JoinTokenTextError as error:
        raise UsageFailure(_NO_CODE) from error
    return code.secret, code.fingerprint


def _read_fingerprint(text: str) -> str:
    from framefarm.protocol.join_token import read_pin  # noqa: PLC0415  not for --help

    plain = text.replace(":", "").lower()
    return plain if re.fullmatch("[0-9a-f]{64}", plain) else read_pin(text)


def _certificate(url: str, fingerprint: str | None) -> str:
    if fingerprint is None:
        return ""
    from framefarm.client.errors import FarmUnreachableError  # noqa: PLC0415  not for --help
    from framefarm.client.pinning import fetch_pinned  # noqa: PLC0415

    try:
        return fetch_pinned(url, fingerprint, timeout_s=_TIMEOUT_S)
    except OSError as error:
        raise FarmUnreachableError(url, error) from error


def _purpose() -> str:
    import platform  # noqa: PLC0415  not for --help

    return f"framefarm login on {platform.node() or 'some machine'}"[:80]
