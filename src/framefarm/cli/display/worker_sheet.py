"""All that is known of one worker, as a page of text."""

from __future__ import annotations

from collections.abc import Iterator

from framefarm.cli.display import words
from framefarm.cli.display import worker_words as say
from framefarm.cli.display.sheets import Fact, facts_page, when
from framefarm.cli.tables import table, text_width
from framefarm.client.worker_views import GpuFacts, MachineFacts, WorkerDetails, WorkerSession

CLOCK_OFF_S = 5.0
"""A clock that is further off misleads whoever compares logs; nothing else depends on it."""


def worker_sheet(worker: WorkerDetails, *, width: int | None = None) -> str:
    """The page, without a line feed at its end."""
    width = width or text_width()
    parts = [
        facts_page(_now(worker), width),
        facts_page(_machine(worker.facts), width),
        facts_page(_farm(worker), width),
        _slots(worker, width),
        facts_page([*_history(worker)], width),
    ]
    return "\n\n".join([_title(worker), *(part for part in parts if part)])


def _title(worker: WorkerDetails) -> str:
    return f"{worker.name}  ({worker.id})"


def _now(worker: WorkerDetails) -> list[Fact]:
    state = say.state(worker)
    facts = [("state", f"{state}: {worker.reason}" if worker.reason else state)]
    if worker.session is not None:
        facts.append(("works for", _session(worker.session)))
    if worker.restarting:
        facts.append(("", "to be restarted"))
    if worker.answered is False:
        facts.append(("warning", "it did not answer within 2 s; load and memory may be old"))
    if abs(worker.clock_ahead_s) > CLOCK_OFF_S:
        facts.append(("warning", _clock(worker.clock_ahead_s)))
    return facts


def _session(session: WorkerSession) -> str:
    name = f" ({session.name})" if session.name else ""
    owner = f" of {session.owner}" if session.owner else ""
    return f"job {session.job}{name}{owner}, before all others"


def _clock(ahead_s: float) -> str:
    way = "ahead of" if ahead_s > 0 else "behind"
    return (
        f"its clock was {words.duration(abs(ahead_s))} {way} the manager's when it connected; "
        "set it by NTP, or times in its logs mislead"
    )


def _machine(facts: MachineFacts) -> list[Fact]:
    address = ", ".join(part for part in (facts.ip, facts.mac) if part)
    cores = words.plural(facts.cores, "core") if facts.cores else ""
    load = f"load {facts.load:.0%}".replace("%", " %") if facts.load is not None else ""
    heat = f"{facts.temperature_c:.0f} °C" if facts.temperature_c is not None else ""
    free = f", {words.memory(facts.memory_free_bytes)} free" if facts.memory_free_bytes else ""
    return [
        ("host", f"{facts.host} ({address})" if address else facts.host),
        ("system", facts.system),
        ("processor", ", ".join(part for part in (facts.cpu, cores, load, heat) if part)),
        ("memory", f"{words.memory(facts.memory_bytes)}{free}" if facts.memory_bytes else ""),
        ("disk", f"{words.size(facts.disk_free_bytes)} free" if facts.disk_free_bytes else ""),
        *(("GPU" if index == 0 else "", _gpu(gpu)) for index, gpu in enumerate(facts.gpus)),
        ("renders on", ", ".join(facts.devices)),
    ]


def _gpu(gpu: GpuFacts) -> str:
    memory = words.memory(gpu.memory_bytes) if gpu.memory_bytes else ""
    tried = {True: "works", False: "does not work", None: "not tried"}[gpu.works]
    return ", ".join(part for part in (gpu.name, memory, gpu.backend, tried) if part)


def _farm(worker: WorkerDetails) -> list[Fact]:
    blenders = {
        offer.get("full") or offer.get("version", "")
        for slot in worker.slots
        for offer in slot.get("blenders", ())
    }
    return [
        ("Blender", ", ".join(sorted(blenders)) or "none"),
        ("agent", f"FrameFarm {worker.agent_version}"),
        ("pool", worker.pool),
        ("tags", ", ".join(worker.tags)),
        ("first seen", when(worker.first_seen_at)),
        ("last seen", "now" if worker.connected else when(worker.last_seen_at)),
    ]


def _slots(worker: WorkerDetails, width: int) -> str:
    rows = [
        (
            slot.get("slot", ""),
            slot.get("device", "CPU"),
            str(slot.get("threads") or ""),
            words.memory(slot["memory_bytes"]) if slot.get("memory_bytes") else "",
            say.doing_of([one for one in worker.work if one.slot == slot.get("slot")]),
        )
        for slot in worker.slots
    ]
    if not rows:
        return ""
    heads = ("SLOT", "DEVICE", "THREADS", "MEMORY", "DOING")
    return table(heads, rows, flexible=4, right=(2, 3), width=width)


def _history(worker: WorkerDetails) -> Iterator[Fact]:
    history = worker.history
    told = f"{words.plural(history.done, 'unit')} done"
    if history.done:
        told += f" in {words.duration(history.seconds)}, last {when(history.last_done_at)}"
    yield "history", told
    if history.failed or history.lost:
        yield "", f"{history.failed:,} failed, {history.lost:,} lost"
    for one in worker.quarantines:
        what = f"{one.kind} with Blender {one.blender}" if one.blender else one.kind
        yield "quarantine", f"{what} until {when(one.until_at)}: {one.reason}"
