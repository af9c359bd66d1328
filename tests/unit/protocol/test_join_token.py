"""The text of join tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.protocol.join_token import (
    SECRET_BYTES,
    JoinToken,
    JoinTokenTextError,
    read_join_token,
    read_secret,
    secret_text,
)

SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES).map(secret_text)


@given(SECRETS, st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_a_token_is_read_as_it_was_written(secret: str, fingerprint: str | None):
    token = JoinToken(secret, fingerprint)

    assert read_join_token(token.text) == token
    assert read_join_token(f"  {token.text}\n") == token
    assert not token.text.startswith("-")
    assert secret not in repr(token)


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_secret_keeps_every_bit(random: bytes):
    flipped = bytes([random[0] ^ 128, *random[1:-1], random[-1] ^ 1])

    assert secret_text(random) != secret_text(flipped)
    assert len(secret_text(random)) == 19


def test_what_people_misread_is_read_right():
    assert read_secret("K7MQ 2XW9-p4rt8NOI") == "k7mq-2xw9-p4rt-8n01"
    assert read_secret("k7mq2xw9p4rt8n0l") == "k7mq-2xw9-p4rt-8n01"


@pytest.mark.parametrize(
    "text", ["", "-", "k7mq-2xw9-p4rt", "k7mq-2xw9-p4rt-8n3hh", "u" * 16, "é" * 16]
)
def test_what_is_no_token_is_told_so(text: str):
    with pytest.raises(JoinTokenTextError, match="no join token"):
        read_join_token(text)


@pytest.mark.parametrize("pin", ["", "abc", "A" * 42, "A" * 44, "=" * 43, "é" * 43, "A" * 42 + "!"])
def test_half_a_fingerprint_is_no_token(pin: str):
    with pytest.raises(JoinTokenTextError, match="after the dot"):
        read_join_token(f"k7mq-2xw9-p4rt-8n3h.{pin}")
