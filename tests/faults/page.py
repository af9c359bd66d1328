"""The page that tells what a campaign found: docs/reliability.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.reporting import machine
from framefarm.farm.settings import ManagerSettings

Line = Mapping[str, Any]

_DEATH_S, _KNOWN_S, _SERVING_S, _DELIVERED_S = 35.0, 3.0, 5.0, 5.0

_INTRO = """\
# Reliability

<!-- Written by `make faults`, from what it measured; run it again rather than edit this page. -->

What became of {injections} faults that were made on purpose in farms of real processes: `framefarm
serve`, three `framefarm worker`, real sockets, a real SQLite file, the product's own settings
(leases of {lease_s:g} s), a stand-in renderer of 0.2 to 1 s in a process of its own. Each fault
strikes a job at work, at a random moment or byte. Then the job has to end by itself, every
invariant of [Leases](explanation/leases.md) has to hold, and every unit must have one result, which
is its own picture, read back from the disk and hashed. The program is `tests/faults`.

Measured on {cpu}, {cores} cores, {memory_gib} GiB, {system}, Python {python}, SQLite {sqlite},
FrameFarm {framefarm}, {date}: `make faults KILLS={kills} OTHERS={others} SEED={seed}`.
{farms} farms worked at a time, and one with small disks, of which one at a time was starting; they
and all else on the machine kept {load} cores busy.
"""


def reliability_page(
    lines: Sequence[Line], *, asked: Mapping[str, Any], left_out: Sequence[str]
) -> str:
    """The page.

    Args:
        lines: What `campaign.Results` holds.
        asked: How the campaign was started.
        left_out: Why some faults could not be made.
    """
    intro = _INTRO.format(
        injections=len(lines),
        lease_s=ManagerSettings.lease_s,
        date=datetime.now(UTC).date().isoformat(),
        load=_load(lines),
        **asked,
        **machine(),
    )
    told = [f"{asked['note']}\n"] if asked["note"] else []
    parts = [intro, *told, _promises(lines), "## Kills\n", _table(lines, "kills", "alone")]
    parts += ["## Everything else\n", _table(lines, "others"), _explained(), _wrong(lines)]
    parts += [f"Not made here: {why}.\n" for why in left_out]
    return "\n".join(part for part in parts if part)


def _promises(lines: Sequence[Line]) -> str:
    judged = [line for line in lines if "units" in line]
    again = [line for line in judged if line["recovery_s"] is not None]
    dead = _values(_silent(again), lambda line: line["recovery_s"])
    known = _values((line for line in again if line["known"]), lambda line: line["recovery_s"])
    serving = _values(judged, lambda line: line["serving_s"], "alone")
    beside = _values(judged, lambda line: line["serving_s"], "kills")
    delivered = _values(judged, lambda line: line["delivered_s"])
    most = max((line["again"] / max(1, line["allowed"]) for line in judged), default=0)
    units = sum(line["units"] for line in judged)
    rows = [
        ("units lost", "0", f"{sum(line['lost'] for line in judged)} of {units:,}"),
        ("units counted twice", "0", f"{sum(line['twice'] for line in judged)}"),
        ("renders that one fault cost, at most", "1", f"{most:g}"),
        ("leases that expired though renewals were possible", "0", f"{_sum(judged, 'expired')}"),
        (
            "invariants broken, pictures of another unit",
            "0",
            f"{sum(len(line['broken']) for line in judged)}",
        ),
        ("jobs that did not end by themselves", "0", f"{_unended(lines)}"),
        ("a silent dead worker's units in work again, p95", f"<= {_DEATH_S:g} s", _p95(dead)),
        ("the same when the death is known, p95", f"<= {_KNOWN_S:g} s", _p95(known)),
        ("manager serving again, max", f"<= {_SERVING_S:g} s", _most(serving)),
        ("the same with other farms at work beside it, p95", "", _p95(beside)),
        (
            "what was rendered while it was away delivered after its return, max",
            f"<= {_DELIVERED_S:g} s",
            _most(delivered),
        ),
    ]
    return _markdown(("what", "to hold", "found"), rows)


def _silent(lines: Iterable[Line]) -> Iterator[Line]:
    """Deaths that nobody told of, and that only the end of a lease showed."""
    for line in lines:
        if line["group"] == "kills" and not line["known"] and not line["by_tail"]:
            yield line


def _table(lines: Sequence[Line], *groups: str) -> str:
    names = list(dict.fromkeys(line["fault"] for line in lines if line["group"] in groups))
    head = ("fault", "injections", "units", "lost", "twice", "rendered again", "p50", "p95", "max")
    rows = [_row(name, [line for line in lines if line["fault"] == name]) for name in sorted(names)]
    return _markdown(head, rows)


def _row(name: str, lines: Sequence[Line]) -> tuple[str, ...]:
    judged = [line for line in lines if "units" in line]
    times = _values(judged, lambda line: line["serving_s"] or line["recovery_s"])
    sums = [f"{_sum(judged, key):,}" for key in ("units", "lost", "twice", "again")]
    return (name, str(len(lines)), *sums, *(_seconds(times, share) for share in (0.5, 0.95, 1.0)))


def _explained() -> str:
    return """\
The times, in seconds: where a manager was killed, from its death until it answered again, started
anew at once; where a worker was, from its death until all it held was in work again or done. A
death is known when the worker's next process, started at once, says hello: that includes its start.
Where other slots are idle, a silent worker's units are rendered a second time before their lease is
over (L11): such cases are not in the first table's figure, and only the jobs of workers killed or
stopped while they render keep all slots busy until then. A worker or renderer that dies costs the
render it was at, so one more render for each is to be expected; two where the fault is made of two,
as a renderer's death and the manager's when it is told. Second renders by L11 are not counted: they
are wanted.
"""


def _wrong(lines: Sequence[Line]) -> str:
    wrong = [line for line in lines if line["wrong"]]
    if not wrong:
        return ""
    told = [f"- {line['fault']} ({line['n']}): {'; '.join(line['wrong'])}" for line in wrong]
    return "\n".join(["## What went wrong\n", *told, ""])


def _load(lines: Sequence[Line]) -> str:
    """How busy the machine was, in words: from one injection's end to the next one's."""
    found = sorted(line["busy_cores"] for line in lines)
    return f"{_seconds(found, 0.5)} (p50), {_seconds(found, 0.95)} (p95)"


def _unended(lines: Sequence[Line]) -> int:
    return sum(line.get("state") != "done" for line in lines)


def _sum(lines: Iterable[Line], key: str) -> int:
    return sum(line[key] for line in lines)


def _values(
    lines: Iterable[Line], of: Callable[[Line], float | None], group: str | None = None
) -> list[float]:
    found = [of(line) for line in lines if group in (None, line["group"])]
    return sorted(value for value in found if value is not None)


def _p95(times: list[float]) -> str:
    return f"{_seconds(times, 0.95)} s of {len(times)}" if times else "not measured"


def _most(times: list[float]) -> str:
    return f"{_seconds(times, 1.0)} s of {len(times)}" if times else "not measured"


def _seconds(times: list[float], share: float) -> str:
    return f"{times[min(len(times) - 1, int(share * len(times)))]:.2f}" if times else ""


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
