"""From stored values of any depth to the two pictures of a frame that the text detector looks at.

Text may be drawn far above the anatomy, far below it, or only where the display window is, so the detector sees two
views of the same pixels at once: one in which everything can be told from its neighbours, and one that is what people
see. Colours give two pairs, because text may differ from what it lies on in one channel only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.pixels.layout import Layout, value_of

Pair = NDArray[np.uint8]
"""Two views of one frame, shape (2, rows, columns), bright is bright."""

Plane = NDArray[np.uint8]
Range = tuple[float, float]

# Shorter and longer side of the smallest picture that holds a word of letters anybody can read.
_LEAST_SIDES = (8, 16)
# Shares of the values below and above what counts as the usual range.
_TAIL = 0.005
# Pixels looked at for it: it only steers brightness.
_SAMPLED = 2**16
# Values converted at a time, to spare memory.
_BLOCK = 2**18
# Grey levels of what is below, inside and above the usual range, for the view of everything.
_LEVELS = ((0, 31), (32, 223), (224, 255))
# A usual range of less than this share of all values is noise on a plain ground: it is not spread further.
_NARROWEST = 1 / 16
# Eight-bit pictures are shown as they are when their usual range spans so many of their 256 levels.
_WIDE = 96
# A display window is of use when it tells apart at least this share of the pixels.
_IN_WINDOW = 0.05
# How far outliers are followed when more than 16 bits are squeezed into 16, in widths of the usual range.
_REACH = 8
_LUMA = (77, 150, 29)
"""ITU-R BT.601 in 256ths, as in PS3.3 C.7.6.3.1.2."""


@dataclass(frozen=True, slots=True)
class Display:
    """How a file wants values of one sample shown: its first window as stored values, and polarity."""

    window: Range | None = None
    inverted: bool = False


def display_of(layout: Layout) -> Display:
    """What a header asks for; a window that makes no sense is none. Source: PS3.3 C.11.1, C.11.2, C.7.6.3.1.2."""
    keywords = ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept")
    center, width, slope, intercept = (_first_number(value_of(layout.header, keyword)) for keyword in keywords)
    inverted = layout.photometric == "MONOCHROME1"
    slope = 1.0 if slope is None else slope
    if center is None or width is None or width <= 0 or slope == 0:
        return Display(None, inverted)
    ends = sorted((center + side * width / 2 - (intercept or 0.0)) / slope for side in (-1, 1))
    return Display((ends[0], ends[1]) if all(map(isfinite, ends)) else None, inverted)


def _first_number(value: object) -> float | None:
    """The first of an element's values, if it is a finite number."""
    first = value[0] if isinstance(value, Sequence) and not isinstance(value, str) and value else value
    try:
        number = float(str(first))
    except ValueError:
        return None
    return number if isfinite(number) else None


def pairs(samples: NDArray[Any], display: Display) -> list[Pair]:
    """The pairs of views of one frame; none when the frame is one flat area, or too small to hold a word.

    Parameters
    ----------
    samples
        Stored values, shape (rows, columns), or RGB, shape (rows, columns, 3); any integer or floating type.
    display
        The window and polarity of stored values of one sample.
    """
    shorter, longer = sorted(samples.shape[:2])
    if shorter < _LEAST_SIDES[0] or longer < _LEAST_SIDES[1]:
        return []
    if samples.ndim == 3:
        return _colour_pairs(samples)
    values, window = _sixteen_bits(samples, display.window)
    if values is None:
        return []
    lowest, highest = int(values.min()), int(values.max())
    if lowest == highest:
        return []
    counts = _counts(values, lowest, highest)
    usual = _usual(counts)
    tables = np.stack([
        _everything(counts, usual, lowest, values.dtype.itemsize == 1),
        _ramp(len(counts), *(_window(counts, window, lowest) or usual)),
    ])
    if display.inverted:
        tables = 255 - tables
    return [_looked_up(tables, values, lowest)]


def _colour_pairs(colours: NDArray[Any]) -> list[Pair]:
    """Luma beside the greatest, and beside the least, of the three channels; once where there is no colour."""
    values, _ = _sixteen_bits(colours, None)
    if values is None or values.min() == values.max():
        return []
    eight = _eight_bits(values)
    red, green, blue = (eight[:, :, channel] for channel in range(3))
    greatest, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    if np.array_equal(greatest, least):
        return [np.stack([least, least])]
    luma = np.multiply(red, _LUMA[0], dtype=np.uint16)
    luma += np.multiply(green, _LUMA[1], dtype=np.uint16)
    luma += np.multiply(blue, _LUMA[2], dtype=np.uint16)
    grey = (luma >> 8).astype(np.uint8)
    return [np.stack([grey, greatest]), np.stack([grey, least])]


def _eight_bits(colours: NDArray[Any]) -> NDArray[np.uint8]:
    """All channels by one table: as they are where they use their eight bits, else spread."""
    lowest, highest = int(colours.min()), int(colours.max())
    counts = _counts(colours, lowest, highest)
    low, high = _usual(counts)
    if colours.dtype == np.uint8 and high - low >= _WIDE:
        return colours
    (spread,) = _looked_up(_ramp(len(counts), 0, len(counts) - 1)[np.newaxis], colours, lowest)
    return np.asarray(spread)


def _sixteen_bits(samples: NDArray[Any], window: Range | None) -> tuple[NDArray[Any] | None, Range | None]:
    """Values as integers of at most 16 bits, and the window moved with them; None where nothing is a number."""
    if samples.dtype.kind in "iub" and samples.dtype.itemsize <= 2:
        return np.ascontiguousarray(samples, samples.dtype.newbyteorder("=")), window
    finite = samples if samples.dtype.kind in "iu" else samples[np.isfinite(samples)]
    if finite.size == 0:
        return None, None
    # Halved, because the width of a range of floating-point numbers may exceed what they can hold.
    low, high = (end / 2 for end in _reach(finite.reshape(-1)))
    if low == high:
        return np.zeros(samples.shape, np.uint16), None
    scale = 65535 / (high - low)
    squeezed = np.empty(samples.shape, np.uint16)
    rows = max(1, _BLOCK * len(samples) // samples.size)
    for start in range(0, len(samples), rows):
        half = samples[start : start + rows] / 2
        np.nan_to_num(half, copy=False, nan=low)
        squeezed[start : start + rows] = (np.clip(half, low, high) - low) * scale
    moved = [(end / 2 - low) * scale for end in window or ()]
    return squeezed, (moved[0], moved[1]) if moved else None


def _reach(finite: NDArray[Any]) -> Range:
    """The range of all values, but for outliers very far from the usual ones."""
    lowest, highest = float(finite.min()), float(finite.max())
    sample = finite[:: finite.size // _SAMPLED | 1].astype(np.float64)
    low, high = np.quantile(sample, (_TAIL, 1 - _TAIL), method="nearest") / 2
    width = (high - low) * 2 * _REACH
    if not 0 < width < np.inf:
        return lowest, highest
    return max(lowest, 2 * low - width), min(highest, 2 * high + width)


def _counts(values: NDArray[Any], lowest: int, highest: int) -> NDArray[np.intp]:
    """How often each value from the lowest to the highest occurs, in a sample."""
    flat = values.reshape(-1)
    sample = flat[:: flat.size // _SAMPLED | 1].astype(np.int32) - lowest
    return np.bincount(sample, minlength=highest - lowest + 1)


def _usual(counts: NDArray[np.intp]) -> Range:
    """The range of values without the tails, as places in ``counts``; at least a sixteenth of them all."""
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, share * below[-1])) for share in (_TAIL, 1 - _TAIL))
    last = len(counts) - 1
    width = max(last * _NARROWEST, high - low)
    start = min(max((low + high - width) / 2, 0), last - width)
    return start, start + width


def _window(counts: NDArray[np.intp], window: Range | None, lowest: int) -> Range | None:
    """The display window, if enough of the pixels are neither black nor white under it."""
    if window is None:
        return None
    low, high = max(window[0] - lowest, 0.0), min(window[1] - lowest, len(counts) - 1.0)
    inside = counts[int(np.ceil(low)) : int(high) + 1].sum() if low < high else 0
    return (low, high) if inside >= _IN_WINDOW * counts.sum() else None


def _everything(counts: NDArray[np.intp], usual: Range, lowest: int, eight_bit: bool) -> Plane:
    """The table in which every value has its level: most for the usual ones, some for the tails."""
    last = len(counts) - 1
    if eight_bit and lowest >= 0 and usual[1] - usual[0] >= _WIDE:
        return np.arange(lowest, lowest + last + 1).astype(np.uint8)
    if usual[1] - usual[0] <= last * _NARROWEST * 1.01:
        return _ramp(len(counts), 0, last)
    table = _ramp(len(counts), *usual, *_LEVELS[1])
    low, high = int(np.ceil(usual[0])), int(usual[1])
    table[:low] = _ramp(low, 0, max(low - 1, 1), *_LEVELS[0])
    table[high + 1 :] = _ramp(last - high, 0, max(last - high - 1, 1), *_LEVELS[2])
    return table


def _ramp(length: int, low: float, high: float, darkest: int = 0, brightest: int = 255) -> Plane:
    """A table of ``length`` values that rises from darkest to brightest between two places."""
    high = max(high, low + 1)
    places = np.arange(length, dtype=np.float32)
    np.clip(places, low, high, out=places)
    places -= low
    places *= (brightest - darkest) / (high - low)
    places += darkest + 0.5
    return places.astype(np.uint8)


def _looked_up(tables: NDArray[np.uint8], values: NDArray[Any], lowest: int) -> NDArray[np.uint8]:
    """The values through each of the tables, which begin at the lowest value."""
    unsigned = values if values.dtype.itemsize == 2 else values.astype(np.int16)
    # Differences of 16-bit numbers fit 16 unsigned bits, whatever the sign.
    index = unsigned.view(np.uint16) - np.uint16(lowest & 0xFFFF)
    shown = np.empty((len(tables), *values.shape), np.uint8)
    for table, plane in zip(tables, shown, strict=True):
        np.take(table, index, out=plane, mode="clip")
    return shown
