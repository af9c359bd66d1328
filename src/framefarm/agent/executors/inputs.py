"""Having the files at hand that earlier stages made."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from framefarm.agent.errors import FetchError, UnitFailedError
from framefarm.agent.several_files import use_together

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from framefarm.agent.cache import BlobCache
    from framefarm.agent.executors.contract import Progress
    from framefarm.protocol.messages import InputFile


@contextlib.asynccontextmanager
async def inputs_at_hand(
    cache: BlobCache, inputs: tuple[InputFile, ...], progress: Progress
) -> AsyncIterator[list[Path]]:
    """Fetch a unit's inputs, and keep them while the context is open.

    Args:
        cache: Where they lie, or come to.
        inputs: What is needed.
        progress: Told how many are there.

    Yields:
        Where they lie, in the same order.

    Raises:
        UnitFailedError: `input_missing`: there are none, or one cannot be had.
    """
    if not inputs:
        raise UnitFailedError("input_missing", "the lease names no input files")
    async with contextlib.AsyncExitStack() as stack:
        try:
            paths = await _fetch_all(stack, cache, inputs, progress)
        except FetchError as error:
            raise UnitFailedError("input_missing", str(error)) from error
        except OSError as error:
            message = f"an input cannot be stored: {error.strerror or error}"
            raise UnitFailedError("error", message) from error
        yield paths


async def _fetch_all(
    stack: contextlib.AsyncExitStack,
    cache: BlobCache,
    inputs: tuple[InputFile, ...],
    progress: Progress,
) -> list[Path]:
    done = 0

    def arrived(_: InputFile, __: int) -> None:
        # Of a large file no count moves for long, but bytes keep coming (L10).
        progress(done, len(inputs), "fetching")

    def there(_: InputFile) -> None:
        nonlocal done
        done += 1
        progress(done, len(inputs), "fetching")

    return await use_together(stack, cache, inputs, arrived=arrived, there=there)
