"""What can go wrong while somebody logs in with a provider.

OpenIdError
├── ProviderUnreachableError   it does not answer, or not as a provider (retryable)
├── LostAttemptError           what came back belongs to no attempt of this browser
├── ProviderRefusedError       it, or the person, said no
└── BadIdTokenError            what it said of the person cannot be believed
"""

from __future__ import annotations

from framefarm.core.errors import FrameFarmError


class OpenIdError(FrameFarmError):
    """A login with a provider came to nothing."""

    code = "openid"


class ProviderUnreachableError(OpenIdError):
    """The provider does not answer, or not as one."""

    code = "openid_unreachable"
    retryable = True

    def __init__(self, issuer: str, reason: object) -> None:
        super().__init__(
            f"The login provider {issuer} does not answer as it should ({reason}). Try again; if "
            "it stays so, tell who runs this farm."
        )


class LostAttemptError(OpenIdError):
    """What a browser came back with belongs to no attempt that it began here, or to an old one."""

    code = "openid_state"

    def __init__(self) -> None:
        super().__init__(
            "This login was not begun in this browser, took longer than ten minutes, or was used "
            "already. Begin again at /api/login/openid."
        )


class ProviderRefusedError(OpenIdError):
    """The provider, or the person, said no."""

    code = "openid_refused"


class BadIdTokenError(OpenIdError):
    """What the provider said of the person cannot be believed."""

    code = "openid_token"

    def __init__(self, reason: object) -> None:
        super().__init__(f"What the login provider said cannot be believed: {reason}.")
