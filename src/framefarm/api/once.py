"""Requests that make something, and carry an Idempotency-Key: sent twice, it is made once."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import partial
from typing import Any

from fastapi.encoders import jsonable_encoder
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from framefarm.api.guard import caller_of
from framefarm.core.errors import FrameFarmError
from framefarm.farm.answers import Answer, AskedOnce, answered, keep_answer
from framefarm.farm.service import Farm

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{16,200}")


class BadKeyError(FrameFarmError):
    """An Idempotency-Key is none."""

    code = "idempotency_key"

    def __init__(self) -> None:
        super().__init__(f"An {HEADER} has 16 to 200 visible ASCII characters, such as a UUID.")


class AnsweredBeforeError(Exception):
    """The answer was given before, and is given again.

    Attributes:
        response: It.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        headers = {"Idempotent-Replayed": "true"}
        if answer.location:
            headers["Location"] = answer.location
        self.response = Response(
            answer.body, answer.status, headers=headers, media_type="application/json"
        )


class Once:
    """One request that makes something.

    Args:
        asked: By which it is known when it comes again; None for one without a key.
    """

    def __init__(self, asked: AskedOnce | None) -> None:
        self._asked = asked

    def keep(
        self, connection: Connection, made: Any, *, status: int = 201, location: str = ""
    ) -> None:
        """Store the answer, in the transaction that makes what it tells of.

        Raises:
            KeyBusyError: Another request with this key came first; this one is to make nothing.
        """
        if self._asked is not None:
            body = JSONResponse(jsonable_encoder(made)).body
            keep_answer(connection, self._asked, Answer(status, location, bytes(body)))


async def asked_once(request: Request, farm: Farm, digest: str | None = None) -> Once:
    """Find out whether a request came before.

    Args:
        digest: Tells what is asked for from anything else; None for the body as it is.

    Raises:
        AnsweredBeforeError: It did, and was answered.
        KeyReusedError: Its key did, with something else.
        BadKeyError: Its key is none.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return Once(None)
    if not _KEY.fullmatch(key):
        raise BadKeyError
    if digest is None:
        digest = hashlib.sha256(await request.body()).hexdigest()
    what = f"{request.method} {request.url.path.rstrip('/')}?{request.url.query} {digest}"
    who = caller_of(request.scope).person
    owner_id = who.user_id if who is not None else 0
    # By the key, which is not kept: a body may hold a password, whose plain hash could be guessed.
    told = hmac.new(key.encode(), what.encode(errors="surrogateescape"), hashlib.sha256)
    asked = AskedOnce(owner_id, key, told.hexdigest())
    earlier = await farm.read(partial(answered, asked=asked))
    if earlier is not None:
        raise AnsweredBeforeError(earlier)
    return Once(asked)
