"""Native frames as arrays of the samples that are stored, and back: no colour is converted, no bit is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRBigEndian

from deid_platform.pixels.layout import Layout
from deid_platform.pixels.refusal import undecodable

SUBSAMPLED = "YBR_FULL_422"
"""Two neighbours share their chrominance: Y Y Cb Cr. Source: PS3.3 C.7.6.3.1.2."""


def swapped(layout: Layout) -> bool:
    """Whether bytes change places in pairs: 8-bit samples in big-endian words. Source: PS3.5 8.2."""
    return _big(layout) and layout.vr == "OW" and layout.bits_allocated == 8


def unpacked(data: bytes, layout: Layout) -> NDArray[Any]:
    """The samples of one frame, shape (rows, columns) or (rows, columns, 3); writable.

    ``data`` are the bytes of the frame in their order, or the bits of a bit-packed one as one byte each. Chrominance
    that two pixels share is given to both.

    Raises
    ------
    UnsafeToRelease
        Neighbours share their chrominance, but a row has an odd number of pixels.
    """
    samples = np.frombuffer(data, _dtype(layout))
    rows, columns = layout.rows, layout.columns
    if layout.samples == 1:
        return samples.reshape(rows, columns).copy()
    if layout.photometric == SUBSAMPLED:
        if columns % 2:
            raise undecodable("subsampled colours need an even number of columns")
        pairs = samples.reshape(rows, columns // 2, 4)
        luminance = pairs[:, :, :2].reshape(rows, columns, 1)
        return np.concatenate((luminance, pairs[:, :, 2:].repeat(2, axis=1)), axis=2)
    if layout.planar:
        return samples.reshape(3, rows, columns).transpose(1, 2, 0).copy()
    return samples.reshape(rows, columns, 3).copy()


def packed(samples: NDArray[Any], layout: Layout) -> bytes:
    """The bytes of one frame again; of two pixels that share their chrominance the first one gives it."""
    if layout.photometric == SUBSAMPLED and layout.samples == 3:
        pairs = samples[:, :, 0].reshape(layout.rows, -1, 2)
        samples = np.concatenate((pairs, samples[:, ::2, 1:]), axis=2)
    elif layout.planar and layout.samples == 3:
        samples = samples.transpose(2, 0, 1)
    return samples.astype(_dtype(layout), copy=False).tobytes()


def _dtype(layout: Layout) -> np.dtype[Any]:
    kind = "f" if layout.keyword != "PixelData" else "i" if layout.signed else "u"
    return np.dtype(f"{'>' if _big(layout) else '<'}{kind}{max(layout.bits_allocated // 8, 1)}")


def _big(layout: Layout) -> bool:
    return layout.transfer_syntax == ExplicitVRBigEndian
