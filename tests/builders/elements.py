"""DICOM files as bytes: encoding single elements, and changing a file behind its writer's back."""

from __future__ import annotations

import struct
from io import BytesIO

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

_LONG_VRS = tuple(vr.encode() for vr in "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"
UNDEFINED = 0xFFFFFFFF


def element(tag: int, vr: bytes, value: bytes, pad: bool = True) -> bytes:
    """Encode one element in Explicit VR Little Endian."""
    if pad and len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB", b"UN") else b" "
    return head(tag, vr, len(value)) + value


def head(tag: int, vr: bytes, length: int) -> bytes:
    """Encode the start of an element, up to its length."""
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    return start + (struct.pack("<HI", 0, length) if vr in _LONG_VRS else struct.pack("<H", length))


def plain(ds: Dataset) -> bytes:
    """Encode a data set in Explicit VR Little Endian, without file meta information."""
    buffer = BytesIO()
    dcmwrite(buffer, ds, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


def data_set_at(data: bytes) -> int:
    """Offset of the data set: after preamble, "DICM", the group length element and its group."""
    return int(144 + struct.unpack_from("<I", data, 140)[0])


def pixels_at(data: bytes) -> int:
    """Offset of the Pixel Data element."""
    return data.rindex(b"\xe0\x7f\x10\x00O")


def replaced(data: bytes, elements: list[bytes], last: bool = False) -> bytes:
    """Give the file with these elements, in the order of tags; with ``last``, without what would follow them."""
    start = data_set_at(data)
    ds = dcmread(BytesIO(data))
    parts = {tag_of(part): part for part in elements}
    kept = {
        int(element.tag): plain(Dataset({element.tag: element}))
        for element in ds
        if not last or element.tag < min(parts)
    }
    merged: dict[int, bytes] = {**kept, **parts}
    return data[:start] + b"".join(merged[tag] for tag in sorted(merged))


def tag_of(encoded: bytes) -> int:
    """The tag an element encoded in little endian begins with."""
    group, number = struct.unpack("<HH", encoded[:4])
    return int(group << 16 | number)


def with_syntax(data: bytes, syntax: UID) -> bytes:
    """Give the file with another transfer syntax in its file meta information, and nothing else changed."""
    start = data_set_at(data)
    old = element(0x00020010, b"UI", ExplicitVRLittleEndian.encode())
    meta = data[144:start].replace(old, element(0x00020010, b"UI", syntax.encode()))
    return data[:140] + struct.pack("<I", len(meta)) + meta + data[start:]
