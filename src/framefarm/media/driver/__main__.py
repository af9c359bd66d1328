"""Starts the program; see the package's docstring."""

from __future__ import annotations

import faulthandler
import os
import sys

from framefarm.processes.child.channel import Channel
from framefarm.processes.child.own_process import die_with_parent
from framefarm.processes.child.serving import serve


def main() -> None:
    """Carry out orders from the socket named by `--fd`, until it closes."""
    fd = int(sys.argv[sys.argv.index("--fd") + 1])
    die_with_parent()
    # Tells in the log at what the process was when a library crashed it.
    faulthandler.enable()
    channel = Channel(fd)
    # Loads FFmpeg, which takes long enough for whoever started this to end meanwhile.
    from framefarm.media.driver.session import Session  # noqa: PLC0415

    session = Session(channel)
    channel.report("hello", pid=os.getpid())
    serve(channel, session.orders)


if __name__ == "__main__":
    main()
