from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.notify.places import Hook, MailServer


@pytest.fixture
def mail() -> Iterator[MailServer]:
    made = MailServer()
    yield made
    made.close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()
