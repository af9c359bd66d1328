"""People as an OpenID Connect provider knows them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from framefarm.core.accounts import UserRole
from framefarm.core.errors import FrameFarmError
from framefarm.core.openid import Introduction, OpenIdSettings
from framefarm.db import tables as t
from framefarm.farm.accounts import UserExistsError, add_user, find_user
from framefarm.farm.logins import Credentials


class NotInvitedError(FrameFarmError):
    """A provider has told who somebody is, and the farm does not let them in."""

    code = "not_invited"


def let_in_by_provider(
    connection: Connection, settings: OpenIdSettings, who: Introduction
) -> Credentials:
    """The account of a person whom a provider introduces; made at the first login if that may be.

    An account is found by what the provider calls its subject, never by a name or an address: those
    may be another's tomorrow.

    Raises:
        NotInvitedError: There is none and none may be made, it is disabled, or no group of theirs
            has a role here.
    """
    found = connection.execute(
        select(t.users)
        .join(t.identities, t.identities.c.user_id == t.users.c.id)
        .where(t.identities.c.issuer == settings.issuer, t.identities.c.subject == who.subject)
    ).one_or_none()
    role = who.role or settings.new_users
    if found is None:
        found = _add(connection, settings, who, role)
    elif found.disabled:
        raise NotInvitedError(f"The account {found.name} is disabled.")
    elif settings.roles:
        found = _with_role(connection, found, role)
    return Credentials(found.id, found.name, None, enabled=True)


def _add(
    connection: Connection, settings: OpenIdSettings, who: Introduction, role: UserRole | None
) -> Row[Any]:
    if role is None:
        raise NotInvitedError(_NO_ROLE)
    if not who.name:
        raise NotInvitedError(
            f"The provider says nothing in {settings.name_claim!r} that could be a name here."
        )
    try:
        add_user(connection, who.name, role, who.email)
    except UserExistsError as error:
        raise NotInvitedError(
            f"There is a user {who.name!r} already, who does not log in in this way. "
            "An admin of the farm can remove that account; its jobs stay."
        ) from error
    made = find_user(connection, who.name)
    connection.execute(
        insert(t.identities).values(issuer=settings.issuer, subject=who.subject, user_id=made.id)
    )
    return made


def _with_role(connection: Connection, found: Row[Any], role: UserRole | None) -> Row[Any]:
    if role is None:
        raise NotInvitedError(_NO_ROLE)
    if role != found.role:
        connection.execute(update(t.users).where(t.users.c.id == found.id).values(role=role))
    return found


_NO_ROLE = "The farm's settings let nobody in who has none of the groups that they name."
