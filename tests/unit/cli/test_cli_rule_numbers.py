"""The numbers of the lease rules on the command line, in the environment and in the file."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from framefarm.cli.failures import SettingsError
from framefarm.cli.rule_numbers import RULES, read_rules, typed_rules, with_rules
from framefarm.cli.settings import load_settings
from framefarm.core.blame import BlameLimits
from framefarm.farm.settings import ManagerSettings


def test_a_manager_has_these_defaults():
    plain = ManagerSettings(Path())

    assert with_rules(plain, {name: rule.default for name, rule in RULES.items()}) == plain


def test_every_number_of_blame_can_be_changed():
    changed = with_rules(ManagerSettings(Path()), {name: rule.most for name, rule in RULES.items()})

    for field in fields(BlameLimits):
        assert getattr(changed.blame, field.name) != getattr(BlameLimits(), field.name)


def test_what_is_typed_comes_before_the_environment_and_that_before_the_file(tmp_path: Path):
    config = tmp_path / "config.toml"
    config.write_text("[rules]\nlease_s = 1000\nlosses = 9\ncharges = 4\n")
    environment = {"FRAMEFARM_CONFIG": str(config), "FRAMEFARM_RULES": "losses=8, lease_s=50"}

    settings = load_settings(environment, rules=typed_rules(("lease_s=40",)))

    assert settings.rules == {"lease_s": 40.0, "losses": 8, "charges": 4}
    made = with_rules(ManagerSettings(Path()), settings.rules)
    assert (made.lease_s, made.blame.losses, made.blame.charges) == (40.0, 8, 4)


def test_sizes_are_mebibytes():
    made = with_rules(ManagerSettings(Path()), read_rules("low_water_mib=5"))

    assert made.low_water_bytes == 5 << 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lease=5",), "no rule 'lease'; there are: lease_s, "),
        (("lease_s=soon",), "must have lease_s from 3 to 86400"),
        (("lease_s=1",), "must have lease_s from 3"),
        (("losses=1.5",), "must have losses from 1 to 1000"),
        (("lease_s=nan",), "must have lease_s"),
        (("lease_s",), "must have lease_s"),
    ],
)
def test_what_makes_no_sense_stops_the_start(words: tuple[str, ...], message: str):
    with pytest.raises(SettingsError, match=message):
        typed_rules(words)


def test_a_wrong_rule_in_the_file_names_the_file(tmp_path: Path):
    config = tmp_path / "config.toml"
    config.write_text("[rules]\nloses = 9\n")

    with pytest.raises(SettingsError, match=r"rules in .*config.toml has no rule 'loses'"):
        load_settings({"FRAMEFARM_CONFIG": str(config)})
