"""The numbers of the lease rules, as `framefarm serve` may be told them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framefarm.farm.settings import ManagerSettings


@dataclass(frozen=True, slots=True)
class RuleNumber:
    """One number.

    Attributes:
        default: What it is unless told otherwise.
        least, most: Its range.
        help: What it does.
    """

    default: float
    least: float
    most: float
    help: str

    @property
    def whole(self) -> bool:
        """Whether it counts something."""
        return isinstance(self.default, int)


DAY_S = 86_400.0

RULES: Mapping[str, RuleNumber] = {
    "lease_s": RuleNumber(30.0, 3, DAY_S, "A lease's life without a heartbeat, pool own (L3)"),
    "public_lease_s": RuleNumber(120.0, 3, DAY_S, "The same for workers of other pools (L3)"),
    "losses": RuleNumber(5, 1, 1_000, "Workers lost with a unit before it fails (L9)"),
    "failing_workers": RuleNumber(
        3, 1, 1_000, "Workers on which a unit goes wrong before it fails; tries, where fewer (L9)"
    ),
    "alike_failures": RuleNumber(
        10, 0, 1_000_000, "Units that fail alike, none done, until a job is held; 0 is never (L9)"
    ),
    "hold_s": RuleNumber(
        120.0, 1, DAY_S, "A held job is tried again after so long; each failure doubles it (L9)"
    ),
    "longest_hold_s": RuleNumber(1_800.0, 1, DAY_S, "A held job is tried again at the latest (L9)"),
    "charges": RuleNumber(
        3, 1, 1_000, "Units a worker fails and others finish before it is quarantined (L9)"
    ),
    "quarantine_s": RuleNumber(600.0, 1, 30 * DAY_S, "A first quarantine; each strike doubles it"),
    "longest_quarantine_s": RuleNumber(DAY_S, 1, 365 * DAY_S, "A quarantine at most (L9)"),
    "longest_rest_s": RuleNumber(
        30.0, 0, 3_600, "A worker's pause after failures of one stage at most (L13)"
    ),
    "rests_in_all_s": RuleNumber(
        60.0, 0, DAY_S, "Where every worker fails at a stage, its pauses together (L13)"
    ),
    "stall_s": RuleNumber(
        300.0, 5, 7 * DAY_S, "A unit without progress for so long is ended (L10)"
    ),
    "tail_every_s": RuleNumber(
        0.5, 0, 3_600, "How often idle slots may take a unit another is at (L11); 0 is never"
    ),
    "known_s": RuleNumber(120.0, 0, DAY_S, "A worker seen so long ago may still come back (L9)"),
    "deadline_raise": RuleNumber(
        1, 0, 100, "A job that would miss its deadline rises by so much; 0 is not at all"
    ),
    "keep_blobs_s": RuleNumber(DAY_S, 3_600, 365 * DAY_S, "Files no job needs are kept so long"),
    "longest_check_s": RuleNumber(
        120.0, 1, DAY_S, "A result's picture that takes longer to decode is refused (L14)"
    ),
    "low_water_mib": RuleNumber(1_024, 0, 1 << 30, "Free disk below which uploads wait (L14)"),
    "largest_upload_mib": RuleNumber(65_536, 1, 1 << 30, "One file at most (L14)"),
    "handshake_s": RuleNumber(10.0, 0.1, 3_600, "For a connection's TLS handshake (L14)"),
    "head_s": RuleNumber(10.0, 0.1, 3_600, "For the head of a request (L14)"),
    "hello_s": RuleNumber(10.0, 0.1, 3_600, "From a worker's connection to its hello (L14)"),
    "idle_s": RuleNumber(30.0, 1, DAY_S, "A connection without a request is kept so long (L14)"),
    "least_bytes_per_s": RuleNumber(128.0, 0, 1 << 30, "Slower transfers are ended (L14)"),
    "slow_for_s": RuleNumber(30.0, 1, DAY_S, "For so long a transfer may be that slow (L14)"),
    "head_kib": RuleNumber(64, 4, 1 << 20, "The head of a request at most (L14)"),
    "unsent_kib": RuleNumber(1_024, 64, 1 << 20, "What may wait to be sent to a worker (L14)"),
    "strangers": RuleNumber(
        2_000, 1, 1_000_000, "Connections that have not shown whose they are at most (L14)"
    ),
    "strangers_per_address": RuleNumber(256, 1, 1_000_000, "The same from one address (L14)"),
    "greetings": RuleNumber(256, 1, 100_000, "Workers taken in at the same time (L14)"),
    "greetings_per_s": RuleNumber(
        400.0, 1, 100_000, "Workers told to come each second, or more where more can (L14)"
    ),
    "requests_per_s": RuleNumber(
        50.0, 0, 1_000_000, "Requests a second of a person or a strange address; 0 is any (L14)"
    ),
    "requests_at_once": RuleNumber(500, 1, 1_000_000, "The same at once after a rest (L14)"),
}


def read_rules(value: Any) -> dict[str, float]:
    """Rules from a table, or from a text such as `lease_s=60, losses=7`.

    Raises:
        ValueError: A name or a number makes no sense.
    """
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        value = {name.strip(): number.strip() for name, _, number in pairs}
    if not isinstance(value, dict):
        raise ValueError("must be numbers by name")  # noqa: TRY004  told as one kind to the reader
    return {name: _read(name, number) for name, number in value.items()}


def _read(name: str, value: Any) -> float:
    rule = RULES.get(name)
    if rule is None:
        raise ValueError(f"has no rule {name!r}; there are: {', '.join(RULES)}")
    kind = int if rule.whole else float
    try:
        number = kind(str(value))
    except ValueError:
        number = rule.least - 1
    if not rule.least <= number <= rule.most:
        raise ValueError(f"must have {name} from {rule.least:g} to {rule.most:g}")
    return number


def typed_rules(words: tuple[str, ...]) -> dict[str, float] | None:
    """Rules as they were typed; None when none was.

    Raises:
        SettingsError: A name or a number makes no sense.
    """
    from framefarm.cli.failures import SettingsError  # noqa: PLC0415  only where rules are typed

    try:
        return read_rules(",".join(words)) if words else None
    except ValueError as error:
        raise SettingsError(f"--rule {error}") from error


def with_rules(settings: ManagerSettings, rules: Mapping[str, float]) -> ManagerSettings:
    """A manager's settings with these rules instead of their own."""
    from dataclasses import replace  # noqa: PLC0415  --help needs none of it

    told = dict(map(_in_bytes, rules.items()))
    blame = _taken(told, _BLAME)
    connections = _taken(told, _CONNECTIONS)
    others: dict[str, Any] = told
    return replace(
        settings,
        blame=replace(settings.blame, **blame),
        connections=replace(settings.connections, **connections),
        **others,
    )


_BLAME = {
    "losses": "losses",
    "failing_workers": "workers",
    "alike_failures": "alike",
    "hold_s": "hold_s",
    "longest_hold_s": "longest_hold_s",
    "charges": "charges",
    "quarantine_s": "quarantine_s",
    "longest_quarantine_s": "longest_quarantine_s",
    "longest_rest_s": "longest_rest_s",
    "rests_in_all_s": "rests_in_all_s",
}
_CONNECTIONS = {
    "handshake_s": "handshake_s",
    "head_s": "head_s",
    "hello_s": "hello_s",
    "idle_s": "idle_s",
    "least_bytes_per_s": "least_bytes_per_s",
    "slow_for_s": "over_s",
    "head_bytes": "head_bytes",
    "unsent_bytes": "unsent_bytes",
    "strangers": "strangers",
    "strangers_per_address": "strangers_per_address",
    "greetings": "greetings",
    "greetings_per_s": "greetings_per_s",
    "requests_per_s": "requests_per_s",
    "requests_at_once": "requests_at_once",
}
_UNITS = {"_kib": 10, "_mib": 20}


def _in_bytes(rule: tuple[str, float]) -> tuple[str, float]:
    """A size as the settings have it."""
    name, number = rule
    shift = _UNITS.get(name[-4:])
    return rule if shift is None else (f"{name[:-4]}_bytes", int(number) << shift)


def _taken(told: dict[str, float], names: Mapping[str, str]) -> dict[str, Any]:
    """Those of some names, taken out, by the settings' own names."""
    return {names[name]: told.pop(name) for name in names if name in told}
