"""`PUT /api/leases/{lease}/units/{unit}`: a result with its files, accepted as a whole or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from framefarm.api.body_limit import announced_bytes
from framefarm.api.guard import caller_of
from framefarm.api.keys import KeyRing, UnknownKeyError
from framefarm.api.problems import problem
from framefarm.core.errors import FrameFarmError
from framefarm.farm.catalog import StageFacts
from framefarm.farm.intake import Asked, IncomingResult, check_pictures
from framefarm.farm.late_finishes import Finish
from framefarm.farm.result_names import check_names
from framefarm.farm.service import Farm
from framefarm.protocol import ManifestError, ResultManifest, decode_manifest
from framefarm.protocol.limits import MAX_MANIFEST_BYTES, MAX_RESULT_BYTES
from framefarm.storage import BlobMismatchError

_STATUS = {"accepted": 200, "accepted_late": 200, "already_done": 409, "gone": 410}
_BUFFER_BYTES = 1 << 20


class TooLargeError(FrameFarmError):
    """A body is larger than this manager takes."""

    code = "too_large"


class Body:
    """A request's body: its first line, then the rest in pieces of about a mebibyte."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()
        self._rest = b""

    async def line(self) -> bytes:
        """The first line.

        Raises:
            ManifestError: It does not end in time.
        """
        held = bytearray()
        async for piece in self._stream:
            held += piece
            end = held.find(b"\n")
            if end >= 0:
                self._rest = bytes(held[end + 1 :])
                return bytes(held[:end])
            if len(held) > MAX_MANIFEST_BYTES:
                break
        raise ManifestError("The body does not begin with a manifest and a line feed.")

    async def pieces(self) -> AsyncIterator[memoryview]:
        """What follows the first line, gathered so that each piece is worth a trip to a thread."""
        held = bytearray(self._rest)
        async for piece in self._stream:
            held += piece
            if len(held) >= _BUFFER_BYTES:
                yield memoryview(bytes(held))
                held.clear()
        yield memoryview(bytes(held))


def result_route(farm: Farm, keys: KeyRing) -> Route:
    """The route for results. It is of the worker protocol, so it is not among the API's own."""

    async def put_result(request: Request) -> JSONResponse:
        lease, unit = request.path_params["lease"], _unit(request.path_params["unit"])
        worker_id = caller_of(request.scope).worker_id
        if worker_id is None:
            raise UnknownKeyError("A result needs the key of the worker that it comes from.")
        _check_length(request)
        body = Body(request)
        manifest = decode_manifest(await body.line())
        stage = farm.catalog.known(manifest.stage) or await farm.read(
            lambda connection: farm.catalog.stage(connection, manifest.stage)
        )
        if stage is None:
            return _answer("gone")
        check_names(stage, unit, manifest.files)
        await _receive(farm, stage, manifest, body)
        # A large result takes its time; the worker may have been revoked meanwhile.
        keys.check(worker_id)
        settlement = await farm.results.finish(
            Finish(
                lease_id=lease,
                stage_id=stage.id,
                unit=unit,
                attempt=manifest.attempt,
                worker_id=worker_id,
                facts=manifest.facts,
                files=manifest.files,
                seal=manifest.seal,
            )
        )
        answer = await farm.results.settled(settlement)
        if answer.startswith("accepted"):
            farm.delivery.soon(stage.job_id, manifest.files)
        return _answer(answer)

    return Route("/api/leases/{lease}/units/{unit}", put_result, methods=["PUT"])


def _unit(text: str) -> int:
    try:
        unit = int(text)
    except ValueError:
        unit = 1 << 31
    if abs(unit) >= 1 << 31:
        raise ManifestError("The unit in the path must be a whole number of 32 bits.")
    return unit


def _check_length(request: Request) -> None:
    length = announced_bytes(request.headers)
    if length < 0:
        raise ManifestError("The request must say its Content-Length.")
    if length > MAX_RESULT_BYTES:
        raise TooLargeError(f"A result may have at most {MAX_RESULT_BYTES:,} bytes.")


async def _receive(farm: Farm, stage: StageFacts, manifest: ResultManifest, body: Body) -> None:
    announced = sum(file.size_bytes for file in manifest.files)
    asked = Asked(stage.kind, stage.settings)
    if farm.keeper is not None and announced <= _BUFFER_BYTES:
        pieces = await _collect(body, announced)
        await farm.keeper.keep(asked, manifest, b"".join(pieces))
        return
    with IncomingResult(farm.blobs, asked, manifest) as incoming:
        if announced <= _BUFFER_BYTES:
            pieces = await _collect(body, announced)
            await asyncio.to_thread(_take_all, incoming, asked, pieces)
            return
        async for piece in body.pieces():
            await asyncio.to_thread(incoming.write, piece)
        await asyncio.to_thread(incoming.complete)
        if farm.checker is not None and incoming.pictures:
            await farm.checker.check(asked, incoming.pictures)
        else:
            await asyncio.to_thread(check_pictures, asked, incoming.pictures)
        await asyncio.to_thread(incoming.keep)


async def _collect(body: Body, announced: int) -> list[memoryview]:
    """A small body whole; never much more than was announced, however much comes (L14)."""
    pieces: list[memoryview] = []
    async for piece in body.pieces():
        pieces.append(piece)
        announced -= len(piece)
        if announced < 0:
            raise BlobMismatchError("More bytes came than the manifest announces.")
    return pieces


def _take_all(incoming: IncomingResult, asked: Asked, pieces: list[memoryview]) -> None:
    for piece in pieces:
        incoming.write(piece)
    incoming.complete()
    check_pictures(asked, incoming.pictures)
    incoming.keep()


def _answer(answer: str) -> JSONResponse:
    if answer == "gone":
        return problem(410, "gone", "That job or lease is gone; drop the result.")
    return JSONResponse({"answer": answer}, status_code=_STATUS[answer])
