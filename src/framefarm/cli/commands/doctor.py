"""`framefarm doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from framefarm.cli.failures import DONE, UNITS_FAILED
from framefarm.cli.farm_options import json_option
from framefarm.cli.groups import command as declare

if TYPE_CHECKING:
    from framefarm.cli.doctor.findings import Finding

_Check = Callable[[], "Iterable[Finding]"]


@declare("doctor", short_help="Check this machine; say how to mend what is wrong.")
@json_option
def command(*, as_json: bool) -> int:
    """Check this machine: Python, Blenders, encoders, disk, port and libraries.

    Each Blender renders a small frame and each encoder makes a small movie. Ends with status 1
    when something is to be mended, and says how.
    """
    findings = []
    for finding in _all_findings():
        findings.append(finding)
        if not as_json:
            _print(finding)
    faults = sum(not finding.ok for finding in findings)
    if as_json:
        checks = [finding.to_dict() for finding in findings]
        click.echo(json.dumps({"ok": not faults, "checks": checks}, indent=2))
    else:
        click.echo()
        click.echo(f"{faults} to mend" if faults else "Everything is as it should be.")
    return UNITS_FAILED if faults else DONE


def _all_findings() -> Iterable[Finding]:
    """All checks; those that take long run at the same time."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  --help needs none of this

    with ThreadPoolExecutor(4) as pool:
        pending = [pool.submit(_run, check) for check in _checks()]
        for future in pending:
            yield from future.result()


def _run(check: _Check) -> list[Finding]:
    return list(check())


def _checks() -> list[_Check]:
    from framefarm.cli.addresses import parse_listen  # noqa: PLC0415  --help needs none of this
    from framefarm.cli.doctor import machine  # noqa: PLC0415
    from framefarm.cli.doctor.blenders import check_blenders  # noqa: PLC0415
    from framefarm.cli.doctor.encoders import check_encoders  # noqa: PLC0415
    from framefarm.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    host, port = parse_listen(settings.listen)
    return [
        lambda: [machine.check_python()],
        lambda: [machine.check_libraries()],
        lambda: [machine.check_disk(settings.home)],
        lambda: [machine.check_port(f"http://{host}:{port}", host, port)],
        check_encoders,
        lambda: check_blenders(settings),
    ]


def _print(finding: Finding) -> None:
    import textwrap  # noqa: PLC0415  --help needs it not

    from framefarm.cli.tables import text_width  # noqa: PLC0415

    mark = click.style("ok   ", fg="green") if finding.ok else click.style("FAULT", fg="red")
    lines = textwrap.wrap(f"{finding.name}: {finding.text}", text_width() - 7) or [finding.name]
    click.echo(f"{mark}  {lines[0]}")
    for line in lines[1:]:
        click.echo(f"       {line}")
    if finding.mend:
        click.echo(f"       to mend: {finding.mend}")
