"""Talking to a provider: what it offers, its keys, and exchanging a code for an ID token."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from framefarm.api.locality import is_loopback
from framefarm.api.openid.attempts import Attempt
from framefarm.api.openid.errors import (
    BadIdTokenError,
    ProviderRefusedError,
    ProviderUnreachableError,
)
from framefarm.api.openid.id_tokens import UnknownKeyError, read_id_token
from framefarm.core.openid import OpenIdSettings

_T = TypeVar("_T")
_TIMEOUT_S = 10.0
_LARGEST_ANSWER = 1 << 20
_KNOWN_FOR_S = 3_600.0
_KEYS_EVERY_S = 30.0


class Offer(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class Provider:
    """One provider.

    Args:
        settings: Whose it is.
    """

    def __init__(self, settings: OpenIdSettings) -> None:
        self._settings = settings
        self._offer: Offer | None = None
        self._keys: KeySet | None = None
        self._read_at = self._keys_at = float("-inf")

    async def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where to send a browser.

        Raises:
            ProviderUnreachableError: The provider does not answer, or not as one.
        """
        offer = await self._offered()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        return str(add_params_to_uri(offer.authorization_endpoint, list(asked.items())))

    async def check_sender(self, issuer: str | None) -> None:
        """Make sure that an answer is this provider's, as far as it says so (RFC 9207).

        Raises:
            BadIdTokenError: It is another's.
        """
        offer = await self._offered()
        if issuer is None and not offer.authorization_response_iss_parameter_supported:
            return
        if issuer != offer.issuer:
            raise BadIdTokenError("the answer is another provider's (iss)")

    async def identify(self, code: str, attempt: Attempt, redirect_uri: str) -> Mapping[str, Any]:
        """What the provider says of the person that a browser came back with a code for.

        Raises:
            ProviderUnreachableError: It does not answer, or not as a provider.
            ProviderRefusedError: The code is none.
            BadIdTokenError: What it says cannot be believed.
        """
        tokens = await self._exchange(code, attempt, redirect_uri)
        try:
            return await self._read(tokens, attempt)
        except UnknownKeyError:
            # It may have changed its keys since.
            if time.monotonic() - self._keys_at < _KEYS_EVERY_S:
                raise
            self._keys = None
            return await self._read(tokens, attempt)

    async def _read(self, tokens: _Tokens, attempt: Attempt) -> Mapping[str, Any]:
        offer = await self._offered()
        return read_id_token(
            tokens.id_token,
            await self._key_set(offer),
            issuer=offer.issuer,
            client_id=self._settings.client_id,
            nonce=attempt.nonce,
            access_token=tokens.access_token,
            algorithms=offer.id_token_signing_alg_values_supported,
            now=time.time(),
        )

    async def _exchange(self, code: str, attempt: Attempt, redirect_uri: str) -> _Tokens:
        offer, own = await self._offered(), self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        auth = None
        if not own.client_secret:
            form["client_id"] = own.client_id
        elif "client_secret_basic" in offer.token_endpoint_auth_methods_supported:
            # RFC 6749, 2.3.1: both are encoded as in a form first.
            auth = httpx.BasicAuth(quote(own.client_id, safe=""), quote(own.client_secret, safe=""))
        else:
            form |= {"client_id": own.client_id, "client_secret": own.client_secret}
        content = await self._ask("POST", offer.token_endpoint, data=form, auth=auth)
        return self._decode(content, _Tokens)

    async def _offered(self) -> Offer:
        if self._offer is None or time.monotonic() - self._read_at > _KNOWN_FOR_S:
            issuer = self._settings.issuer
            content = await self._ask("GET", get_well_known_url(issuer, external=True))
            offer = self._decode(content, Offer)
            if offer.issuer != issuer:
                raise ProviderUnreachableError(issuer, f"it calls itself {offer.issuer!r}")
            for url in (offer.authorization_endpoint, offer.token_endpoint, offer.jwks_uri):
                check_endpoint(issuer, url)
            self._offer, self._read_at = offer, time.monotonic()
        return self._offer

    async def _key_set(self, offer: Offer) -> KeySet:
        if self._keys is None:
            content = await self._ask("GET", offer.jwks_uri)
            try:
                self._keys = KeySet.import_key_set(msgspec.json.decode(content))
            except (JoseError, msgspec.DecodeError, ValueError, TypeError, KeyError) as error:
                raise ProviderUnreachableError(offer.issuer, f"its keys: {error}") from error
            self._keys_at = time.monotonic()
        return self._keys

    async def _ask(self, method: str, url: str, **more: Any) -> bytes:
        issuer = self._settings.issuer
        check_endpoint(issuer, url)
        try:
            async with (
                httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=True) as client,
                client.stream(
                    method, url, headers={"Accept": "application/json"}, **more
                ) as answer,
            ):
                content = b""
                async for piece in answer.aiter_bytes():
                    content += piece
                    if len(content) > _LARGEST_ANSWER:
                        raise ProviderUnreachableError(issuer, "its answer is too large")
        except httpx.HTTPError as error:
            raise ProviderUnreachableError(issuer, str(error) or type(error).__name__) from error
        if answer.is_success:
            return content
        if method == "POST" and answer.is_client_error:
            raise ProviderRefusedError(_REFUSED.format(issuer=issuer))
        raise ProviderUnreachableError(issuer, f"HTTP status {answer.status_code}")

    def _decode(self, content: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ProviderUnreachableError(self._settings.issuer, error) from error


_REFUSED = (
    "The login provider {issuer} does not take the code it gave, or does not know this farm by its "
    "client id and secret."
)


def check_endpoint(issuer: str, url: str) -> None:
    """Make sure that what is said to a provider cannot be read on the way.

    Raises:
        ProviderUnreachableError: The address is neither encrypted nor on this machine.
    """
    parts = urlsplit(url)
    local = parts.hostname == "localhost" or is_loopback(parts.hostname or "")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ProviderUnreachableError(issuer, f"{url[:200]!r} is not encrypted")
