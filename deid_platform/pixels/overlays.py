"""Overlay planes of a DICOM file as pictures (PS3.3 C.9.2), for whoever has to look whether they show text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.pixels.layout import quiet
from deid_platform.pixels.refusal import undecodable

_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _TYPE, _DATA = 0x10, 0x11, 0x15, 0x40, 0x3000
_TAGS = [group << 16 | number for group in _GROUPS for number in (_ROWS, _COLUMNS, _FRAMES, _TYPE, _DATA)]


def overlay_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Every frame of every region of interest, shape (rows, columns), white on black.

    No other overlay is left in a cleaned object.

    Raises
    ------
    UnsafeToRelease
        An overlay is not as large as it says.
    """
    with quiet():
        header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=_TAGS)
        for group in _GROUPS:
            if (group, _DATA) in header and (group, _TYPE) in header and header[group, _TYPE].value == "R":
                yield from _frames(header, group)


def _frames(header: Dataset, group: int) -> Iterator[NDArray[np.uint8]]:
    rows, columns = (int(header[group, tag].value) if (group, tag) in header else 0 for tag in (_ROWS, _COLUMNS))
    count = int(header[group, _FRAMES].value) if (group, _FRAMES) in header else 1
    data = _bytes(header, group)
    cells = rows * columns
    if cells < 1 or count < 1 or len(data) != (cells * count + 7) // 8 + (cells * count + 7) // 8 % 2:
        raise undecodable("an overlay is not as large as it says")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    for number in range(count):
        yield bits[number * cells : (number + 1) * cells].reshape(rows, columns) * np.uint8(255)


def _bytes(header: Dataset, group: int) -> bytes:
    """The bitmap with the first pixel in the lowest bit of the first byte; OW is in the byte order of its file."""
    element = header[group, _DATA]
    data = bytes(element.value)
    big = not header.original_encoding[1]
    return np.frombuffer(data, ">u2").astype("<u2").tobytes() if element.VR == "OW" and big else data
