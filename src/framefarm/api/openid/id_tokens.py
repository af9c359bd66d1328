"""Reading an ID token: what a provider says of a person, signed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from framefarm.api.openid.errors import BadIdTokenError

SIGNED_BY = frozenset(
    {
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
    }
)
"""Each needs the provider's private key. Not `none`, and not HS256, for which our own client secret
would do, or a public key that somebody takes for one."""

_LEEWAY_S = 60
_OLDEST_S = 600


class UnknownKeyError(BadIdTokenError):
    """It is signed by a key that was not among the provider's; it may have a new one."""


def read_id_token(
    text: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    algorithms: Iterable[str],
    now: float,
) -> Mapping[str, Any]:
    """What an ID token says, if it can be believed (OpenID Connect Core, 3.1.3.7).

    Args:
        text: As it came.
        keys: The provider's.
        algorithms: By which it says that it signs; only those of `SIGNED_BY` count.
        now: Seconds since 1970 UTC.

    Raises:
        UnknownKeyError: It is signed by a key that is not among these.
        BadIdTokenError: Its signature is none or wrong; it is another provider's, for another
            client, for another attempt, or too old.
    """
    allowed = sorted(SIGNED_BY & set(algorithms))
    try:
        token = jwt.decode(text, keys, algorithms=allowed)
        claims = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": issuer},
                "aud": {"essential": True, "value": client_id},
                "sub": {"essential": True},
            },
            {"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(now=int(now), leeway=_LEEWAY_S)
    except InvalidKeyIdError as error:
        raise UnknownKeyError(error) from error
    except (JoseError, ValueError, TypeError) as error:
        raise BadIdTokenError(_reason(error)) from error
    _check_rest(claims, nonce, now)
    return dict(claims)


def _check_rest(claims: Mapping[str, Any], nonce: str, now: float) -> None:
    """What must not be left to whether it is there."""
    if claims.get("nonce") != nonce:
        raise BadIdTokenError("it is for another attempt (nonce)")
    issued_at, subject = claims.get("iat"), claims.get("sub")
    if not isinstance(issued_at, int | float) or now - issued_at > _OLDEST_S:
        raise BadIdTokenError("it was made long ago (iat)")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004  the standard's
        raise BadIdTokenError("it does not say who it is about (sub)")


def _reason(error: Exception) -> str:
    return str(getattr(error, "description", "") or error).rstrip(".") or type(error).__name__
