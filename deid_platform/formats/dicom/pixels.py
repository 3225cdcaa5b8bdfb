"""Pixel elements: what hides in and around their values is taken out while they are copied."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from typing import BinaryIO

from deid_platform.dictionary import tag_text
from deid_platform.formats.dicom.elements import PIXEL_TAGS, DataSet, Element, Encoding, Extent
from deid_platform.formats.dicom.fragments import Encapsulated
from deid_platform.formats.dicom.unused_bits import Cells, Native, cleaned_cells
from deid_platform.model import Change

ROWS, COLUMNS, SAMPLES, PHOTOMETRIC, FRAMES = 0x00280010, 0x00280011, 0x00280002, 0x00280004, 0x00280008
ALLOCATED, STORED, HIGH, SIGNED, PADDING = 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280120
OFFSETS, LENGTHS = 0x7FE00001, 0x7FE00002
PIXEL_DATA = 0x7FE00010
MAX_TAIL = 4096
"""Bytes behind the last frame that are cut off. More may be a frame too many, which a person has to look at."""
_FLOAT_BITS = {0x7FE00008: 32, 0x7FE00009: 64}
_RULES = {
    "codestream": "no comments, application data or bytes behind the image in compressed frames",
    "offset table": "offset tables list the frames or are left out",
    "unused bits": "no bits outside Bits Stored",
    "tail": "nothing behind the last frame",
}


@dataclass(slots=True)
class PixelCleaner:
    """Cleans the pixel element of one item. What was found is known once the item is written."""

    syntax: str
    encoding: Encoding
    file: BinaryIO
    found: Counter[str] = field(default_factory=Counter)

    def clean(self, data: DataSet) -> None:
        """Prepare the pixel element of ``data``, if there is one, so that writing it leaves out what is no pixel.

        Raises
        ------
        MalformedFile
            Extended offset tables belong to fragments that are none.
        """
        for tag in PIXEL_TAGS & data.keys():
            element = data[tag]
            if isinstance(element.value, Extent) and element.value.fragments:
                element.value = self._encapsulated(data, element.value)
            elif not isinstance(element.value, list):
                self._native(data, element, element.value)
        if OFFSETS in data or LENGTHS in data:
            self._extended_tables(data)

    def recorded(self) -> tuple[Change, ...]:
        """What was done, sorted."""
        target = tag_text(PIXEL_DATA)
        return tuple(sorted(Change(target, "C", _RULES[name], count) for name, count in self.found.items() if count))

    def _number(self, data: DataSet, tag: int, default: int = 0) -> int:
        """A whole number, the default where there is none."""
        element = data.get(tag)
        if element is None or not isinstance(element.value, bytes) or not element.value:
            return default
        if element.vr == "IS":
            text = element.value.decode("latin-1").strip(" \0")
            return int(text) if text.isascii() and text.isdigit() else default
        return int.from_bytes(element.value[:2], "little" if self.encoding.little else "big")

    def _encapsulated(self, data: DataSet, value: Extent) -> Encapsulated:
        cells = self._number(data, ROWS) * self._number(data, COLUMNS)
        plane = -(-cells // 8) if self._number(data, ALLOCATED) == 1 else cells
        frames = self._number(data, FRAMES, 1)
        return Encapsulated(
            value.offset, value.length, True, syntax=self.syntax, frames=frames, plane=plane, found=self.found
        )

    def _native(self, data: DataSet, element: Element, value: bytes | Extent) -> None:
        length = value.length if isinstance(value, Extent) else len(value)
        frames = self._number(data, FRAMES, 1)
        bits = self._frame_bits(data, element.tag) * frames
        expected = -(-bits // 8)
        tail = length - expected
        if not bits or not 0 <= tail <= MAX_TAIL or (tail > 1 and tail * frames >= expected):
            return  # the pixel stage refuses what declares another size
        if expected % 2 and element.vr == "OW" and not self.encoding.little:
            return  # the last pixel is in the last byte, as words are swapped
        self.found["tail"] += tail > 1
        last = (1 << bits % 8) - 1 if bits % 8 else 0xFF
        cells = self._cells(data, element.tag)
        if isinstance(value, Extent):
            element.value = Native(value.offset, expected, cells=cells, found=self.found, last=last)
        else:
            element.value = cleaned_cells(value[:expected], cells, last)
            self.found["unused bits"] += element.value != value[:expected]

    def _frame_bits(self, data: DataSet, tag: int) -> int:
        """Bits of one frame (PS3.5 8.1.1, PS3.3 C.7.6.3.1.2)."""
        samples = self._number(data, SAMPLES, 1)
        allocated = _FLOAT_BITS.get(tag) or self._number(data, ALLOCATED)
        bits = self._number(data, ROWS) * self._number(data, COLUMNS) * samples * allocated
        photometric = data.get(PHOTOMETRIC)
        name = photometric.value if photometric is not None else b""
        return bits // 3 * 2 if isinstance(name, bytes) and name.strip(b" \0") == b"YBR_FULL_422" else bits

    def _cells(self, data: DataSet, tag: int) -> Cells:
        if tag in _FLOAT_BITS:
            return Cells(_FLOAT_BITS[tag], _FLOAT_BITS[tag], _FLOAT_BITS[tag] - 1, False, self.encoding.little)
        stored = self._number(data, STORED)
        return Cells(
            allocated=self._number(data, ALLOCATED),
            stored=stored,
            high=self._number(data, HIGH, stored - 1),
            signed=self._number(data, SIGNED) == 1,
            little=self.encoding.little,
            padding=self._number(data, PADDING) if PADDING in data else None,
        )

    def _extended_tables(self, data: DataSet) -> None:
        """Keep the Extended Offset Table and its lengths if they are true (PS3.3 C.7.6.3.1.8), else leave both out."""
        pixels = data.get(PIXEL_DATA)
        true = False
        if pixels is not None and isinstance(pixels.value, Encapsulated) and OFFSETS in data and LENGTHS in data:
            with mmap(self.file.fileno(), 0, access=ACCESS_READ) as buffer:
                true = pixels.value.lists(buffer, *(_bytes_of(data[tag].value, buffer) for tag in (OFFSETS, LENGTHS)))
        if not true:
            self.found["offset table"] += 1
            for tag in (OFFSETS, LENGTHS):
                data.pop(tag, None)


def _bytes_of(value: bytes | Extent | list[DataSet], buffer: mmap) -> bytes:
    if isinstance(value, Extent):
        return buffer[value.offset : value.offset + value.length]
    return value if isinstance(value, bytes) else b""
