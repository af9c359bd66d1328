"""The one settings object of a command: command line over environment over file.

The file is `$FRAMEFARM_CONFIG`, else `$XDG_CONFIG_HOME/framefarm/config.toml`, else
`~/.config/framefarm/config.toml`. Each key there is an environment variable as well: `url` is
`FRAMEFARM_URL`. What neither knows stops the start, because a setting with a typing error that is
silently ignored is worse than none.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framefarm.cli.failures import SettingsError
from framefarm.cli.openid_settings import READERS as OPENID_READERS
from framefarm.cli.openid_settings import read_address
from framefarm.cli.rule_numbers import read_rules
from framefarm.core.accounts import is_token
from framefarm.core.errors import FrameFarmError
from framefarm.core.hours import Hours
from framefarm.core.sizes import parse_memory_limit, parse_size
from framefarm.core.slot_plans import plan_slots
from framefarm.notify.mail_server import parse_mail_server
from framefarm.notify.networks import Allowed

_PREFIX = "FRAMEFARM_"
_MAX_NICE = 19
_DAY_S = 86_400
_MAX_THREADS = 1024
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value.strip()


def _path(value: Any) -> Path:
    return Path(_text(value)).expanduser()


def _paths(value: Any) -> tuple[Path, ...]:
    parts = value.split(os.pathsep) if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise ValueError("must be a list of paths")  # noqa: TRY004  told as one kind to the reader
    return tuple(_path(part) for part in parts if part)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def _count(most: int, *, least: int = 1) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        try:
            number = int(str(value))
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"must be a number from {least} to {most}")
        return number

    return read


def _checked(parse: Callable[[str], object], what: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        # A file may have a plain number: `slots = 2`.
        text = str(value) if isinstance(value, int | str) else ""
        try:
            parse(text)
        except FrameFarmError as error:
            raise ValueError(f"must be {what}") from error
        return text

    return read


def _token(value: Any) -> str:
    text = _text(value)
    if not is_token(text):
        # Never shown: most of it may be right.
        raise SettingsError("The token is none: one begins with ff_ and has 46 characters")
    return text


def _mail_server(value: Any) -> str:
    text = _text(value)
    try:
        parse_mail_server(text, "")
    except ValueError as error:
        # Never shown: it may hold a password.
        raise SettingsError(f"The mail server {error}") from error
    return text


def _hosts(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a list of hosts and networks")
    hosts = tuple(part.strip() for part in parts if part.strip())
    Allowed.parse(hosts)
    return hosts


@dataclass(frozen=True, slots=True)
class Settings:
    """What commands need to know beyond their own options.

    Attributes:
        url: Manager that `submit`, `jobs` and the like talk to, and a worker joins; None is the
            one on this machine, and for a worker also the one it joined last.
        token: Whose commands these are, for a manager on another machine.
        join: Join token of a new worker.
        listen: Address that `serve` listens on.
        home: Folder of all data that has no folder of its own.
        data: The manager's folder; None is `home/manager`.
        worker_data: The worker's folder; None is `home/worker`.
        worker_name: What people call the worker; None is the host's name.
        slots: A worker's rendering slots: how many, or such as `gpu:0,gpu:1,cpu*2`.
        threads: Threads of each slot; None shares the cores between the slots.
        cores: How many cores a worker's renders may use; None for all.
        memory: Most memory a slot may take, such as `8G` or `75%`; None for no such limit.
        unit_disk: Most that a frame may write while it is made, such as `50G`.
        nice: How far a worker's renders give way to other programs, 0 to 19.
        only_when_idle: A worker begins nothing while somebody uses its machine.
        probe_devices: A worker tries by rendering which devices it has.
        idle_after: Seconds a machine must be quiet before it counts as not in use.
        hours: When a worker begins frames, such as `19:00-07:00`; None for always.
        blenders: Blenders besides those found: executables, folders, Pythons with `bpy`.
        json_logs: Write log lines as JSON.
        rules: Numbers of the lease rules that differ from their defaults, for `serve`.
        mail_server: What `serve` sends mail by, `smtps://user:password@host:465`.
        mail_from: Whom its mail is from.
        notify_allow: Hosts and networks inside that people may be told at.
        public_url: Where people's browsers reach the manager, if not where it listens.
        openid: The provider that people log in with, by the names of its settings.
    """

    url: str | None = None
    token: str | None = None
    join: str | None = None
    listen: str = "127.0.0.1:7070"
    home: Path = Path()
    data: Path | None = None
    worker_data: Path | None = None
    worker_name: str | None = None
    slots: str = "1"
    threads: int | None = None
    cores: int | None = None
    memory: str | None = None
    unit_disk: str = "20G"
    nice: int = 0
    only_when_idle: bool = False
    probe_devices: bool = True
    idle_after: int = 180
    hours: str | None = None
    blenders: tuple[Path, ...] = ()
    json_logs: bool = False
    rules: Mapping[str, float] = field(default_factory=dict)
    mail_server: str | None = field(default=None, repr=False)
    mail_from: str = ""
    notify_allow: tuple[str, ...] = ()
    public_url: str = ""
    openid: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def manager_dir(self) -> Path:
        """Where `serve` keeps its data."""
        return self.data or self.home / "manager"

    @property
    def worker_dir(self) -> Path:
        """Where `worker` keeps its data."""
        return self.worker_data or self.home / "worker"

    @property
    def managed_blenders(self) -> Path:
        """Where `blender install` puts what it installs."""
        return self.home / "blenders"


_READERS: dict[str, Callable[[Any], Any]] = {
    "url": _text,
    "token": _token,
    "join": _text,
    "listen": _text,
    "home": _path,
    "data": _path,
    "worker_data": _path,
    "worker_name": _text,
    "slots": _checked(plan_slots, "slots such as 2, gpu:0 or gpu:0,cpu*2"),
    "threads": _count(_MAX_THREADS),
    "cores": _count(_MAX_THREADS),
    "memory": _checked(lambda text: parse_memory_limit(text, 1 << 50), "memory such as 8G or 75%"),
    "unit_disk": _checked(parse_size, "a size such as 50G"),
    "nice": _count(_MAX_NICE, least=0),
    "only_when_idle": _flag,
    "probe_devices": _flag,
    "idle_after": _count(_DAY_S),
    "hours": _checked(Hours.parse, "hours such as 19:00-07:00"),
    "blenders": _paths,
    "json_logs": _flag,
    "rules": read_rules,
    "mail_server": _mail_server,
    "mail_from": _text,
    "notify_allow": _hosts,
    "public_url": lambda value: read_address(value).rstrip("/"),
    **OPENID_READERS,
}


def load_settings(environment: Mapping[str, str] = os.environ, **typed: Any) -> Settings:
    """Read the settings of this process.

    Args:
        environment: The environment's variables.
        typed: What the command line says; None where it says nothing.

    Raises:
        SettingsError: A key of the file or the environment is unknown, or its value makes no
            sense; the message names it.
    """
    values: dict[str, Any] = {"home": default_home(environment)}
    rules: dict[str, float] = {}
    told = {name: value for name, value in typed.items() if value is not None}
    for source in (_from_file(environment), _from_environment(environment), told):
        values |= source
        rules |= source.get("rules", {})
    if values.get("url"):
        values["url"] = _full_url(values["url"], values.get("join") or "")
    openid = {name: values.pop(name) for name in OPENID_READERS if name in values}
    return Settings(**{**values, "rules": rules, "openid": openid})


def _full_url(text: str, join: str) -> str:
    """Whoever types an address on another machine types `render-box:7070`."""
    if "://" in text:
        return text
    from framefarm.cli.addresses import full_url  # noqa: PLC0415  seldom needed

    # A token that pins a certificate comes from a manager that encrypts.
    return full_url(text, encrypted="." in join)


def typed_hosts(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """Hosts and networks as they were typed; None when none was.

    Raises:
        SettingsError: One is neither.
    """
    try:
        return _hosts(list(words)) if words else None
    except ValueError as error:
        raise SettingsError(f"--notify-allow {error}") from error


def default_home(environment: Mapping[str, str]) -> Path:
    """`$XDG_DATA_HOME/framefarm`, or where this system keeps such things."""
    if base := environment.get("XDG_DATA_HOME"):
        return Path(base) / "framefarm"
    if platform.system() == "Windows" and (base := environment.get("LOCALAPPDATA")):
        return Path(base) / "framefarm"
    return Path.home() / ".local" / "share" / "framefarm"


def config_file(environment: Mapping[str, str]) -> Path:
    """Where the settings' file is, or would be."""
    if named := environment.get("FRAMEFARM_CONFIG"):
        return Path(named).expanduser()
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "framefarm" / "config.toml"


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for variable, value in environment.items():
        if not variable.startswith(_PREFIX) or variable == "FRAMEFARM_CONFIG":
            continue
        name = variable.removeprefix(_PREFIX).lower()
        values[name] = _read(name, value, f"the environment variable {variable}", variable)
    return values


def _from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    path = config_file(environment)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if "FRAMEFARM_CONFIG" in environment:
            raise SettingsError(f"FRAMEFARM_CONFIG names {path}, which does not exist") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    import tomllib  # noqa: PLC0415  most people have no file

    try:
        found = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error
    return {name: _read(name, value, f"{name} in {path}", name) for name, value in found.items()}


def _read(name: str, value: Any, where: str, shown: str) -> Any:
    read = _READERS.get(name)
    if read is None:
        raise SettingsError(f"{where} is no setting of FrameFarm{_hint(name, shown)}")
    try:
        return read(value)
    except ValueError as error:
        raise SettingsError(f"{where} {error}, not {str(value)[:80]!r}") from error


def _hint(name: str, shown: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  only after a typing error

    close = get_close_matches(name, _READERS, n=1)
    if not close:
        return f"; there are: {', '.join(_READERS)}"
    meant = _PREFIX + close[0].upper() if shown.startswith(_PREFIX) else close[0]
    return f"; did you mean {meant}?"
