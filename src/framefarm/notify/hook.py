"""Telling a program: a POST that proves who it is from.

`X-FrameFarm-Signature` is `v1=` and the HMAC-SHA256, in hexadecimal, of the time stamp in
`X-FrameFarm-Timestamp`, a dot and the body. Who gets it refuses what is not signed with the secret,
or what is older than a few minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import time

import httpx

from framefarm import __version__
from framefarm.notify.letters import MARK, Letter
from framefarm.notify.outcomes import Outcome, answered

_STEP_S = 10.0


def send_hook(letter: Letter) -> Outcome:
    """Send one; what is answered but its status is not read.

    Raises:
        httpx.TransportError: It could not be reached.
    """
    body = letter.payload.encode()
    stamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"FrameFarm/{__version__}",
        MARK: "1",
        "X-FrameFarm-Timestamp": stamp,
        "X-FrameFarm-Signature": f"v1={signature(letter.secret, stamp, body)}",
    }
    # Nothing of the environment: a proxy would be let through, and connect wherever it is told to.
    with (
        httpx.Client(
            trust_env=False,
            follow_redirects=False,
            timeout=_STEP_S,
            verify=ssl.create_default_context(),
        ) as client,
        client.stream("POST", letter.address, content=body, headers=headers) as answer,
    ):
        return answered(answer.status_code, answer.headers.get("retry-after"))


def signature(secret: str, stamp: str, body: bytes) -> str:
    """The proof that a message is from who knows the secret, and of when."""
    signed = stamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
