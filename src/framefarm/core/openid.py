"""Who somebody is here, by what an OpenID Connect provider says of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from framefarm.core.accounts import UserRole

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._@-]+")
_LONGEST_NAME = 80
_HIGHEST_FIRST = (UserRole.ADMIN, UserRole.ARTIST, UserRole.VIEWER)


@dataclass(frozen=True)
class OpenIdSettings:
    """A provider that people log in with.

    Attributes:
        issuer: Its address, as it says it itself.
        client_id: What it calls this farm.
        client_secret: Proves that to it; empty for a client without one.
        name_claim: What it says of a person that becomes the name here, at the first login.
        groups_claim: What it says of a person's groups: one text, or a list.
        roles: Roles by group; the highest of a person's counts, at each login. Empty leaves roles
            to the farm's admins.
        new_users: The role of whoever comes for the first time, or has none by `roles`; None lets
            in only whom `roles` names, and whom an admin has let in.
        scopes: What it is asked to tell.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    roles: Mapping[str, UserRole] = field(default_factory=dict)
    new_users: UserRole | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")


@dataclass(frozen=True)
class Introduction:
    """A person as a provider introduces them.

    Attributes:
        subject: The provider's own for this person, for ever.
        name: The name to be, if they are new; empty when it says none that could be one.
        email: Empty unless the provider has verified it.
        role: By the groups; None when they say none.
    """

    subject: str
    name: str
    email: str
    role: UserRole | None


def introduction(claims: Mapping[str, Any], settings: OpenIdSettings) -> Introduction:
    """Read what a provider says of a person.

    Args:
        claims: Of an ID token that was found to be good.
    """
    email = claims.get("email")
    verified = claims.get("email_verified") is True and isinstance(email, str)
    return Introduction(
        subject=str(claims["sub"]),
        name=_name(claims.get(settings.name_claim)),
        email=str(email)[:254] if verified else "",
        role=_role(claims.get(settings.groups_claim), settings.roles),
    )


def _name(said: Any) -> str:
    if not isinstance(said, str):
        return ""
    return _NOT_IN_NAMES.sub("-", said.strip()).strip("._@-")[:_LONGEST_NAME]


def _role(said: Any, roles: Mapping[str, UserRole]) -> UserRole | None:
    groups = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    found = {roles[group] for group in groups if isinstance(group, str) and group in roles}
    return next((role for role in _HIGHEST_FIRST if role in found), None)
