"""Messages survive their encoding, and nothing that comes in can do more than be refused."""

from __future__ import annotations

import contextlib
import json
import typing

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from framefarm.protocol import (
    MalformedMessageError,
    decode_orders,
    decode_reports,
    encode_orders,
    encode_reports,
)
from framefarm.protocol import messages as m
from framefarm.protocol.limits import MAX_MESSAGE_BYTES, MAX_ORDER_BYTES

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
COUNT = st.integers(0, (1 << 53) - 1)
UNIT = st.integers(-(1 << 31), (1 << 31) - 1)
ATTEMPT = st.integers(1, (1 << 31) - 1)
SECONDS = st.floats(0, 1e9)
TUPLE = st.lists(TEXT, max_size=3).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)

blenders = st.builds(
    m.BlenderOffer, version=st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True), full=TEXT
)
slots = st.builds(
    m.SlotOffer,
    slot=st.text(st.characters(codec="ascii"), min_size=1, max_size=40),
    kinds=TUPLE,
    blenders=st.lists(blenders, max_size=2).map(tuple),
    threads=COUNT,
    device=TEXT,
    memory_bytes=COUNT,
)
gpus = st.builds(m.GpuFacts, name=TEXT, memory_bytes=COUNT, works=st.none() | st.booleans())
machines = st.builds(
    m.MachineFacts,
    host=TEXT,
    gpus=st.lists(gpus, max_size=2).map(tuple),
    devices=TUPLE,
    memory_bytes=COUNT,
    cores=COUNT,
    load=st.none() | st.floats(0, 1),
)
facts = st.builds(
    m.UnitFacts,
    seconds=SECONDS,
    peak_memory_bytes=COUNT,
    device=TEXT,
    phases=st.dictionaries(TEXT, st.floats(0, 1e6), max_size=3),
    extra=st.dictionaries(TEXT, JSON, max_size=3),
)
of_unit = {"lease": TEXT, "stage": COUNT, "unit": UNIT, "attempt": ATTEMPT}
reports = st.one_of(
    st.builds(
        m.Hello,
        protocol=COUNT,
        boot_id=TEXT,
        name=TEXT,
        agent_version=TEXT,
        facts=machines,
        slots=st.lists(slots, max_size=2).map(tuple),
        worker_id=st.none() | TEXT,
        key=st.none() | TEXT,
        holding=TUPLE,
        interrupted=st.lists(st.tuples(COUNT, UNIT), max_size=2).map(tuple),
        cached=TUPLE,
        clock_at=SECONDS,
    ),
    st.builds(m.Ready, slot=TEXT, warm=st.none() | TEXT),
    st.builds(m.Heartbeat, leases=TUPLE),
    st.builds(m.Progress, lease=TEXT, unit=UNIT, done=COUNT, total=COUNT, phase=TEXT),
    st.builds(m.Finished, **of_unit, facts=facts),
    st.builds(m.Failed, **of_unit, reason=TEXT, message=TEXT, log_tail=TEXT),
    st.builds(m.Released, lease=TEXT),
    st.builds(m.FactsChanged, facts=machines),
    st.builds(m.LogLine, level=TEXT, text=TEXT),
)
inputs = st.builds(m.InputFile, unit=UNIT, name=TEXT, sha256=TEXT, size_bytes=COUNT)
orders = st.one_of(
    st.builds(m.Welcome, worker_id=TEXT, epoch=TEXT, lease_s=SECONDS, key=st.none() | TEXT),
    st.builds(
        m.Lease,
        lease=TEXT,
        stage=COUNT,
        slot=TEXT,
        units=TEXT,
        attempt=ATTEMPT,
        expires_in_s=SECONDS,
        inputs=st.lists(inputs, max_size=2).map(tuple),
    ),
    st.builds(m.Settled, lease=TEXT, unit=UNIT, answer=TEXT),
    st.builds(m.Revoke, lease=TEXT, reason=TEXT, units=TEXT),
    st.builds(m.Restart, at_once=st.booleans()),
    st.builds(m.Bye, reason=TEXT, retry_in_s=st.none() | SECONDS, code=TEXT),
    st.sampled_from([m.Drain(), m.Enable(), m.Disable(), m.Query()]),
)


@given(st.lists(reports, max_size=4))
def test_reports_survive_their_encoding(sent):
    assert decode_reports(encode_reports(sent)) == sent
    assert decode_reports(encode_reports(sent).decode()) == sent


@given(st.lists(orders, max_size=4))
def test_orders_survive_their_encoding(sent):
    assert decode_orders(encode_orders(sent)) == sent


def test_a_tasks_settings_pass_through_unread():
    task = m.Task(1, 2, "render", msgspec.Raw(b'{"any": ["thing", 1.5]}'))

    [came] = decode_orders(encode_orders([task]))

    assert isinstance(came, m.Task)
    assert json.loads(bytes(came.settings)) == {"any": ["thing", 1.5]}


def test_every_message_type_has_its_own_name():
    tags = [one.__struct_config__.tag for one in typing.get_args(m.Report)]
    assert len(set(tags)) == len(tags) == 10
    tags = [one.__struct_config__.tag for one in typing.get_args(m.Order)]
    assert len(set(tags)) == len(tags) == 12


def test_unknown_fields_are_ignored_so_that_a_newer_peer_may_add_some():
    assert decode_reports(b'[{"type":"released","lease":"a","since":"tomorrow"}]') == [
        m.Released("a")
    ]


def hello(**changes: object) -> bytes:
    slot = {"slot": "cpu", "kinds": ["render"], "blenders": [{"version": "5.0"}]}
    fields = {"protocol": 1, "boot_id": "b", "name": "n", "agent_version": "0"}
    whole = {"type": "hello", **fields, "facts": {"host": "h"}, "slots": [slot | changes]}
    return json.dumps([whole]).encode()


def finished(**changes: object) -> bytes:
    fields = {"lease": "l", "stage": 1, "unit": 1, "attempt": 1, "facts": {}}
    return json.dumps([{"type": "finished", **fields, **changes}]).encode()


def test_the_plain_ones_of_the_hostile_cases_are_taken():
    assert decode_reports(hello())
    assert decode_reports(finished())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[",
        b"null",
        b'"hello"',
        b"[1]",
        b"[{}]",
        b'[{"type":"hallo"}]',
        b'[{"type":"welcome","worker_id":"w","epoch":"e","lease_s":1}]',
        b'[{"type":1}]',
        b'[{"type":"released"}]',
        b'[{"type":"released","lease":null}]',
        b'[{"type":"released","lease":"\xff"}]',
        b'[{"type":"released","lease":"\\ud800"}]',
        '[{"type":"released","lease":"\ud800"}]',
        b"[" * 100_000,
        b'[{"type":"facts","facts":' + b'{"host":' * 50_000,
        b'[{"type":"released","lease":"a"}] trailing',
        finished(unit=1 << 31),
        finished(unit=-(1 << 31) - 1),
        finished(unit=10**400),
        finished(unit=1.5),
        finished(unit="1"),
        finished(unit=True),
        finished(stage=-1),
        finished(stage=1 << 63),
        finished(attempt=0),
        finished(attempt=1 << 40),
        finished(facts={"seconds": -1}),
        finished(facts={"seconds": 1e300}),
        b'[{"type":"finished","lease":"l","stage":1,"unit":1,"attempt":1,"facts":{"seconds":1e999}}]',
        b'[{"type":"finished","lease":"l","stage":1,"unit":1,"attempt":1,"facts":{"seconds":NaN}}]',
        finished(facts={"peak_memory_bytes": 1 << 64}),
        hello(slot=""),
        hello(slot="s" * 41),
        hello(blenders=[{"version": "five"}]),
        hello(blenders=[{"version": "5.0.1"}]),
        hello(blenders=[{"version": "5.0\n"}]),
        hello(threads=-1),
    ],
    ids=lambda text: repr(text[:40]),
)
def test_what_is_no_report_is_refused_and_said_so(text: bytes | str):
    with pytest.raises(MalformedMessageError, match="could not be read"):
        decode_reports(text)


@pytest.mark.parametrize(
    ("decode", "most"), [(decode_reports, MAX_MESSAGE_BYTES), (decode_orders, MAX_ORDER_BYTES)]
)
def test_l14_a_message_that_is_too_large_is_not_even_read(decode, most: int):
    with pytest.raises(MalformedMessageError, match="at most"):
        decode(b" " * (most + 1))
    assert decode(b"[]" + b" " * (most - 2)) == []


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=200))
@example('[{"type":"log","level":"\udcff","text":""}]')
def test_no_bytes_do_more_than_be_refused(text: bytes | str):
    for decode in (decode_reports, decode_orders):
        try:
            decode(text)
        except MalformedMessageError as error:
            str(error).encode()


@settings(max_examples=200)
@given(reports, st.data())
def test_a_damaged_message_is_read_or_refused(report, data):
    text = bytearray(encode_reports([report]))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedMessageError):
        assert isinstance(decode_reports(bytes(text)), list)
