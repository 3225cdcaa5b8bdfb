"""Files whose encoding is not what it says, or not what the standard allows, as bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.builders.dicom import encode, image
from tests.builders.elements import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    head,
    pixels_at,
    with_syntax,
)
from tests.builders.odd import PERSON, Odd, body, holding, preliminaries, small_file

SEQUENCE, PRIVATE, PLACE = 0x00081140, 0x00991001, 0x00990010
_NAME = PERSON.name.encode()
_LINE = f"Patient {PERSON.family}, {PERSON.patient_id}".encode()
_PN, _LO = element(0x00100010, b"PN", _NAME), element(0x00104000, b"LO", _LINE)
_NO_LENGTH = struct.pack("<I", UNDEFINED)


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    """Encode one element in Implicit VR Little Endian."""
    value += b" " * (len(value) % 2)
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def item(content: bytes, delimited: bool = False) -> bytes:
    """Encode one item, with a length or with a delimiter."""
    if delimited:
        return ITEM + _NO_LENGTH + content + ITEM_END + bytes(4)
    return ITEM + struct.pack("<I", len(content)) + content


def sequence(content: bytes, vr: bytes = b"SQ", tag: int = SEQUENCE) -> bytes:
    """Encode a sequence that has a length."""
    return head(tag, vr, len(content)) + content


def open_sequence(content: bytes, vr: bytes = b"SQ", tag: int = SEQUENCE) -> bytes:
    """Encode a sequence that ends with a delimiter."""
    return head(tag, vr, UNDEFINED) + content + SEQUENCE_END + bytes(4)


def nested(levels: int) -> bytes:
    """Sequences in sequences with a name at the bottom."""
    content = _PN
    for _ in range(levels):
        content = open_sequence(item(content, delimited=True))
    return content


def encoded_as(syntax: UID, *, implicit_vr: bool, little: bool) -> bytes:
    """The data set in one encoding under the name of another."""
    buffer = BytesIO()
    ds = dcmread(BytesIO(small_file() if little else _big_endian()))
    dcmwrite(buffer, Dataset(ds), implicit_vr=implicit_vr, little_endian=little)
    return with_syntax(preliminaries(), syntax) + buffer.getvalue()


def _meta(*elements: bytes, length: int | None = None, preamble: bool = True) -> bytes:
    """A file with this meta group, whose group length may lie."""
    group = b"".join(elements)
    first = element(0x00020000, b"UL", struct.pack("<I", len(group) if length is None else length))
    return (bytes(128) + b"DICM" if preamble else b"") + first + group + body()


_SYNTAX = element(0x00020010, b"UI", ExplicitVRLittleEndian.encode())
_CLASS = element(0x00020002, b"UI", b"1.2.840.10008.5.1.4.1.1.4")
_SENDER = element(0x00020016, b"AE", PERSON.station.encode())


def _in_lower_case() -> bytes:
    data = body(_LO, sequence(item(_PN)))
    for vr in (b"LO", b"PN", b"SQ", b"SH", b"DA"):
        data = data.replace(b"\x10\x00\x10\x00" + vr, b"\x10\x00\x10\x00" + vr.lower())
        data = data.replace(b"\x08\x00\x20\x00" + vr, b"\x08\x00\x20\x00" + vr.lower())
        data = data.replace(b"\x08\x00\x40\x11" + vr, b"\x08\x00\x40\x11" + vr.lower())
    return preliminaries() + data


def _implicit_within() -> bytes:
    inner = implicit(0x00100010, _NAME) + implicit(0x00104000, _LINE)
    return holding(sequence(item(inner)), implicit(0x00204000, _LINE))()


def _out_of_order() -> bytes:
    at = pixels_at(small_file())
    late = element(0x00080070, b"LO", _LINE) + _PN + element(0x00080005, b"CS", b"ISO_IR 100")
    return small_file()[:at] + late + small_file()[at:]


def _group_lengths() -> bytes:
    wrong = [element(tag, b"UL", struct.pack("<I", 7)) for tag in (0x00080000, 0x00100000, 0x00200000)]
    return holding(*wrong, element(0x00400000, b"UL", _LINE[:4]), element(0x00180000, b"LO", _LINE))()


def _big_endian() -> bytes:
    """Sequences, private elements and bytes of unknown VR in the other byte order."""
    return encode(image(PERSON, rows=8, columns=8, modality="MR", transfer_syntax=ExplicitVRBigEndian))


def _creators(*elements: bytes) -> Callable[[], bytes]:
    """A file with these private elements in the given order."""

    def make() -> bytes:
        at = pixels_at(small_file())
        return small_file()[:at] + b"".join(elements) + small_file()[at:]

    return make


_OURS = element(0x00290010, b"LO", b"SIEMENS MEDCOM HEADER")
STRUCTURES: dict[str, Callable[[], bytes]] = {
    # The transfer syntax
    "says implicit, is explicit": lambda: with_syntax(small_file(), ImplicitVRLittleEndian),
    "says explicit, is implicit": lambda: encoded_as(ExplicitVRLittleEndian, implicit_vr=True, little=True),
    "says big endian, is little": lambda: with_syntax(small_file(), ExplicitVRBigEndian),
    "says little endian, is big": lambda: encoded_as(ExplicitVRLittleEndian, implicit_vr=False, little=False),
    "says big endian, is implicit": lambda: encoded_as(ExplicitVRBigEndian, implicit_vr=True, little=True),
    "says jpeg, is native": lambda: with_syntax(small_file(), JPEGBaseline8Bit),
    "says native, is rle": lambda: with_syntax(
        encode(image(PERSON, rows=8, columns=8, modality="US", transfer_syntax=RLELossless)), ExplicitVRLittleEndian
    ).replace(RLELossless.encode() + b"\0", ExplicitVRLittleEndian.encode() + b"\0"),
    "says deflated, is not": lambda: with_syntax(small_file(), DeflatedExplicitVRLittleEndian),
    "transfer syntax empty": lambda: _meta(_CLASS, element(0x00020010, b"UI", b"")),
    "transfer syntax with blanks": lambda: _meta(element(0x00020010, b"UI", b" 1.2.840.10008.1.2.1  ")),
    "transfer syntax missing": lambda: _meta(_CLASS, _SENDER),
    # The meta group
    "meta length too small": lambda: _meta(_CLASS, _SYNTAX, _SENDER, length=4),
    "meta length too large": lambda: _meta(_CLASS, _SYNTAX, _SENDER, length=4000),
    "meta length zero": lambda: _meta(_CLASS, _SYNTAX, _SENDER, length=0),
    "meta out of order": lambda: _meta(_SENDER, _SYNTAX, _CLASS),
    "meta twice": lambda: _meta(_SYNTAX, _SYNTAX, _CLASS, _SENDER, _SENDER),
    "meta without preamble": lambda: _meta(_CLASS, _SYNTAX, _SENDER, preamble=False),
    "meta in implicit vr": lambda: bytes(128) + b"DICM" + implicit(0x00020010, b"1.2.840.10008.1.2.1\0") + body(),
    "no meta": lambda: bytes(128) + b"DICM" + body(),
    "no preamble, explicit": body,
    "preamble without prefix": lambda: bytes(128) + body(),
    "prefix in small letters": lambda: bytes(128) + b"dicm" + small_file()[132:],
    "preamble that names": lambda: _LINE.ljust(128)[:128] + small_file()[128:],
    # Value representations and lengths
    "vr in small letters": _in_lower_case,
    "implicit elements in an explicit file": _implicit_within,
    "vr of two question marks": holding(struct.pack("<HH", 0x0010, 0x4000) + b"??" + struct.pack("<H", 4) + b"abcd"),
    "vr of two blanks": holding(struct.pack("<HH", 0x0010, 0x4000) + b"  " + struct.pack("<H", 4) + b"abcd"),
    "vr of a later edition": holding(struct.pack("<HH", 0x0010, 0x4000) + b"ZZ" + struct.pack("<HI", 0, 4) + b"abcd"),
    "reserved bytes not zero": holding(struct.pack("<HH", 0x0040, 0xA160) + b"UT\1\1" + struct.pack("<I", 4) + b"abcd"),
    "odd lengths": holding(
        *(element(tag, vr, _LINE + b"x" * (1 - len(_LINE) % 2), pad=False)
          for tag, vr in ((0x00080070, b"LO"), (0x00080115, b"ST"), (0x00104000, b"LT"), (0x0040A160, b"UT"),
                          (0x00282000, b"OB")))
    ),
    "odd length in a sequence": holding(sequence(item(element(0x00104000, b"LT", b"odd", pad=False) + _PN))),
    "group lengths wrong": _group_lengths,
    # Order
    "tags out of order and twice": _out_of_order,
    "groups backwards": lambda: preliminaries() + b"".join(
        (element(0x00280010, b"US", b"\x08\0"), _PN, element(0x00080070, b"LO", _LINE), body())
    ),
    "charset after the texts": lambda: preliminaries() + element(0x00080070, b"LO", _LINE) + body(),
    # Sequences
    "unknown vr holds a sequence": holding(sequence(item(implicit(0x00100010, _NAME)), b"UN")),
    "unknown vr holds an open sequence": holding(open_sequence(item(implicit(0x00100010, _NAME), True), b"UN")),
    "unknown vr holds an explicit sequence": holding(sequence(item(_PN + _LO), b"UN")),
    "unknown vr holds an open explicit sequence": holding(open_sequence(item(_PN + _LO, True), b"UN")),
    "unknown vr holds a text": holding(element(0x00081030, b"UN", _LINE), element(0x00100010, b"UN", _NAME)),
    "unknown vr holds a date": holding(element(0x00080020, b"UN", PERSON.study_date.encode())),
    "unknown vr of an unknown tag": holding(element(0x00081FFF, b"UN", _LINE)),
    "unknown vr, private": _creators(_OURS, element(0x00291008, b"UN", _LINE)),
    "sequence holds a text": holding(sequence(_LINE + b" " * (len(_LINE) % 2))),
    "sequence under the vr of a text": holding(sequence(item(_PN), b"LO", 0x00081140)),
    "text under the vr of a sequence": holding(sequence(item(_PN), b"SQ", 0x00081030)),
    "sequence of empty items": holding(sequence(item(b"") + item(b"", True) + item(b""))),
    "open items in a closed sequence": holding(sequence(item(_PN, True) + item(_LO, True))),
    "closed items in an open sequence": holding(open_sequence(item(_PN) + item(_LO))),
    "item delimiter missing": holding(open_sequence(ITEM + _NO_LENGTH + _PN)),
    "sequence delimiter missing": holding(head(SEQUENCE, b"SQ", UNDEFINED) + item(_PN)),
    "item longer than its sequence": holding(head(SEQUENCE, b"SQ", 16) + ITEM + struct.pack("<I", 4000) + _PN),
    "sequence longer than its items": holding(head(SEQUENCE, b"SQ", len(item(_PN)) + 4) + item(_PN) + bytes(4)),
    "element longer than its item": holding(sequence(item(head(0x00100010, b"PN", 400) + b"abcdefgh"))),
    "delimiter where an element should be": lambda: preliminaries() + ITEM_END + bytes(4) + body(),
    "64 levels": holding(nested(64)),
    "65 levels": holding(nested(65)),
    "3000 items": holding(sequence(item(_PN) * 3_000)),
    "big endian": _big_endian,
    # Private elements
    "private creator missing": _creators(element(0x00291008, b"LO", _LINE), element(0x00291140, b"SQ", item(_PN))),
    "private creator empty": _creators(element(0x00290010, b"LO", b""), element(0x00291008, b"LO", _LINE)),
    "private creator of NULs": _creators(element(0x00290010, b"LO", bytes(8)), element(0x00291008, b"LO", _LINE)),
    "private creator that names": _creators(element(0x00290010, b"LO", _NAME), element(0x00291008, b"LO", _LINE)),
    "private creator twice": _creators(_OURS, _OURS, element(0x00291008, b"LO", _LINE)),
    "private creators clash": _creators(
        _OURS, element(0x00290010, b"LO", b"ACME"), element(0x00291008, b"CS", b"IMAGE NUM 4")
    ),
    "private creator in two places": _creators(
        _OURS, element(0x00290011, b"LO", b"SIEMENS MEDCOM HEADER"), element(0x00291108, b"LO", _LINE)
    ),
    "private creator after its elements": _creators(element(0x00291008, b"LO", _LINE), _OURS),
    "private creator of another vr": _creators(
        element(0x00290010, b"UN", b"SIEMENS MEDCOM HEADER"), element(0x00291008, b"UN", _LINE)
    ),
    "private creator that is a sequence": _creators(
        sequence(item(_PN), b"SQ", 0x00290010), element(0x00291008, b"LO", _LINE)
    ),
    "private creator of several values": _creators(
        element(0x00290010, b"LO", b"SIEMENS MEDCOM HEADER\\" + _NAME), element(0x00291008, b"LO", _LINE)
    ),
    "private element below its block": _creators(element(0x00290001, b"LO", _LINE), element(0x00290100, b"LO", _LINE)),
    "private groups nobody may use": _creators(
        *(element(group << 16 | 0x1001, b"LO", _LINE) for group in (0x0001, 0x0003, 0x0005, 0x0007, 0xFFFF))
    ),
    "private sequence of unknown vr": _creators(_OURS, open_sequence(item(implicit(0x00100010, _NAME), True), b"UN",
                                                                     0x00291040)),
    # Before and behind
    "commands in the data set": lambda: preliminaries() + element(0x00000110, b"US", b"\1\0")
    + element(0x00001031, b"AE", PERSON.station.encode()) + body(),
    "padding that names": lambda: small_file() + element(0xFFFCFFFC, b"OB", _LINE),
    "a second file behind": lambda: small_file() + small_file(),
    "a second data set behind": lambda: small_file() + body(),
    "text behind": lambda: small_file() + _LINE,
    "one byte behind": lambda: small_file() + b"\0",
}  # fmt: skip


def all_odd_structures() -> dict[str, Odd]:
    """Every file of this module by name."""
    return {name: Odd(make) for name, make in STRUCTURES.items()}
