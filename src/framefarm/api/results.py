"""`PUT /api/leases/{lease}/units/{unit}`: a result with its files, accepted as a whole or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from framefarm.api.keys import KeyRing
from framefarm.api.problems import problem
from framefarm.core.errors import FrameFarmError
from framefarm.farm.catalog import StageFacts
from framefarm.farm.intake import IncomingResult
from framefarm.farm.late_finishes import Finish
from framefarm.farm.service import Farm
from framefarm.protocol import ManifestError, ResultManifest, decode_manifest
from framefarm.protocol.limits import MAX_MANIFEST_BYTES, MAX_RESULT_BYTES

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


def routes(farm: Farm, keys: KeyRing) -> APIRouter:
    """The route for results."""
    router = APIRouter()

    @router.put("/api/leases/{lease}/units/{unit}")
    async def put_result(lease: str, unit: int, request: Request) -> JSONResponse:
        worker_id = await keys.worker_of(request)
        _check_length(request)
        body = Body(request)
        manifest = decode_manifest(await body.line())
        stage = farm.catalog.known(manifest.stage) or await farm.read(
            lambda connection: farm.catalog.stage(connection, manifest.stage)
        )
        if stage is None:
            return _answer("gone")
        await _receive(farm, stage, manifest, body)
        settlement = await farm.finish(
            Finish(
                lease_id=lease,
                stage_id=stage.id,
                unit=unit,
                attempt=manifest.attempt,
                worker_id=worker_id,
                facts=manifest.facts,
                files=manifest.files,
            )
        )
        answer = await farm.settled(settlement)
        if answer.startswith("accepted"):
            await _deliver(farm, stage, manifest)
        return _answer(answer)

    return router


def _check_length(request: Request) -> None:
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise ManifestError("The request must say its Content-Length.")
    if int(length) > MAX_RESULT_BYTES:
        raise TooLargeError(f"A result may have at most {MAX_RESULT_BYTES:,} bytes.")


async def _receive(farm: Farm, stage: StageFacts, manifest: ResultManifest, body: Body) -> None:
    with IncomingResult(farm.blobs, stage, manifest) as incoming:
        pieces = [piece async for piece in body.pieces()] if _is_small(manifest) else None
        if pieces is not None:
            await asyncio.to_thread(_take_all, incoming, pieces)
            return
        async for piece in body.pieces():
            await asyncio.to_thread(incoming.write, piece)
        await asyncio.to_thread(incoming.keep)


def _is_small(manifest: ResultManifest) -> bool:
    return sum(file.size_bytes for file in manifest.files) <= _BUFFER_BYTES


def _take_all(incoming: IncomingResult, pieces: list[memoryview]) -> None:
    for piece in pieces:
        incoming.write(piece)
    incoming.keep()


async def _deliver(farm: Farm, stage: StageFacts, manifest: ResultManifest) -> None:
    """Put the files where people look. The result counts already: a failure is only logged."""
    await asyncio.to_thread(farm.deliver, stage.job_id, manifest.files)


def _answer(answer: str) -> JSONResponse:
    if answer == "gone":
        return problem(410, "gone", "That job or lease is gone; drop the result.")
    return JSONResponse({"answer": answer}, status_code=_STATUS[answer])
