"""What the worker does after each answer to a result it offered."""

from __future__ import annotations

import pytest

from framefarm.agent.answers import Reaction, Refused, Settled, TryAgain, reaction


def after(status: int, body: bytes = b"", retry_after: str | None = None) -> Reaction:
    return reaction(status, body, retry_after, attempt=1, die=lambda: 1.0)


@pytest.mark.parametrize(
    ("status", "answer"), [(200, "accepted"), (200, "accepted_late"), (409, "already_done")]
)
def test_settled_answers_take_the_result_off_the_workers_hands(status: int, answer: str):
    assert after(status, b'{"answer":"%s"}' % answer.encode()) == Settled(answer)  # type: ignore[arg-type]


def test_a_result_that_nobody_wants_any_more_is_dropped():
    problem = b'{"type":"urn:framefarm:problem:gone","code":"gone","detail":"The job is gone."}'

    assert after(410, problem) == Settled("gone")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"answer":"perhaps"}', b"[]"])
@pytest.mark.parametrize("status", [200, 409, 410])
def test_settled_status_without_the_managers_word_is_tried_again(status: int, body: bytes):
    assert isinstance(after(status, body), TryAgain)


@pytest.mark.parametrize("status", [400, 411, 413, 415, 422])
def test_result_that_will_never_be_taken_is_refused_with_the_managers_reason(status: int):
    assert after(status, b'{"title":"No","detail":"It is 3x3."}') == Refused("It is 3x3.")
    assert after(status, b'{"title":"No"}') == Refused("No")
    assert after(status) == Refused(f"the manager refused it with HTTP {status}")


@pytest.mark.parametrize(
    ("status", "code"),
    [(422, "hash_differs"), (422, "bad_manifest"), (400, "bad_request"), (400, "cut_short")],
)
def test_l6_result_damaged_on_the_line_is_offered_again_but_not_for_ever(status: int, code: str):
    body = b'{"code":"%s","detail":"The bytes differ."}' % code.encode()
    answers = [
        reaction(status, body, None, attempt=attempt, die=lambda: 1.0) for attempt in (1, 2, 3)
    ]

    assert [type(answer) for answer in answers] == [TryAgain, TryAgain, Refused]


def test_404_is_final_from_the_manager_and_not_from_a_proxy():
    assert after(404, b'{"detail":"No such stage."}') == Refused("No such stage.")
    assert isinstance(after(404, b"<html>"), TryAgain)


@pytest.mark.parametrize("status", [401, 403])
def test_unknown_key_says_hello_again(status: int):
    answer = after(status)

    assert isinstance(answer, TryAgain)
    assert answer.greet


@pytest.mark.parametrize("status", [429, 503])
def test_busy_manager_is_given_the_time_it_asks_for(status: int):
    answer = after(status, retry_after="4")

    assert isinstance(answer, TryAgain)
    assert 4.0 <= answer.delay_s <= 5.0
    assert not answer.greet


@pytest.mark.parametrize("retry_after", [None, "", "Wed, 21 Oct 2026 07:28:00 GMT", "-3", "nan"])
def test_busy_manager_without_seconds_is_tried_with_jitter(retry_after: str | None):
    answer = after(503, retry_after=retry_after)

    assert isinstance(answer, TryAgain)
    assert 0.0 <= answer.delay_s <= 1.0


def test_absurd_retry_after_is_bounded():
    answer = after(503, retry_after="9" * 30)

    assert isinstance(answer, TryAgain)
    assert answer.delay_s <= 750.0


def test_full_disk_of_the_manager_keeps_the_result_for_half_a_minute():
    answer = after(507, b'{"detail":"Full."}')

    assert answer == TryAgain(30.0 * 1.25, "Full.")


@pytest.mark.parametrize("status", [302, 418, 500, 502, 504])
def test_anything_else_keeps_the_result(status: int):
    assert isinstance(after(status), TryAgain)
