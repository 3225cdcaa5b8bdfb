"""Overlay planes of a DICOM file as pictures (PS3.3 C.9.2), for whoever has to look whether they show text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.pixels.layout import quiet
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.refusal import undecodable

_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _TYPE, _DATA = 0x10, 0x11, 0x15, 0x40, 0x3000
_TAGS = [group << 16 | number for group in _GROUPS for number in (_ROWS, _COLUMNS, _FRAMES, _TYPE, _DATA)]


@dataclass(frozen=True, slots=True)
class Overlay:
    """A region of interest: its group, and its size; ``swapped`` words are in big-endian order."""

    group: int
    rows: int
    columns: int
    frames: int
    swapped: bool

    @property
    def tag(self) -> int:
        """Where the bitmap stands."""
        return self.group << 16 | _DATA

    def pictures(self, data: bytes) -> NDArray[np.uint8]:
        """The bits of a bitmap, shape (frames, rows, columns).

        Raises
        ------
        UnsafeToRelease
            The bitmap is not as large as the overlay says.
        """
        cells = self.rows * self.columns * self.frames
        if self.rows < 1 or self.columns < 1 or self.frames < 1 or len(data) != (cells + 7) // 8 + (cells + 7) // 8 % 2:
            raise undecodable("an overlay is not as large as it says")
        ordered = np.frombuffer(_exchanged(data) if self.swapped else data, np.uint8)
        return np.unpackbits(ordered, count=cells, bitorder="little").reshape(self.frames, self.rows, self.columns)

    def masked(self, data: bytes, masks: Sequence[Mask | None]) -> bytes:
        """A bitmap without the bits that are masked in its pictures."""
        pictures = self.pictures(data)
        for picture, mask in zip(pictures, masks, strict=True):
            if mask:
                picture[mask.pixels()] = 0
        packed = np.packbits(pictures.reshape(-1), bitorder="little").tobytes()
        packed += bytes(len(packed) % 2)
        return _exchanged(packed) if self.swapped else packed


def _exchanged(data: bytes) -> bytes:
    """Words in the other byte order; OW is in that of its file, and the first pixel is in its lowest bit."""
    return np.frombuffer(data, ">u2").astype("<u2").tobytes()


def overlay_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Every frame of every region of interest, shape (rows, columns), white on black.

    No other overlay is left in a cleaned object.

    Raises
    ------
    UnsafeToRelease
        An overlay is not as large as it says.
    """
    for overlay, header in _found(path):
        yield from overlay.pictures(bytes(header[overlay.tag].value)) * np.uint8(255)


def overlays_of(path: Path) -> list[Overlay]:
    """The regions of interest in the order of :func:`overlay_frames`."""
    return [overlay for overlay, _ in _found(path)]


def _found(path: Path) -> Iterator[tuple[Overlay, Dataset]]:
    with quiet():
        header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=_TAGS)
        for group in _GROUPS:
            if (group, _DATA) in header and (group, _TYPE) in header and header[group, _TYPE].value == "R":
                rows, columns = (_number(header, group, tag, 0) for tag in (_ROWS, _COLUMNS))
                swapped = header[group, _DATA].VR == "OW" and not header.original_encoding[1]
                yield Overlay(group, rows, columns, _number(header, group, _FRAMES, 1), swapped), header


def _number(header: Dataset, group: int, tag: int, default: int) -> int:
    return int(header[group, tag].value) if (group, tag) in header else default
