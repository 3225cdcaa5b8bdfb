"""Siemens mosaics: slices side by side in one frame, of which the header gives one place alone.

A mosaic of N slices is a square of ceil(sqrt(N)) tiles a side, filled row by row. Image Position (Patient) is where the
first pixel would lie if the whole frame were one slice around the middle of the first, so that the first tile begins
half of what the frame is larger than it further in. Which way the slices run only the maker's own headers tell: where
the first and the last slice of the protocol lie, and the normal of the slices. Source: these headers of 27 mosaics of
scanners from VB17 to VE11; nibabel's MosaicWrapper and dcm2niix follow the same rules.

What is not told, or told in two ways, makes a mosaic that cannot be unfolded.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from deid_platform.formats.dicom.csa import read_csa
from deid_platform.formats.dicom.elements import DataSet, Element
from deid_platform.formats.dicom.source import Source
from deid_platform.formats.dicom.vendor import read_value

_SIEMENS, _UIH = "SIEMENS MR HEADER", "Image Private Header"
_SPACING = 0x00180088
_LEAST, _MOST = 2, 1024
_NEAR = 0.25  # of the distance of slices, by which a slice may lie off the one of the protocol
_SAME = 0.02  # by which two values of the distance of slices may differ
_PARALLEL = 0.999
_AXES = ("dSag", "dCor", "dTra")
_NUMBER = r"[ \t]*=[ \t]*([-+0-9.eE]{1,40})"
_SIZE = re.compile(r"^sSliceArray\.lSize" + _NUMBER, re.MULTILINE)
_POSITION = re.compile(
    r"^sSliceArray\.asSlice\[(\d{1,4})\]\.sPosition\.(dSag|dCor|dTra)" + _NUMBER, re.MULTILINE
)  # fmt: skip

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tiles:
    """How a mosaic is unfolded: ``count`` slices, ``side`` tiles a side, ``spacing`` mm from slice to slice.

    The spacing is negative where slices run against the cross product of row and column direction.
    """

    count: int
    side: int
    spacing: float


@dataclass(slots=True)
class _Told:
    """What the maker's headers say: numbers of slices, normals, first slice in the protocol, places by slice (LPS)."""

    counts: set[int] = field(default_factory=set)
    normals: list[Vector] = field(default_factory=list)
    firsts: set[int] = field(default_factory=set)
    places: dict[int, Vector] = field(default_factory=dict)


def is_mosaic(data: DataSet, *, little: bool) -> bool:
    """Whether the maker's own element counts several slices in the frame, whatever Image Type says."""
    return any(count > 1 for count in _counted(data, little=little))


def tiles_of(opened: Source, place: NDArray[np.float64], rows: int, columns: int) -> Tiles | None:
    """How a mosaic is unfolded; None unless that is sure.

    Parameters
    ----------
    place
        Shape (3, 3), LPS mm: where the first pixel would lie, and the steps to the next row and column.
    """
    told = _told(opened)
    if len(told.counts) != 1:
        return None
    (count,) = told.counts
    side = math.ceil(math.sqrt(count))
    if not _LEAST <= count <= _MOST or rows % side or columns % side:
        return None
    normal = np.cross(place[2], place[1])
    normal /= np.linalg.norm(normal)
    middle = place[0] + (rows - 1) / 2 * place[1] + (columns - 1) / 2 * place[2]
    way = _way(told, count, normal, middle)
    spacing = _spacing(opened.data, told, count, normal)
    return Tiles(count, side, spacing * way) if spacing and way else None


def unfolded(tiles: Tiles, place: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Where the slices of a mosaic lie: shape (slices, 3, 3), like ``place`` of the frame (of any orientation)."""
    normal = np.cross(place[2], place[1])
    normal /= np.linalg.norm(normal)
    height, width = rows // tiles.side, columns // tiles.side
    first = place[0] + (rows - height) / 2 * place[1] + (columns - width) / 2 * place[2]
    origins = first + np.outer(np.arange(tiles.count) * tiles.spacing, normal)
    return np.stack([np.array([origin, place[1], place[2]]) for origin in origins])


def _way(told: _Told, count: int, normal: Vector, middle: Vector) -> int:
    """Which way slices run, 1 along the normal of the frame and -1 against it; 0 where that is not sure."""
    by_normal = _from_normal(told, normal)
    if not {0, count - 1} <= told.places.keys():
        return by_normal
    by_places = _from_places(told, count, normal, middle)
    return by_places if by_normal in (0, by_places) else 0


def _from_places(told: _Told, count: int, normal: Vector, middle: Vector) -> int:
    """Which way slices run, by where the first tile lies between the ends of the protocol; 0 where it is at neither."""
    first, last, own = (float(normal @ one) for one in (told.places[0], told.places[count - 1], middle))
    near = abs(last - first) / (count - 1) * _NEAR
    if abs(own - first) < near:
        return 1 if last > first else -1
    if abs(own - last) < near:
        return -1 if last > first else 1
    return 0


def _from_normal(told: _Told, normal: Vector) -> int:
    """Which way slices run, by the normal of the slices; 0 where the frame does not begin with their first."""
    ways = {round(float(one @ normal)) if abs(one @ normal) > _PARALLEL else 0 for one in told.normals}
    return ways.pop() if len(ways) == 1 and told.firsts == {0} else 0


def _spacing(data: DataSet, told: _Told, count: int, normal: Vector) -> float:
    """Distance of slices in mm; 0 where it is not told, or told in two ways."""
    ways = [value for value in _floats(data.get(_SPACING)) if 0 < value < math.inf][:1]
    if {0, count - 1} <= told.places.keys():
        ways.append(abs(float(normal @ (told.places[count - 1] - told.places[0]))) / (count - 1))
    same = ways and max(ways) - min(ways) <= _SAME * max(ways)
    return ways[0] if same else 0.0


def _told(opened: Source) -> _Told:
    """What all headers of the maker say, as far as they are left."""
    told = _Told(set(_counted(opened.data, little=opened.encoding.little)))
    for tag, element in opened.data.items():
        if tag >> 16 == 0x0029 and tag & 0xFF in (0x10, 0x20) and tag & 0xFF00:
            _add_csa(told, element, opened.file)
    return told


def _add_csa(told: _Told, element: Element, file: BinaryIO | None) -> None:
    if isinstance(element.value, list):
        return
    try:
        elements = list(read_csa(read_value(element.value, file)))
    except (ValueError, struct.error):
        return
    for one in elements:
        texts = [item.split(b"\0", 1)[0].decode("latin-1").strip() for item in one.items]
        values = [text for text in texts if text]
        match one.name:
            case "NumberOfImagesInMosaic":
                told.counts |= {int(value) for value in _real(values[:1])}
            case "ProtocolSliceNumber":
                told.firsts |= {int(value) for value in _real(values[:1])}
            case "SliceNormalVector" if len(_real(values)) == 3:
                told.normals.append(np.array(_real(values)))
            case "MrPhoenixProtocol" | "MrProtocol":
                _add_protocol(told, "".join(values[:1]))


def _add_protocol(told: _Told, text: str) -> None:
    told.counts |= {int(value) for value in _real([match[1] for match in _SIZE.finditer(text)])}
    for match in _POSITION.finditer(text):
        for value in _real([match[3]]):
            # What is zero is left out there.
            told.places.setdefault(int(match[1]), np.zeros(3))[_AXES.index(match[2])] = value


def _counted(data: DataSet, *, little: bool) -> Iterator[int]:
    """The numbers of slices in elements of their own."""
    for group, creator, number in ((0x0019, _SIEMENS, 0x0A), (0x0065, _UIH, 0x50)):
        for block in range(0x10, 0x100):
            named = data.get(group << 16 | block)
            if named is None or not isinstance(named.value, bytes):
                continue
            element = data.get(group << 16 | block << 8 | number)
            if named.value.decode("latin-1").strip(" \0") == creator and element is not None:
                yield from _count(element, little=little)


def _count(element: Element, *, little: bool) -> Iterator[int]:
    """A number as two bytes, or as text."""
    value = element.value
    if isinstance(value, bytes) and len(value) == 2 and element.vr not in ("IS", "DS"):
        yield int.from_bytes(value, "little" if little else "big")
    else:
        yield from (int(number) for number in _floats(element))


def _floats(element: Element | None) -> list[float]:
    value = element.value if element is not None else b""
    return _real(value.decode("latin-1").strip(" \0").split("\\")) if isinstance(value, bytes) else []


def _real(texts: list[str]) -> list[float]:
    """The finite numbers among texts."""
    numbers = []
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            continue
        if math.isfinite(number) and abs(number) < 1e6:
            numbers.append(number)
    return numbers
