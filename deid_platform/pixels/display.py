"""How a DICOM file wants its stored values to be shown, as its header says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from deid_platform.pixels.layout import Layout, value_of


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
