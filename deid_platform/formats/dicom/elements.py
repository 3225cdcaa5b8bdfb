"""Data sets as trees of encoded elements (PS3.5 section 7): read from bytes without decoding any value.

Values stay as the bytes they were, large ones stay in the file (:class:`Extent`), Pixel Data is only measured. That
makes reading fast, memory small, and what needs no change comes out byte for byte. Whatever breaks the encoding ends
in :class:`~deid_platform.errors.MalformedFile`; nothing is guessed silently.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import mmap

from deid_platform.dictionary import private_vr, tag_text
from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom.vr import BINARY_VRS, LONG_VRS, SHORT_VRS, vr_of
from deid_platform.model import Reason

MAX_DEPTH = 64
"""Levels of nested sequences; real objects stay far below ten."""
BULK_BYTES = 1 << 16
"""Binary values longer than this stay in the file."""
MAX_TEXT_BYTES = 1 << 24
"""No text value of a real object comes near 16 MiB."""

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LAST_TAG = 0xFFFFFFFF
PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
CHARACTER_SET, ICC_PROFILE = 0x00080005, 0x00282000

_VRS = {vr.encode(): vr for vr in SHORT_VRS | LONG_VRS}
_SHORT_CODES = {vr.encode(): vr for vr in SHORT_VRS}
_DELIMITERS, _PIXELS = 0xFFFE, 0x7FE0
_SHORT_LITTLE, _SHORT_BIG = struct.Struct("<HH2sH").unpack_from, struct.Struct(">HH2sH").unpack_from
_LONG_LITTLE, _LONG_BIG = struct.Struct("<HHI").unpack_from, struct.Struct(">HHI").unpack_from
_ITEM_BYTES = b"\xfe\xff\x00\xe0"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data set is encoded."""

    implicit: bool
    little: bool

    @property
    def order(self) -> str:
        """The byte order as :mod:`struct` writes it."""
        return "<" if self.little else ">"


IMPLICIT_LITTLE = Encoding(implicit=True, little=True)
EXPLICIT_LITTLE = Encoding(implicit=False, little=True)
EXPLICIT_BIG = Encoding(implicit=False, little=False)


@dataclass(frozen=True, slots=True)
class Extent:
    """A value left in its file: where it starts and how long it is, in bytes.

    ``fragments`` tells an encapsulated value of undefined length, which includes its delimiter (PS3.5 A.4).
    """

    offset: int
    length: int
    fragments: bool = False


class DataSet(dict[int, "Element"]):
    """Elements by tag. Of a tag that comes twice the later one counts, as in other readers.

    ``overwritten`` holds the earlier ones: they are never written, but they may name the subject.
    """

    __slots__ = ("overwritten",)

    def __init__(self) -> None:
        super().__init__()
        self.overwritten: list[Element] = []


@dataclass(slots=True)
class Element:
    """One element: its value is bytes, bytes left in the file, or the items of a sequence."""

    tag: int
    vr: str
    value: bytes | Extent | list[DataSet]


def read_data_set(buffer: mmap | bytes, start: int, encoding: Encoding, last: int = LAST_TAG) -> DataSet:
    """The data set from ``start`` up to and including Pixel Data, or the first tag from ``last`` on.

    What may follow Pixel Data is a digital signature of the original, padding and private elements: nothing that
    survives de-identification.

    Raises
    ------
    MalformedFile
        The encoding is broken, ends early (``truncated``) or nests too deep (``nested_too_deep``).
    """
    return _Reader(buffer, encoding, last).data_set(start, len(buffer), encoding, depth=0, delimited=False)[0]


class _Reader:
    """One pass over a buffer."""

    __slots__ = ("_buffer", "_end", "_file", "_last")

    def __init__(self, buffer: mmap | bytes, file: Encoding, last: int) -> None:
        self._last = last
        self._buffer = buffer
        self._end = len(buffer)
        self._file = file

    def data_set(self, at: int, end: int, encoding: Encoding, *, depth: int, delimited: bool) -> tuple[DataSet, int]:
        """Elements from ``at`` to ``end``, or to an item delimiter; also where reading stopped."""
        found = DataSet()
        read = self._read_implicit if encoding.implicit else self._read_explicit
        while end - at >= 8:
            element, at = read(at, end, encoding, found, depth)
            if element is None:
                if delimited:
                    return found, at
                raise MalformedFile("A delimiter stands where an element should begin.")
            tag = element.tag
            if tag in found:
                found.overwritten.append(found[tag])
            found[tag] = element
            if depth == 0 and (tag >= self._last or tag in PIXEL_TAGS):
                return found, at
        if delimited or (depth and at != end) or any(self._buffer[at:end]):
            raise self._ends_early(end)
        return found, end

    def _read_explicit(
        self, at: int, end: int, encoding: Encoding, found: DataSet, depth: int
    ) -> tuple[Element | None, int]:
        """The element at ``at`` and what follows it; None for the end of an item. Ordinary ones take the short way."""
        group, number, code, length = (_SHORT_LITTLE if encoding.little else _SHORT_BIG)(self._buffer, at)
        declared = _SHORT_CODES.get(code)
        if declared is not None and group != _DELIMITERS:
            vr = declared if group & 1 else vr_of(group << 16 | number, declared)
            stop = at + 8 + length
            if stop <= end and vr != "SQ" and vr != "UN" and group != _PIXELS:
                return Element(group << 16 | number, vr, self._buffer[at + 8 : stop]), stop
        return self._read(at, end, encoding, found, depth)

    def _read_implicit(
        self, at: int, end: int, encoding: Encoding, found: DataSet, depth: int
    ) -> tuple[Element | None, int]:
        """The same where no VR is written."""
        group, number, length = (_LONG_LITTLE if encoding.little else _LONG_BIG)(self._buffer, at)
        if not group & 1 and length <= BULK_BYTES and group not in (_DELIMITERS, _PIXELS):
            vr = vr_of(group << 16 | number, "")
            stop = at + 8 + length
            if stop <= end and vr != "SQ" and vr != "UN":
                return Element(group << 16 | number, vr, self._buffer[at + 8 : stop]), stop
        return self._read(at, end, encoding, found, depth)

    def _read(self, at: int, end: int, encoding: Encoding, found: DataSet, depth: int) -> tuple[Element | None, int]:
        """Any element, however rare its form."""
        group, number, length = (_LONG_LITTLE if encoding.little else _LONG_BIG)(self._buffer, at)
        tag = group << 16 | number
        if tag == ITEM_END:
            return None, at + 8
        if group == _DELIMITERS:
            raise MalformedFile("A delimiter stands where an element should begin.")
        vr, length, at = self._header(at, tag, length, encoding)
        element, at = self._element(tag, vr, length, at, end, encoding, found, depth)
        if tag in PIXEL_TAGS and element.vr not in BINARY_VRS:
            raise MalformedFile("Pixel Data has a VR that pixels cannot have.")
        if tag == CHARACTER_SET and isinstance(element.value, list):
            raise MalformedFile("The Specific Character Set is a sequence.")
        return element, at

    def _ends_early(self, end: int) -> MalformedFile:
        return _truncated() if end == self._end else MalformedFile("A sequence or item is longer than what it holds.")

    def _header(self, at: int, tag: int, length: int, encoding: Encoding) -> tuple[str, int, int]:
        """Declared VR ('' where none is), value length and value offset."""
        if encoding.implicit:
            return "", length, at + 8
        code = self._buffer[at + 4 : at + 6]
        vr = _VRS.get(code)
        if vr in SHORT_VRS:
            return vr or "", struct.unpack_from(encoding.order + "H", self._buffer, at + 6)[0], at + 8
        if vr is None:
            # Some writers fall back to implicit VR inside sequences; the length then stands where the VR would.
            if (code.isalpha() and code.isupper()) or UNDEFINED > length > self._end:
                # Readers differ on how long an element of an unknown VR is, so nobody could check what was read.
                raise MalformedFile(f"{tag_text(tag)} has a VR the standard does not know.")
            return "", length, at + 8
        if at + 12 > self._end:
            raise _truncated()
        return vr, struct.unpack_from(encoding.order + "I", self._buffer, at + 8)[0], at + 12

    def _element(
        self, tag: int, declared: str, length: int, at: int, end: int, encoding: Encoding, found: DataSet, depth: int
    ) -> tuple[Element, int]:
        vr = _vr(tag, declared, found)
        if length == UNDEFINED:
            return self._undefined(tag, vr, declared, at, end, encoding, depth)
        stop = at + length
        if stop > end:
            raise _truncated() if stop > self._end else MalformedFile(f"{tag_text(tag)} is longer than its item.")
        if vr == "SQ" and declared != "UN":
            return Element(tag, "SQ", self._items(at, stop, encoding, depth, delimited=False)[0]), stop
        if vr == "SQ" or (vr == "UN" and self._buffer[at : at + 4] == _ITEM_BYTES):
            items = self._hidden_items(at, stop, encoding, depth)
            if items is not None:
                return Element(tag, "SQ", items), stop
            vr = "UN"
        large = length > BULK_BYTES and (vr in BINARY_VRS or tag in PIXEL_TAGS) and tag != ICC_PROFILE
        if large or (tag in PIXEL_TAGS and not depth):
            return Element(tag, vr, Extent(at, length)), stop
        if length > MAX_TEXT_BYTES:
            raise MalformedFile(f"{tag_text(tag)} is larger than any real value.", Reason.TOO_LARGE)
        return Element(tag, vr, self._buffer[at:stop]), stop

    def _undefined(
        self, tag: int, vr: str, declared: str, at: int, end: int, encoding: Encoding, depth: int
    ) -> tuple[Element, int]:
        """A value that ends with a delimiter: a sequence, or encapsulated pixels."""
        if vr in ("OB", "OW") and not encoding.implicit and declared != "UN":
            stop = self._fragments(at, end, encoding)
            return Element(tag, vr, Extent(at, stop - at, fragments=True)), stop
        if vr not in ("SQ", "UN"):
            raise MalformedFile(f"{tag_text(tag)} has no length, which its VR does not allow.")
        inner = IMPLICIT_LITTLE if declared == "UN" else encoding
        items, stop = self._items(at, end, inner, depth, delimited=True)
        return Element(tag, "SQ", items), stop

    def _items(
        self, at: int, end: int, encoding: Encoding, depth: int, *, delimited: bool
    ) -> tuple[list[DataSet], int]:
        if depth >= MAX_DEPTH:
            raise MalformedFile(f"Sequences are nested more than {MAX_DEPTH} deep.", Reason.NESTED_TOO_DEEP)
        if encoding.little != self._file.little:
            raise MalformedFile("A sequence has another byte order than its file.")
        items: list[DataSet] = []
        while end - at >= 8:
            tag, length = self._delimiter(at, encoding)
            at += 8
            if tag == SEQUENCE_END and delimited:
                return items, at
            if tag != ITEM:
                raise MalformedFile("A sequence holds something other than items.")
            if length != UNDEFINED and at + length > end:
                raise _truncated() if at + length > self._end else MalformedFile("An item is longer than its sequence.")
            stop = end if length == UNDEFINED else at + length
            item, at = self.data_set(at, stop, encoding, depth=depth + 1, delimited=length == UNDEFINED)
            items.append(item)
        if delimited or at != end:
            raise self._ends_early(end)
        return items, at

    def _hidden_items(self, at: int, end: int, encoding: Encoding, depth: int) -> list[DataSet] | None:
        """The items of an element whose VR hides that it is a sequence; None when the bytes only look like one.

        They are in Implicit VR Little Endian (PS3.5 6.2.2), of some writers in the encoding of the file.
        """
        for inner in dict.fromkeys((IMPLICIT_LITTLE, encoding)):
            try:
                return self._items(at, end, inner, depth, delimited=False)[0]
            except MalformedFile as error:
                if error.reason is Reason.NESTED_TOO_DEEP:
                    raise
        return None

    def _fragments(self, at: int, end: int, encoding: Encoding) -> int:
        """Where an encapsulated value ends, its delimiter included; fragments are stepped over, not read."""
        while end - at >= 8:
            tag, length = self._delimiter(at, encoding)
            at += 8
            if tag == SEQUENCE_END:
                return at
            if tag != ITEM or length == UNDEFINED:
                raise MalformedFile("Encapsulated pixels hold something other than fragments.")
            at += length
        raise _truncated()

    def _delimiter(self, at: int, encoding: Encoding) -> tuple[int, int]:
        group, number, length = struct.unpack_from(encoding.order + "HHI", self._buffer, at)
        return group << 16 | number, length


def _vr(tag: int, declared: str, found: DataSet) -> str:
    """The VR to go by: the declared one where it can be true, else the one of the dictionary."""
    group, number = tag >> 16, tag & 0xFFFF
    if not group & 1:
        return vr_of(tag, declared)
    if declared and declared != "UN":
        return declared
    if 0x10 <= number <= 0xFF:
        return "LO"
    creator = found.get(group << 16 | number >> 8)
    if creator is None or not isinstance(creator.value, bytes):
        return "UN"
    return private_vr(tag, creator.value.decode("latin-1").strip(" \0")) or "UN"


def _truncated() -> MalformedFile:
    return MalformedFile("The data set ends before its last element does.", Reason.TRUNCATED)
