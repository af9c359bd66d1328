"""Messages to and from JSON text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from framefarm.core.errors import FrameFarmError
from framefarm.protocol.limits import MAX_MESSAGE_BYTES, MAX_ORDER_BYTES
from framefarm.protocol.messages import Order, Report


class MalformedMessageError(FrameFarmError):
    """What came over the connection is not a message of this protocol."""

    code = "malformed_message"


_T = TypeVar("_T")
_encoder = msgspec.json.Encoder()
_reports = msgspec.json.Decoder(list[Report])
_orders = msgspec.json.Decoder(list[Order])


def encode_reports(reports: Sequence[Report]) -> bytes:
    """One WebSocket message's text, UTF-8."""
    return _encoder.encode(reports)


def encode_orders(orders: Sequence[Order]) -> bytes:
    """One WebSocket message's text, UTF-8."""
    return _encoder.encode(orders)


def decode_reports(text: str | bytes) -> list[Report]:
    """Read one message from a worker.

    Raises:
        MalformedMessageError: It is too large, not JSON, or not a list of reports.
    """
    return _decode(_reports, text, MAX_MESSAGE_BYTES)


def decode_orders(text: str | bytes) -> list[Order]:
    """Read one message from the manager.

    Raises:
        MalformedMessageError: It is too large, not JSON, or not a list of orders.
    """
    return _decode(_orders, text, MAX_ORDER_BYTES)


def _decode(decoder: msgspec.json.Decoder[_T], text: str | bytes, most: int) -> _T:
    if len(text) > most:
        raise MalformedMessageError(
            f"A message of {len(text):,} bytes came; at most {most:,} are taken."
        )
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedMessageError(f"A message could not be read: {error}") from error
