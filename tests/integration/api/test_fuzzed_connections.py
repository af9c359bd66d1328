"""Whatever bytes come: the manager answers the next one, and its memory does not grow (L14)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, get_args

import psutil
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from framefarm.farm.settings import ConnectionLimits
from framefarm.protocol import messages as m
from tests.integration.api.manager import Manager, hello
from tests.integration.api.slow import Raw, frame

FEW = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MOST_GROWTH_BYTES = 64 << 20


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager that must be well after everything, and soon gives up what does not go on."""
    quick = ConnectionLimits(head_s=0.2, hello_s=0.2, over_s=0.5)
    with unharmed(Manager(tmp_path_factory.mktemp("manager"), connections=quick)) as made:
        yield made


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager that waits for a worker on a busy machine, and must be well after everything."""
    with unharmed(Manager(tmp_path_factory.mktemp("patient"))) as made:
        yield made


@contextlib.contextmanager
def unharmed(made: Manager) -> Iterator[Manager]:
    before = psutil.Process().memory_info().rss
    yield made
    assert made.http.get("/api/workers").status_code == 200
    assert psutil.Process().memory_info().rss - before < MOST_GROWTH_BYTES
    made.close()
    made.check()


def fields_of(report: type) -> tuple[str, ...]:
    return report.__struct_fields__  # type: ignore[attr-defined,no-any-return]


def alive(target: Manager) -> None:
    assert target.http.get("/api/health").status_code == 200


def thrown(target: Manager, *pieces: bytes) -> bytes:
    """Send pieces on a new connection and end the sending; all that comes back."""
    raw = Raw(target)
    with contextlib.suppress(OSError):
        for piece in pieces:
            raw.send(piece)
    return raw.end().rest()


HEADS = st.builds(
    lambda method, path, version, headers: (
        b"%b %b HTTP/%b\r\n%b\r\n"
        % (method, path, version, b"".join(b"%b: %b\r\n" % pair for pair in headers))
    ),
    st.sampled_from([b"GET", b"PUT", b"POST", b"HEAD", b"OPTIONS", b"X", b""]),
    st.sampled_from([b"/api/health", b"/api/jobs", b"/", b"*", b"//[", b"http://[::1", b"/%ff%00"])
    | st.binary(max_size=40),
    st.sampled_from([b"1.1", b"1.0", b"2.0", b"9.9", b""]),
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade"]
            )
            | st.binary(max_size=20),
            st.sampled_from([b"127.0.0.1", b"chunked", b"-1", b"9" * 40, b"0", b"Upgrade"])
            | st.binary(max_size=60),
        ),
        max_size=6,
    ),
)


@FEW
@given(st.lists(st.binary(max_size=400) | HEADS, min_size=1, max_size=4))
@example([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
@example([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
@example(
    [b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n"]
)
@example(
    [
        (
            b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"fffffffffffffffff\r\n"
        )
    ]
)
def test_bytes_that_are_no_http_are_refused(target: Manager, pieces: list[bytes]):
    answer = thrown(target, *pieces)

    assert b" 500 " not in answer
    alive(target)


@FEW
@given(st.binary(max_size=600))
@example(bytes([0xC1, 0x80, 0, 0, 0, 0]))
@example(bytes([0x81, 0xFF]) + (1 << 63).to_bytes(8) + bytes(4))
@example(bytes([0x81, 0xFF]) + (1 << 40).to_bytes(8) + bytes(4))
@example(bytes([0x89, 0xFE]) + (200).to_bytes(2) + bytes(204))
@example(bytes([0x01, 0x80, 0, 0, 0, 0]) + bytes([0x00, 0x80, 0, 0, 0, 0]) * 5_000)
@example(bytes([0x89, 0x80, 0, 0, 0, 0]) * 20_000)
def test_bytes_that_are_no_websocket_frames_are_refused(target: Manager, content: bytes):
    raw = Raw(target).upgrade()
    with contextlib.suppress(OSError):
        raw.send(content)
    raw.end().rest()

    alive(target)


HUGE = st.sampled_from(
    [10**400, -(10**40), 1 << 63, 1 << 64, -(1 << 63) - 1, 1e308, 2**53, 0, -1, 1.5]
)
TEXTS = st.sampled_from(
    ["", "\x00", "\ud7ff", "x" * 5_000, "\u202e", "../..", "\x1b[2J"]
) | st.text(max_size=20)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | HUGE | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from([*(one.__name__.lower() for one in get_args(m.Report)), "lease", "log", ""])
FIELDS = st.sampled_from(sorted({name for one in get_args(m.Report) for name in fields_of(one)}))
REPORTS = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    KINDS,
    st.dictionaries(FIELDS, JSON, max_size=6),
)


@FEW
@given(st.lists(REPORTS, max_size=3) | JSON)
def test_reports_of_any_shape_are_refused_or_taken_after_hello(patient: Manager, reports: Any):
    with patient.worker(slots=[]) as worker, contextlib.suppress(ConnectionClosed):
        worker.socket.send(json.dumps(reports))
        worker.socket.send(
            json.dumps(reports, ensure_ascii=False).encode(errors="replace").decode()
        )

    alive(patient)


@FEW
@given(st.dictionaries(FIELDS, JSON, max_size=4))
@example({"clock_at": 1e308})
@example({"facts": {"host": "\x00", "load": 1e308, "temperature_c": -1e308}})
@example({"protocol": 10**300})
@example({"protocol": -1})
@example({"boot_id": "", "name": ""})
@example({"holding": ["x"] * 20_000})
def test_a_hello_of_any_shape_is_refused_or_welcomed(target: Manager, changes: dict[str, Any]):
    raw = Raw(target).upgrade()
    raw.send(frame(json.dumps([hello(**changes)]).encode()))

    answer = raw.first()

    assert b'"type":"welcome"' in answer or b'"type":"bye"' in answer, answer
    alive(target)
    assert target.http.get("/api/workers").status_code == 200


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("[" * 100_000, 1008),
        ('[{"type":"log","level":"","text":' + "[" * 50_000, 1008),
        ('[{"type":"progress","lease":"","unit":1,"done":' + "9" * 100_000 + "}]", 1008),
        ('[{"type":"facts","facts":{"host":"","load":1e999}}]', 1008),
        ("[" + "{}," * 300_000 + "{}]", 1008),
        ("x" * ((1 << 20) + 1), 1009),
    ],
)
def test_deep_huge_and_endless_messages_are_refused_with_a_code(
    target: Manager, sent: str, code: int
):
    with target.worker() as worker:
        worker.socket.send(sent)

        assert worker.closed()[0] == code
    alive(target)


def test_a_worker_that_reads_nothing_is_cut_off_and_others_are_served(target: Manager):
    quiet = Raw(target, receive_buffer=4_096).upgrade()
    quiet.send(frame(json.dumps([hello(name="quiet")]).encode()))
    strange = [f"{number:032}" for number in range(9_000)]
    each_revoked = frame(json.dumps([{"type": "heartbeat", "leases": strange}]).encode())

    def pushing() -> bool:
        try:
            quiet.send(each_revoked)
        except OSError:
            return False
        return True

    pushed = 0
    with contextlib.closing(quiet):
        while pushing():
            pushed += 1
            with target.worker(name="other") as other:
                assert other.hears() == []
            assert pushed < 100, "still connected"
