"""What an ICC profile says besides colours (ICC.1:2022), for the audit."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_NUMERIC = (b"XYZ ", b"curv", b"para", b"sf32", b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet", b"cicp")
_SILENT = {"maker": (4, 8), "date": (24, 36), "device": (48, 56), "creator": (80, 128)}
"""Fields of the header, by what they tell, with their offsets."""


def profile_faults(profile: bytes) -> Iterator[str]:
    """Name what tells of a maker, a date, a device or anything in words; all zeros are no profile and no fault."""
    if not any(profile):
        return
    if profile[36:40] != b"acsp":
        yield "icc_unreadable"
        return
    yield from (f"icc_{name}" for name, (start, end) in _SILENT.items() if any(profile[start:end]))
    used = bytearray(profile)
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        used[: 132 + 12 * count] = bytes(132 + 12 * count)
        for number in range(count):
            start, length = struct.unpack_from(">II", profile, 136 + 12 * number)
            kind = profile[start : start + 4]
            if kind not in _NUMERIC and profile[start + 4 : start + length].strip(b"\0\x0c"):
                yield "icc_text"
            used[start : start + length] = bytes(length)
    except struct.error:
        yield "icc_unreadable"
    if any(used):
        yield "icc_gap"
