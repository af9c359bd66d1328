"""What was answered to requests with an Idempotency-Key, so that asking again makes nothing twice.

An answer is stored by the transaction that made the thing, so there is either both or neither,
whenever the manager dies. It is encrypted by the key that was sent, of which only a hash is kept:
some answers hold a secret that is shown once.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from framefarm.core.errors import FrameFarmError
from framefarm.db import database_now
from framefarm.db import tables as t

_NONCE_BYTES = 12
KEPT_S = 86_400.0
"""How long an answer is given again."""


class KeyReusedError(FrameFarmError):
    """A key was sent before, with a request that asked for something else."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key came with another request before; every new one needs its own."
        )


class KeyBusyError(FrameFarmError):
    """A request with the same key is being answered at this moment."""

    code = "idempotency_key_busy"
    retryable = True

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is being answered; ask again.")


@dataclass(frozen=True, slots=True)
class AskedOnce:
    """A request that is to be done once.

    Attributes:
        owner_id: Whose it is; 0 on the manager's own machine.
        key: As it was sent.
        digest: Of what is asked for, by the key.
    """

    owner_id: int
    key: str
    digest: str

    @property
    def key_hash(self) -> str:
        """What is kept of the key."""
        return hashlib.sha256(f"name {self.key}".encode()).hexdigest()

    @property
    def secret(self) -> bytes:
        """What the answer is encrypted by; nothing that is kept tells it."""
        return hashlib.sha256(f"answer {self.key}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        status: Of HTTP.
        location: Where what was made is; may be empty.
        body: JSON.
    """

    status: int
    location: str
    body: bytes


def answered(connection: Connection, asked: AskedOnce) -> Answer | None:
    """What was answered before; None when this is new.

    Raises:
        KeyReusedError: The same key came with something else.
    """
    row = connection.execute(
        select(t.answers).where(
            t.answers.c.owner_id == asked.owner_id, t.answers.c.key_hash == asked.key_hash
        )
    ).one_or_none()
    if row is None or row.made_at < database_now(connection) - KEPT_S:
        return None
    if not secrets.compare_digest(row.digest, asked.digest):
        raise KeyReusedError
    return Answer(row.status, row.location, _opened(asked.secret, row.body))


def keep_answer(connection: Connection, asked: AskedOnce, answer: Answer) -> None:
    """Store an answer, in the transaction that made what it tells of.

    Raises:
        KeyBusyError: Another request with this key came first; this one is to make nothing.
    """
    mine = (t.answers.c.owner_id == asked.owner_id) & (t.answers.c.key_hash == asked.key_hash)
    now = database_now(connection)
    connection.execute(delete(t.answers).where(mine, t.answers.c.made_at < now - KEPT_S))
    if connection.execute(select(t.answers.c.digest).where(mine)).first() is not None:
        raise KeyBusyError
    connection.execute(
        insert(t.answers).values(
            owner_id=asked.owner_id,
            key_hash=asked.key_hash,
            digest=asked.digest,
            status=answer.status,
            location=answer.location,
            body=_closed(asked.secret, answer.body),
            made_at=now,
        )
    )


def forget_old_answers(connection: Connection) -> int:
    """Delete answers that are given no more; returns how many."""
    before = database_now(connection) - KEPT_S
    return connection.execute(delete(t.answers).where(t.answers.c.made_at < before)).rowcount


def _closed(secret: bytes, body: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  slow to load

    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(secret).encrypt(nonce, body, None)


def _opened(secret: bytes, closed: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  slow to load

    return AESGCM(secret).decrypt(closed[:_NONCE_BYTES], closed[_NONCE_BYTES:], None)
