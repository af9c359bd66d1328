"""Writes numbers and prints each once it is answered: `python -m ... DATABASE`, until killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sqlalchemy import text

from framefarm.db import GroupCommitWriter, Handler, open_engine, sqlite_url


def store(connection, numbers):
    connection.execute(
        text("INSERT INTO notes VALUES (:text)"), [{"text": str(number)} for number in numbers]
    )
    return numbers


async def main() -> None:
    engine = open_engine(sqlite_url(Path(sys.argv[1])))
    writer = GroupCommitWriter(engine)
    handler = Handler(store)

    async def write_from(first: int) -> None:
        for number in range(first, 1_000_000, 50):
            await writer.submit(handler, number)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write_from(first) for first in range(50)))


if __name__ == "__main__":
    asyncio.run(main())
