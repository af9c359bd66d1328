from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.manager import Manager


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """One manager for all tests of a file; they leave no job that others would be given."""
    made = Manager(tmp_path_factory.mktemp("manager"))
    yield made
    made.close()
    made.check()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A manager of one test's own."""
    made = Manager(tmp_path / "manager")
    yield made
    made.close()
    made.check()
