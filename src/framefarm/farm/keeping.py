"""The messages between a manager and its keeper process, and the work they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgspec

from framefarm.core.errors import FrameFarmError
from framefarm.farm.intake import Asked, IncomingResult, Picture, check_pictures
from framefarm.protocol.manifest import ResultManifest
from framefarm.storage import BlobFolder


class Keep(msgspec.Struct, frozen=True, tag=True):
    """Check a result's files and make them durable. Answered by `Kept`."""

    number: int
    asked: Asked
    manifest: ResultManifest
    body: bytes


class Check(msgspec.Struct, frozen=True, tag=True):
    """Decode pictures that came already. Answered by `Kept`."""

    number: int
    asked: Asked
    pictures: list[Picture]


Order = Keep | Check


class Kept(msgspec.Struct, frozen=True):
    """The answer: without a code the files are durable, else `code` and `message` say why not."""

    number: int
    code: str = ""
    message: str = ""


_orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_LENGTH_BYTES = 4


def framed(message: msgspec.Struct) -> bytes:
    """A message with its length before it."""
    coded = msgspec.msgpack.encode(message)
    return len(coded).to_bytes(_LENGTH_BYTES, "big") + coded


def serve(blobs: BlobFolder, orders: BinaryIO, answers: BinaryIO) -> None:
    """Do what is asked, one after the other, until the manager closes the pipe."""
    while len(head := orders.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
        order = _orders.decode(orders.read(int.from_bytes(head, "big")))
        answers.write(framed(_answer(blobs, order)))
        answers.flush()


def _answer(blobs: BlobFolder, order: Order) -> Kept:
    try:
        if isinstance(order, Keep):
            _keep(blobs, order)
        else:
            check_pictures(order.asked, order.pictures)
    except FrameFarmError as error:
        return Kept(order.number, error.code, str(error))
    return Kept(order.number)


def _keep(blobs: BlobFolder, order: Keep) -> None:
    with IncomingResult(blobs, order.asked, order.manifest) as incoming:
        incoming.write(memoryview(order.body))
        incoming.complete()
        check_pictures(order.asked, incoming.pictures)
        incoming.keep()


def folder(root: str, low_water_bytes: str) -> BlobFolder:
    """The blob folder that a keeper process was started for."""
    return BlobFolder(Path(root), low_water_bytes=int(low_water_bytes))
