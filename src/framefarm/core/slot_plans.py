"""Which slots a worker has, as `--slots` says it: `2`, `cpu`, `cpu*2`, `gpu:0,gpu:1`, `gpu:0,cpu`.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from framefarm.core.errors import FrameFarmError

MAX_SLOTS = 256
CPU = "CPU"

_NUMBER = re.compile(r"\d{1,4}")
_CPU = re.compile(r"cpu(?:\*(\d{1,4}))?")
_GPU = re.compile(r"gpu:(\d{1,3})")


class SlotsError(FrameFarmError):
    """What slots are asked for makes no sense.

    Attributes:
        text: As it was given.
    """

    code = "slots"

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(
            f'Slots "{text[:80]}": {reason}; write it like 2, cpu, cpu*2, gpu:0 or gpu:0,gpu:1,cpu'
        )
        self.text = text


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """A rendering slot.

    Attributes:
        name: In the protocol: `cpu`, `cpu-2`, `gpu:0`.
        device: `CPU`, or `GPU:` and a number.
    """

    name: str
    device: str = CPU

    @property
    def gpu(self) -> int | None:
        """The number of its GPU; None for the processor."""
        return int(self.device.removeprefix("GPU:")) if self.device != CPU else None


def plan_slots(text: str) -> tuple[SlotPlan, ...]:
    """Read `--slots`. GPU slots come first: they are the ones worth most.

    Raises:
        SlotsError: It is none of the forms above, names a GPU twice, or asks for too many.
    """
    gpus: list[int] = []
    processors = 0
    for item in text.split(","):
        word = item.strip().lower()
        if match := _GPU.fullmatch(word):
            gpus.append(int(match[1]))
        elif match := _CPU.fullmatch(word):
            processors += int(match[1] or 1)
        elif _NUMBER.fullmatch(word):
            processors += int(word)
        else:
            raise SlotsError(text, _complaint(word))
    _check(text, gpus, processors)
    plans = [SlotPlan(f"gpu:{gpu}", f"GPU:{gpu}") for gpu in sorted(gpus)]
    return (*plans, *(SlotPlan(_cpu_name(n)) for n in range(1, processors + 1)))


def _complaint(word: str) -> str:
    if word.startswith("gpu") and "*" in word:
        return f"a GPU renders one frame at a time, so {word!r} is no slot"
    if word == "gpu":
        return "which GPU is missing"
    return f"{word!r} is no slot" if word else "a slot is missing"


def _check(text: str, gpus: list[int], processors: int) -> None:
    twice = next((gpu for gpu in gpus if gpus.count(gpu) > 1), None)
    if twice is not None:
        raise SlotsError(text, f"gpu:{twice} is named twice; a GPU renders one frame at a time")
    if not 1 <= len(gpus) + processors <= MAX_SLOTS:
        raise SlotsError(text, f"a worker has 1 to {MAX_SLOTS} slots")


def _cpu_name(number: int) -> str:
    return "cpu" if number == 1 else f"cpu-{number}"
