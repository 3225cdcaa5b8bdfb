"""An image of a slide less what decoders do not need: notes, text, and bytes behind its end. Nothing moves.

Sources: PNG (ISO/IEC 15948) 5.3; the headers of Windows bitmaps.
"""

from __future__ import annotations

import struct
import zlib

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.streams import jpeg_notes, markers_in
from deid_platform.model import Reason

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB")
_PNG_SIZES = {b"tRNS": 256, b"gAMA": 4, b"sRGB": 1}
_PNG_OTHER = b"noTe"
"""A chunk every reader passes over."""
_BMP_HEADER = 54


def cleaned(form: str, data: bytes) -> bytes:
    """The image, as long as before. ``form`` is JPEG, PNG or BMP24, as the slide tells it.

    Raises
    ------
    MalformedFile
        It is no such image, or does not end.
    """
    return {"JPEG": _jpeg, "PNG": _png, "BMP24": _bitmap}[form](data)


def _jpeg(data: bytes) -> bytes:
    if not data.startswith(b"\xff\xd8\xff"):
        raise MalformedFile("An image of the slide is no JPEG.")
    image = bytearray(data)
    markers = markers_in(data).tolist()
    for patch in jpeg_notes(lambda place, count: data[place : place + count], markers, 0, len(data)):
        image[patch.at : patch.at + patch.size] = patch.new.ljust(patch.size, b"\0")
    if not image.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise MalformedFile("An image of the slide does not end.", Reason.TRUNCATED)
    return bytes(image)


def _png(data: bytes) -> bytes:
    if not data.startswith(_PNG):
        raise MalformedFile("An image of the slide is no PNG.")
    image, at, kind = bytearray(data), len(_PNG), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise MalformedFile("An image of the slide does not end.", Reason.TRUNCATED)
        size, kind = struct.unpack_from(">I4s", data, at)
        following = at + 12 + size
        if following > len(data):
            raise MalformedFile("An image of the slide does not end.", Reason.TRUNCATED)
        if kind not in _PNG_KEPT or size > _PNG_SIZES.get(kind, size) or (kind == b"IEND" and size):
            struct.pack_into(">4s", image, at + 4, _PNG_OTHER)
            image[at + 8 : at + 8 + size] = bytes(size)
            struct.pack_into(">I", image, at + 8 + size, zlib.crc32(image[at + 4 : at + 8 + size]))
        at = following
    image[at:] = bytes(len(image) - at)
    return bytes(image)


def _bitmap(data: bytes) -> bytes:
    if len(data) < _BMP_HEADER or data[:2] != b"BM":
        raise MalformedFile("An image of the slide is no bitmap.")
    begin, header, width, height, _, depth, packed = struct.unpack_from("<IIiiHHI", data, 10)
    end = _BMP_HEADER + (3 * width + 3) // 4 * 4 * abs(height)
    if (begin, header, depth, packed) != (_BMP_HEADER, 40, 24, 0) or width < 1 or height == 0 or end > len(data):
        raise MalformedFile("An image of the slide is no bitmap of 24 bits, or does not end.")
    image = bytearray(data)
    image[6:10] = bytes(4)
    image[38:_BMP_HEADER] = bytes(_BMP_HEADER - 38)
    if padding := (-3 * width) % 4:
        for row in range(abs(height)):
            stop = _BMP_HEADER + (row + 1) * (3 * width + padding)
            image[stop - padding : stop] = bytes(padding)
    image[end:] = bytes(len(image) - end)
    return bytes(image)
