"""The page that lists the numbers of the lease rules."""

from __future__ import annotations

from framefarm.cli.rule_numbers import RULES, RuleNumber

_INTRO = """\
# The numbers of the rules

[Leases](../explanation/leases.md) tells what the rules are; these are their numbers. Give
`framefarm serve` another with `--rule`, as often as needed:

```sh
framefarm serve --rule lease_s=60 --rule losses=7
```

The configuration file takes them as a table, the environment as one text,
`FRAMEFARM_RULES="lease_s=60, losses=7"`. What is typed comes before the environment, and that
before the file.

```toml
[rules]
lease_s = 60
losses = 7
```

| name | what it is | default | from | to |
|---|---|---|---|---|
"""

_END = """
Names that end in `_per_s` are rates, others in `_s` seconds, those in `_kib` and `_mib` kibibytes
and mebibytes, all others counts.
`framefarm serve --watch-invariants` checks once a minute that everything the rules promise holds,
and logs what does not; it is for long trials, since it reads the whole database.
"""


def rules_page(notice: str) -> str:
    """The page."""
    rows = "".join(_row(name, rule) for name, rule in RULES.items())
    return f"{notice}\n{_INTRO}{rows}{_END}"


def _row(name: str, rule: RuleNumber) -> str:
    numbers = " | ".join(f"{number:,.10g}" for number in (rule.default, rule.least, rule.most))
    return f"| `{name}` | {rule.help} | {numbers} |\n"
