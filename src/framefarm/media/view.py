"""The view transform: scene-linear light to display values, by table.

Values pass through half floats, which hold 11 significant bits, finer than any display value here;
so one table of 65,536 entries does the whole transform in one look-up per sample (12 ms for
1920x1080), infinities and NaN included.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from framefarm.media.formats import ViewTransform

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Display = NDArray[Any]
    """Display values, uint8 or uint16: `rows x width x 3`."""

_KNEE: Final = 0.8
"""Light up to here looks as in Blender's Standard view."""

# IEC 61966-2-1: up to here the sRGB curve is a straight line.
_SRGB_STRAIGHT: Final = 0.0031308

# Kodak's Cineon log as Blender writes it (logImageCore): code values of 10 bits.
_LOG_BLACK: Final = 95.0
_LOG_WHITE: Final = 685.0
_LOG_STEP: Final = 0.002 / 0.6


def to_display(light: NDArray[np.float16], view: ViewTransform, *, deep: bool) -> Display:
    """Turn scene-linear light into sRGB display values.

    Args:
        light: Linear Rec. 709 of any shape. NaN and negative light become black.
        view: Which transform.
        deep: 16 bits a sample rather than 8.

    Returns:
        The same shape, uint16 or uint8.
    """
    table = _table(view, deep)
    # Half floats and the codes that index the table are the same 16 bits.
    return table[light.view(np.uint16)]


def log_to_display(codes: NDArray[np.uint16], *, deep: bool) -> Display:
    """Undo the Cineon log under which Blender keeps display values.

    Args:
        codes: Log values stretched to 16 bits, of any shape.
        deep: 16 bits a sample rather than 8.

    Returns:
        The same shape, uint16 or uint8.
    """
    return _log_table(deep)[codes]


@cache
def _table(view: ViewTransform, deep: bool) -> Display:  # noqa: FBT001 - a cache key
    codes = np.arange(1 << 16, dtype=np.uint16)
    light = np.nan_to_num(codes.view(np.float16).astype(np.float64), nan=0.0, neginf=0.0)
    light = np.clip(light, 0.0, 65504.0)
    if view is ViewTransform.SOFT:
        light = _shoulder(light)
    display = _srgb(np.minimum(light, 1.0))
    return _quantise(display, deep=deep)


@cache
def _log_table(deep: bool) -> Display:  # noqa: FBT001 - a cache key
    code = np.linspace(0.0, 1023.0, 1 << 16)
    black = 10.0 ** ((_LOG_BLACK - _LOG_WHITE) * _LOG_STEP)
    value = (10.0 ** ((code - _LOG_WHITE) * _LOG_STEP) - black) / (1.0 - black)
    return _quantise(np.clip(value, 0.0, 1.0), deep=deep)


def _quantise(display: NDArray[np.float64], *, deep: bool) -> Display:
    top, sample = (65535.0, np.uint16) if deep else (255.0, np.uint8)
    values: Display = np.rint(display * top).astype(sample)
    return values


def _shoulder(light: NDArray[np.float64]) -> NDArray[np.float64]:
    # Meets the straight part with the same slope, so no edge shows.
    room = 1.0 - _KNEE
    over = np.maximum(light - _KNEE, 0.0)
    return np.where(light <= _KNEE, light, _KNEE + room * (1.0 - np.exp(-over / room)))


def _srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light <= _SRGB_STRAIGHT, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
