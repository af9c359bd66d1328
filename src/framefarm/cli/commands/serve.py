"""`framefarm serve`."""

from __future__ import annotations

from pathlib import Path

import click

from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option


@declare("serve", short_help="Run a manager.")
@option("--listen", metavar="HOST:PORT", help="Address to answer on. Default: 127.0.0.1:7070.")
@option(
    "--data",
    type=click.Path(path_type=Path),
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
@option("--watch-invariants", is_flag=True, help="Check each minute that nothing is lost.")
@option("--json-logs", is_flag=True, help="Write log lines as JSON.")
def command(
    listen: str | None,
    data: Path | None,
    rules: tuple[str, ...],
    *,
    watch_invariants: bool,
    json_logs: bool,
) -> None:
    """Run a manager until Ctrl-C: it keeps the jobs and hands out the work."""
    from framefarm.cli.addresses import parse_listen  # noqa: PLC0415  --help needs none of this
    from framefarm.cli.display import words  # noqa: PLC0415
    from framefarm.cli.rule_numbers import typed_rules, with_rules  # noqa: PLC0415
    from framefarm.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings(
        listen=listen, data=data, json_logs=json_logs or None, rules=typed_rules(rules)
    )
    host, port = parse_listen(settings.listen)

    from framefarm.api.serving import ManagerServer  # noqa: PLC0415  takes a second
    from framefarm.cli.logs import log_to_stderr  # noqa: PLC0415
    from framefarm.farm.settings import ManagerSettings  # noqa: PLC0415

    log_to_stderr(as_json=settings.json_logs)
    manager = ManagerSettings(
        data_dir=settings.manager_dir, keeper=True, watch_invariants=watch_invariants
    )
    server = ManagerServer(with_rules(manager, settings.rules), host=host, port=port)

    def ready() -> None:
        click.echo(f"manager ready at {server.url}, data in {words.place(settings.manager_dir)}")
        click.echo(f"add workers with: framefarm worker {server.url}")

    server.serve_forever(on_ready=ready)
