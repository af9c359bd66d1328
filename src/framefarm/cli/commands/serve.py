"""`framefarm serve`."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.paths import PathType
from framefarm.cli.systems import need_posix

if TYPE_CHECKING:
    from framefarm.api.certificate import Certificate
    from framefarm.api.serving import ManagerServer
    from framefarm.cli.settings import Settings
    from framefarm.farm.service import Farm

_FILE = PathType(dir_okay=False)
_OTHERS = "Other machines"
_FIRST_TOKEN_S = 3600.0


@declare("serve", short_help="Run a manager.")
@option("--listen", metavar="HOST:PORT", help="Address to answer on. Default: 127.0.0.1:7070.")
@option(
    "--data",
    type=PathType(file_okay=False),
    metavar="DIR",
    help="Database, files and outputs. Default: ~/.local/share/framefarm/manager.",
)
@option(
    "--rule",
    "rules",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Change a number of the lease rules; docs/reference/rules.md lists them.",
)
@option(
    "--notify-allow",
    "notify_allow",
    multiple=True,
    metavar="HOST",
    help="Let people be told at this host or network inside, such as 10.1.0.0/16.",
)
@option("--watch-invariants", is_flag=True, help="Check each minute that nothing is lost.")
@option("--json-logs", is_flag=True, help="Write log lines as JSON.")
@option(
    "--lan",
    is_flag=True,
    section=_OTHERS,
    help="Answer other machines too, let them find this one, and print what to type there.",
)
@option(
    "--tls",
    is_flag=True,
    section=_OTHERS,
    help="Encrypt, with a certificate made here; the join line tells workers to trust it.",
)
@option(
    "--tls-cert", type=_FILE, metavar="FILE", section=_OTHERS, help="Encrypt with this one (PEM)."
)
@option("--tls-key", type=_FILE, metavar="FILE", section=_OTHERS, help="Its private key (PEM).")
def command(
    listen: str | None,
    data: Path | None,
    rules: tuple[str, ...],
    notify_allow: tuple[str, ...],
    *,
    watch_invariants: bool,
    json_logs: bool,
    **others: Any,
) -> None:
    """Run a manager until Ctrl-C: it keeps the jobs and hands out the work.

    Without options it answers this machine only. With --lan it prints the line to type on another
    machine, which then works for it.
    """
    need_posix("the manager")
    from framefarm.cli.addresses import open_host, parse_listen  # noqa: PLC0415  not for --help
    from framefarm.cli.openid_settings import openid_settings  # noqa: PLC0415
    from framefarm.cli.rule_numbers import typed_rules, with_rules  # noqa: PLC0415
    from framefarm.cli.settings import load_settings, typed_hosts  # noqa: PLC0415

    settings = load_settings(
        listen=listen,
        data=data,
        json_logs=json_logs or None,
        rules=typed_rules(rules),
        notify_allow=typed_hosts(notify_allow),
    )
    host, port = parse_listen(settings.listen)
    certificate = _certificate(settings, **others)

    # Imports make a million objects and hardly any garbage. The server turns it on again.
    gc.disable()
    from framefarm.api.serving import ManagerServer  # noqa: PLC0415  takes a second
    from framefarm.cli.logs import log_to_stderr  # noqa: PLC0415
    from framefarm.farm.settings import ManagerSettings  # noqa: PLC0415
    from framefarm.notify.mail_server import parse_mail_server  # noqa: PLC0415

    log_to_stderr(as_json=settings.json_logs)
    mail_server = settings.mail_server
    manager = ManagerSettings(
        data_dir=settings.manager_dir,
        keeper=True,
        watch_invariants=watch_invariants,
        mail_server=parse_mail_server(mail_server, settings.mail_from) if mail_server else None,
        notify_allow=settings.notify_allow,
        public_url=settings.public_url,
        openid=openid_settings(settings.openid),
    )
    server = ManagerServer(
        with_rules(manager, settings.rules),
        host=open_host(host) if others["lan"] else host,
        port=port,
        certificate=certificate,
        announce=others["lan"],
    )

    async def ready(farm: Farm) -> None:
        await _tell(server, farm, settings)

    server.serve_forever(on_ready=ready)


def _certificate(
    settings: Settings, *, tls: bool, tls_cert: Path | None, tls_key: Path | None, lan: bool
) -> Certificate | None:
    del lan
    if (tls_cert is None) != (tls_key is None):
        raise UsageFailure("--tls-cert and --tls-key come together: the certificate and its key")
    if not tls and tls_cert is None:
        return None
    from framefarm.api import certificate  # noqa: PLC0415  only for who encrypts

    if tls_cert is not None and tls_key is not None:
        return certificate.load_certificate(tls_cert, tls_key)
    return certificate.own_certificate(settings.manager_dir)


async def _tell(server: ManagerServer, farm: Farm, settings: Settings) -> None:
    from framefarm.cli.display import words  # noqa: PLC0415  not for --help
    from framefarm.cli.settings import load_settings  # noqa: PLC0415

    folder = settings.manager_dir.absolute()
    click.echo(f"manager ready at {server.url}, data in {words.place(folder)}")
    # By this folder other commands find it, also when it listens or encrypts in another way.
    found = load_settings().manager_dir == settings.manager_dir
    command = "framefarm" if found else f"FRAMEFARM_DATA={quote(str(folder))} framefarm"
    if not server.reach.open_to_others:
        click.echo(f"add workers on this machine with: {command} worker")
        click.echo("to let other machines work for it, start it with: framefarm serve --lan")
        return
    click.echo(await _invitation(server, farm))
    click.echo(f"For more: {command} workers invite --uses 5")
    click.echo(f"A worker on this machine needs no token: {command} worker")
    click.echo(await _first_admin(server, farm, command))


async def _first_admin(server: ManagerServer, farm: Farm, command: str) -> str:
    from framefarm.cli.display.invitation import first_admin, log_in_line  # noqa: PLC0415
    from framefarm.farm.first_admin import make_first_code  # noqa: PLC0415
    from framefarm.protocol.join_token import JoinToken  # noqa: PLC0415

    urls, fingerprint = server.reach.urls(), server.reach.fingerprint
    made = await farm.writer.write(make_first_code)
    if made is None or not urls:
        return f"People log in with: {log_in_line(urls, fingerprint)}"
    return "\n" + first_admin(
        JoinToken(made.text, fingerprint).text,
        url=urls[0],
        expires_at=datetime.fromtimestamp(made.expires_at, UTC),
        now=datetime.now(UTC).astimezone(),
        command=command,
    )


async def _invitation(server: ManagerServer, farm: Farm) -> str:
    from framefarm.cli.display.invitation import invitation  # noqa: PLC0415  not for --help
    from framefarm.core.requirements import Pool  # noqa: PLC0415
    from framefarm.protocol.join_token import JoinToken  # noqa: PLC0415

    made = await farm.workers.invite(pool=Pool.OWN, uses=1, lifetime_s=_FIRST_TOKEN_S)
    return "\n" + invitation(
        JoinToken(made.secret, server.reach.fingerprint).text,
        urls=server.reach.urls(),
        pool=made.pool,
        uses=made.uses,
        expires_at=datetime.fromtimestamp(made.expires_at, UTC),
        now=datetime.now(UTC).astimezone(),
    )
