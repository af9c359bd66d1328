"""A small OpenID Connect provider: a real server that signs real tokens, and errs on demand."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT = "farm/1"
SECRET = "s3cret:with/signs"

Change = Callable[[dict[str, Any]], None]


def _nothing(_: dict[str, Any]) -> None:
    """Leave it as it is."""


@dataclass
class Provider:
    """What the server is to do.

    Attributes:
        person: What it says of whoever logs in.
        change_claims, change_offer: Alter what it says.
        sign: Makes the token of the claims; None for as it should be.
        says_issuer: What it adds to the address that a browser goes back to.
        exchanged: The forms that came with codes.
        status: Of the answer to a code.
    """

    url: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    change_claims: Change = _nothing
    change_offer: Change = _nothing
    sign: Callable[[dict[str, Any]], str] | None = None
    says_issuer: str | None = None
    refuses: str | None = None
    exchanged: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    keys: list[RSAKey] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def new_key(self) -> None:
        """Sign with another key from now on, and forget the one before."""
        made = RSAKey.generate_key(2048, parameters={"kid": f"key-{time.monotonic_ns()}"})
        self.keys = [made]

    def offer(self) -> dict[str, Any]:
        found = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        self.change_offer(found)
        return found

    def authorize(self, asked: dict[str, str]) -> str:
        """Where a browser is sent whose person said yes."""
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_hex(8)
        self.codes[code] = asked
        told = {"state": asked["state"], "code": code}
        if self.refuses:
            told = {"state": asked["state"], "error": self.refuses}
        if self.says_issuer is not None:
            told["iss"] = self.says_issuer
        return f"{asked['redirect_uri']}?{urlencode(told)}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        self.exchanged.append(form)
        asked = self.codes.pop(form["code"], None)
        wanted = base64.b64encode(b"farm%2F1:s3cret%3Awith%2Fsigns").decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or authorization != f"Basic {wanted}"
            or challenge != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
            or form["grant_type"] != "authorization_code"
        ):
            return 400, {"error": "invalid_grant"}
        return self.status, {
            "access_token": "opaque",
            "token_type": "Bearer",
            "id_token": self.id_token(asked["nonce"]),
        }

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "person-1",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.person,
        }
        self.change_claims(claims)
        if self.sign is not None:
            return self.sign(claims)
        return jwt.encode({"alg": "RS256", "kid": self.keys[0].kid}, claims, self.keys[0])


@contextlib.contextmanager
def openid_provider() -> Iterator[Provider]:
    """A provider that listens on this machine."""
    provider = Provider()
    provider.new_key()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/.well-known/openid-configuration":
                self._say(200, provider.offer())
            elif parts.path == "/keys":
                self._say(200, KeySet(provider.keys).as_dict(private=False))
            elif parts.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorize(asked))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._say(404, {})

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(content).items()}
            self._say(*provider.exchange(form, self.headers.get("Authorization", "")))

        def _say(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
