"""Carrying out orders, one after the other."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from .channel import Channel
from .own_process import mark_log

Carry = Callable[..., tuple[str, dict[str, Any]]]
"""Takes an order's fields; gives the name of the report and its fields."""


class RefusedError(Exception):
    """An order cannot be carried out.

    Attributes:
        kind: Stable name of the reason.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def serve(channel: Channel, orders: Mapping[str, Carry]) -> NoReturn:
    """Carry out orders until told to quit.

    Args:
        channel: Where they come from.
        orders: What carries out which.
    """
    while True:
        order = channel.next_order()
        if order["order"] == "quit":
            # Not sys.exit: the clean-up of Blender's wheel is known to crash.
            os._exit(0)
        _carry_out(channel, orders, order)


def _carry_out(channel: Channel, orders: Mapping[str, Carry], order: dict[str, Any]) -> None:
    kind = order.pop("order")
    mark = order.pop("mark", None)
    try:
        report, fields = orders[kind](**order)
    except RefusedError as error:
        report, fields = "refused", {"kind": error.kind, "message": str(error)}
    except Exception as error:  # noqa: BLE001  where an order ends; the process goes on
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
        report, fields = "refused", {"kind": "driver", "message": message}
    if mark is not None:
        mark_log(mark)
    channel.report(report, **fields)
