"""The settings of a provider that people log in with: `openid_issuer` and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from framefarm.cli.failures import SettingsError
from framefarm.core.accounts import UserRole

if TYPE_CHECKING:
    from framefarm.core.openid import OpenIdSettings

_NOBODY = "none"
_ROLES = ", ".join(UserRole)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value.strip()


def read_address(value: Any) -> str:
    """An address of a server, without a slash at its end.

    Raises:
        ValueError: It is none.
    """
    text = _text(value)
    try:
        parts = urlsplit(text)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        port_is_one = False
    if not port_is_one or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://farm.example.org")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must be an address with nothing behind its path")
    return text


def _role(value: Any) -> UserRole:
    try:
        return UserRole(_text(value))
    except ValueError as error:
        raise ValueError(f"must be one of {_ROLES}") from error


def _new_users(value: Any) -> UserRole | None:
    try:
        return None if value == _NOBODY else _role(value)
    except ValueError as error:
        raise ValueError(f"must be {_NOBODY}, or one of {_ROLES}") from error


def _roles(value: Any) -> dict[str, UserRole]:
    if isinstance(value, str):
        pairs = [pair.rpartition("=") for pair in value.split(",") if pair.strip()]
        value = {group.strip(): role for group, _, role in pairs}
    if not isinstance(value, dict) or not all(value):
        raise ValueError("must be roles by group, such as crew=artist")
    return {str(group): _role(role) for group, role in value.items()}


READERS: dict[str, Callable[[Any], Any]] = {
    "openid_issuer": _text,
    "openid_client_id": _text,
    "openid_client_secret": _text,
    "openid_client_secret_file": lambda value: Path(_text(value)).expanduser(),
    "openid_name_claim": _text,
    "openid_groups_claim": _text,
    "openid_roles": _roles,
    "openid_new_users": _new_users,
}


def openid_settings(told: Mapping[str, Any]) -> OpenIdSettings | None:
    """What the settings say of a provider; None when they name none.

    Args:
        told: Values by the names in `READERS`.

    Raises:
        SettingsError: Something is missing, or the file of the secret cannot be read.
    """
    if not told:
        return None
    from framefarm.core.openid import OpenIdSettings  # noqa: PLC0415  few farms have one

    for name in ("openid_issuer", "openid_client_id"):
        if name not in told:
            raise SettingsError(f"{next(iter(told))} is set, and {name} is not; see the how-to")
    secret = told.get("openid_client_secret", "")
    if (path := told.get("openid_client_secret_file")) is not None:
        secret = _secret_in(path)
    others = {
        name.removeprefix("openid_"): value
        for name, value in told.items()
        if not name.startswith("openid_client_secret")
    }
    return OpenIdSettings(**others, client_secret=secret)


def _secret_in(path: Path) -> str:
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"openid_client_secret_file: {path} cannot be read: {why}") from error
    if not secret:
        raise SettingsError(f"openid_client_secret_file: {path} is empty")
    return secret
