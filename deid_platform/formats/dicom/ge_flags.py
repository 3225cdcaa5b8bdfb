"""GE's user defined data (0043,xx2A): of a raw data header only what says how an echo planar image was encoded.

Converters need the polarity of the phase encoding to undistort images. It stands as single bits in some thousand bytes
nobody describes, so those bits, and what is needed to find them, are written into a header of zeros.
"""

from __future__ import annotations

import struct

MIN_BYTES = 916
_OFFSET_AT, _OFFSET, _SIZE = 24, 32, 32 + 1024
_VERSIONS = (5.0, 40.0)
_LATER, _SHIFT, _CLOSER = 25.002, 0x4C, 0x8C
"""From this version on fields lie that many bytes further back, and the order of views closer to the others."""
_POLARITY, _ECHO_PLANAR, _ORDER = 0x30, 0x3A, 0x394
_MASKS = {_POLARITY: 0x0004, _ECHO_PLANAR: 0x0800, _ORDER: 0x0003}


def clean_ge_flags(value: bytes) -> bytes | None:
    """A header with the flags of an echo planar acquisition and nothing else; None for anything but such a header."""
    if len(value) < MIN_BYTES:
        return None
    (start,) = struct.unpack_from("<H", value, _OFFSET_AT)
    if len(value) < start + MIN_BYTES + _SHIFT:
        return None
    (version,) = struct.unpack_from("<f", value, start)
    if not _VERSIONS[0] <= version <= _VERSIONS[1]:
        return None
    clean = bytearray(_SIZE)
    struct.pack_into("<H", clean, _OFFSET_AT, _OFFSET)
    # A version with more digits than versions have could hold something else.
    struct.pack_into("<f", clean, _OFFSET, round(version, 3))
    for field, mask in _MASKS.items():
        at = _place(field, version)
        (flags,) = struct.unpack_from("<H", value, start + at)
        struct.pack_into("<H", clean, _OFFSET + at, flags & mask)
    return bytes(clean)


def _place(field: int, version: float) -> int:
    """Where a field stands, from the begin of the header."""
    if version < _LATER:
        return field
    return field + _SHIFT - (_CLOSER if field == _ORDER else 0)
