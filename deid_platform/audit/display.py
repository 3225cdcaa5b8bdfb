"""From stored values of any depth to 8-bit grey images in which burned-in text can be read.

Text may be drawn far above the anatomy, inside the display window only, or in one colour channel only; no single
image shows it in all cases, so each frame is shown in several ways and duplicates are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from deid_platform.pixels.layout import Layout, value_of

Grey = NDArray[np.uint8]
"""An image to be read, shape (rows, columns), bright is bright."""

_PERCENTILES = (0.5, 99.5)
# Enough samples for a percentile that only steers brightness; spares sorting a large frame.
_SAMPLED = 2**20
_BLOCK = 2**20
# Two ranges that differ by less than this share of their width show the same text.
_SAME_RANGE = 0.15
# ITU-R BT.601, as in PS3.3 C.7.6.3.1.2.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class View:
    """How a file wants its stored values shown: display windows as (lowest, highest) stored value, and polarity."""

    windows: tuple[tuple[float, float], ...] = ()
    inverted: bool = False


def view_of(layout: Layout) -> View:
    """The view a header asks for; a window that makes no sense is left out. Source: PS3.3 C.11.2, C.11.1."""
    header = layout.header
    slope = _numbers(header, "RescaleSlope") or [1.0]
    intercept = _numbers(header, "RescaleIntercept") or [0.0]
    windows = []
    for center, width in zip(_numbers(header, "WindowCenter"), _numbers(header, "WindowWidth"), strict=False):
        if width > 0 and slope[0] != 0:
            ends = ((center + side * width / 2 - intercept[0]) / slope[0] for side in (-1, 1))
            lowest, highest = sorted(ends)
            windows.append((lowest, highest))
    return View(tuple(windows), layout.photometric == "MONOCHROME1")


def _numbers(header: Dataset, keyword: str) -> list[float]:
    """The finite numbers of an element, none if it is absent or holds anything else."""
    value = value_of(header, keyword)
    try:
        numbers = [float(number) for number in np.atleast_1d([] if value is None else value)]
    except (TypeError, ValueError, OverflowError):
        return []
    return numbers if np.all(np.isfinite(numbers)) else []


def grey_images(samples: NDArray[Any], view: View) -> list[Grey]:
    """The ways to show one frame, the most telling first; empty when the frame is one flat area.

    Parameters
    ----------
    samples
        Stored values, shape (rows, columns), or RGB, shape (rows, columns, 3); any integer or floating type.
    view
        What the file asks for; windows apply to stored values of one sample only.
    """
    if samples.ndim == 3:
        planes = [_luma(samples), samples.max(axis=2), samples.min(axis=2)]
        images = [_shown(plane, ends, inverted=False) for plane in planes for ends in _ranges(plane, ())[:1]]
    else:
        images = [_shown(samples, ends, view.inverted) for ends in _ranges(samples, view.windows)]
    return list(_distinct(images))


def _luma(colours: NDArray[Any]) -> NDArray[Any]:
    weighted = (colours[:, :, channel] * np.float32(weight) for channel, weight in enumerate(_LUMA))
    return np.asarray(np.rint(sum(weighted)), colours.dtype)


def _ranges(samples: NDArray[Any], windows: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Ranges of values to spread over black to white: all of them, nearly all of them, and the windows."""
    finite = samples if samples.dtype.kind in "iu" else samples[np.isfinite(samples)]
    if finite.size == 0:
        return []
    stride = max(1, finite.size // _SAMPLED)
    full = (float(finite.min()), float(finite.max()))
    robust = np.percentile(finite.reshape(-1)[::stride], _PERCENTILES)
    ranges: list[tuple[float, float]] = []
    for low, high in (full, (float(robust[0]), float(robust[1])), *windows):
        shown = (max(low, full[0]), min(high, full[1]))
        if shown[0] < shown[1] and not any(_alike(shown, other) for other in ranges):
            ranges.append(shown)
    return ranges


def _alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    width = min(one[1] - one[0], other[1] - other[0])
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) < _SAME_RANGE * width


def _shown(samples: NDArray[Any], ends: tuple[float, float], inverted: bool) -> Grey:
    """Spread the values between ``ends`` over black to white, some rows at a time to spare memory."""
    # Halved, because the width of a range of floating-point numbers may exceed what they can hold.
    low, high = ends[0] / 2, ends[1] / 2
    image = np.empty(samples.shape, np.uint8)
    rows = max(1, _BLOCK // samples.shape[1])
    for start in range(0, len(samples), rows):
        half = np.nan_to_num(samples[start : start + rows].astype(np.float64), nan=ends[0]) / 2
        block = np.rint((np.clip(half, low, high) - low) * (255 / (high - low)))
        image[start : start + rows] = 255 - block if inverted else block
    return image


def _distinct(images: list[Grey]) -> Iterator[Grey]:
    kept: list[Grey] = []
    for image in images:
        if not any(np.array_equal(image, other) for other in kept):
            kept.append(image)
            yield image
