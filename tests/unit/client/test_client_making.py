"""What makes something carries a key, so that it is made once; what changes something does not."""

from __future__ import annotations

from typing import Any

import pytest

from framefarm.client.farm import FarmCalls
from framefarm.client.submissions import Submission, TrialRequest

MAKING: dict[str, tuple[Any, ...]] = {
    "submit": (Submission("trial", TrialRequest("1-5")),),
    "add_user": ("ada",),
    "make_token": ("ada",),
    "invite": (),
    "add_notify_target": ("desk",),
    "ask_for_workers": (1, 2),
    "add_project": ("film",),
    "add_sequence": ("film", "sq010"),
    "add_shot": ("film", "s010"),
    "add_shot_note": (1, "darker"),
}
NAMED: dict[str, dict[str, Any]] = {"add_user": {"role": "artist"}, "make_token": {"name": "t"}}


def asked(call: str, *of: Any, **more: Any) -> Any:
    return getattr(FarmCalls, call).__wrapped__(None, *of, **more)


@pytest.mark.parametrize("name", MAKING)
def test_each_request_that_makes_something_has_a_key_of_its_own(name: str):
    first, second = (asked(name, *MAKING[name], **NAMED.get(name, {})) for _ in range(2))

    assert first.method == "POST"
    assert len(first.headers["Idempotency-Key"]) >= 16
    assert first.then(lambda made: made).headers == first.headers
    assert first.key != second.key


def test_a_request_that_changes_something_has_none():
    assert "Idempotency-Key" not in asked("cancel", 1).headers
    assert "Idempotency-Key" not in asked("change_user", "ada", role="viewer").headers
