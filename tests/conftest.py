"""What holds for all tests, however they are started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.notify.places import Hook, MailServer

# A shell without job control starts what it puts into the background with Ctrl-C ignored, and the
# programs that tests start, and interrupt, would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A server that keeps the mail it is sent."""
    from tests.integration.notify.places import MailServer  # noqa: PLC0415  few tests need it

    made = MailServer()
    yield made
    made.close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A server that keeps what it is posted."""
    from tests.integration.notify.places import Hook  # noqa: PLC0415  few tests need it

    made = Hook()
    yield made
    made.close()
