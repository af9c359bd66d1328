"""People and their tokens as the API shows them."""

from __future__ import annotations

import msgspec


class TokenView(msgspec.Struct, frozen=True):
    """A token, without its secret part."""

    id: int
    name: str
    prefix: str
    scope: str
    created_at: str
    expires_at: str | None = None
    last_used_at: str | None = None
    by_login: bool = False


class QuotaView(msgspec.Struct, frozen=True):
    """What a person's jobs may take at a time; None is no limit."""

    jobs: int | None = None
    frames: int | None = None
    slots: int | None = None
    bytes: int | None = None


class UserView(msgspec.Struct, frozen=True):
    """A person."""

    name: str
    role: str
    email: str = ""
    disabled: bool = False
    created_at: str = ""
    has_password: bool = False
    quota: QuotaView = QuotaView()
    upload_bytes: int = 0
    result_bytes: int = 0
    tokens: tuple[TokenView, ...] = ()


class UserPage(msgspec.Struct, frozen=True):
    """Some people, by name. `next` is the cursor of the following page."""

    users: tuple[UserView, ...]
    next: str | int | None = None


class OwnBlob(msgspec.Struct, frozen=True):
    """A file that a person uploaded; `needed` by a job of the person's, else it goes by itself."""

    sha256: str
    size_bytes: int
    needed: bool = False


class OwnBlobPage(msgspec.Struct, frozen=True):
    """Some uploads of a person, by hash. `next` is the cursor of the following page."""

    blobs: tuple[OwnBlob, ...]
    next: str | None = None


class MadeToken(msgspec.Struct, frozen=True):
    """A token as it was made; its text is told once."""

    token: str
    view: TokenView


class DeviceBegun(msgspec.Struct, frozen=True):
    """A program waits to be let in from a browser (RFC 8628).

    Attributes:
        device_code: With this it asks for its token; a secret.
        user_code: What its person types.
        verification_uri: Where; `verification_uri_complete` has the code filled in.
        expires_in: Seconds for all of this.
        interval: Seconds between two questions for the token.
    """

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class Me(msgspec.Struct, frozen=True):
    """Who asks."""

    user: UserView | None = None


class LoginView(msgspec.Struct, frozen=True):
    """A browser in which a person is logged in."""

    id: int
    kind: str
    address: str
    agent: str
    created_at: str
    last_used_at: str
    expires_at: str
    current: bool = False


class LoginPage(msgspec.Struct, frozen=True):
    """All of them, the latest first."""

    logins: tuple[LoginView, ...]


class LoginWays(msgspec.Struct, frozen=True):
    """How one can get in.

    Attributes:
        openid: With a provider, in a browser.
        first_admin: With the code that the manager printed.
    """

    password: bool = False
    openid: bool = False
    first_admin: bool = False
