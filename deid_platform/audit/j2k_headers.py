"""The judge's own walk through headers of JPEG 2000 tiles: each segment is as long as it has to be, or all zero.

Source: ISO/IEC 15444-1 annex A.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_SIZ, _COD, _COC, _QCD, _QCC, _RGN, _POC = 0x51, 0x52, 0x53, 0x5C, 0x5D, 0x5E, 0x5F
_COM, _SOT, _SOD, _EOC = 0x64, 0x90, 0x93, 0xD9
_MADE_COMMENTS = frozenset((0x55, 0x57, 0x58, _COM))
_NEEDED = frozenset((_SIZ, _COD, _COC, _QCD, _QCC, _RGN, _POC))
_BY_COMPONENT = frozenset((_COC, _QCC, _RGN))

Place = tuple[int, int]


def says_more(data: Any, begin: int, end: int) -> bool:
    """Whether headers of a codestream hold more than its image asks for, or anything stands behind its end.

    Raises
    ------
    ValueError, IndexError, struct.error
        It cannot be walked through.
    """
    wide, levels, counts, seen = 1, set[int](), set[int](), set[tuple[int, bytes]]()
    for code, at, size in _segments(data, begin, end):
        body = bytes(data[at : at + size])
        if code == _SOT:
            seen.clear()
        elif code == _EOC:
            return bool(body.strip(b"\0"))
        elif code not in _NEEDED:
            if any(body):
                return True
        else:
            if code == _SIZ:
                wide = 2 if int.from_bytes(body[34:36], "big") > 256 else 1
            name = (code, body[:wide] if code in _BY_COMPONENT else b"")
            if name in seen or len(body) != _asked(code, body, wide, levels, counts):
                return True
            seen.add(name)
    return not counts <= {3 * one + 1 for one in levels}


def _asked(code: int, body: bytes, wide: int, levels: set[int], counts: set[int]) -> int:
    """How long a segment has to be; what it says of levels and steps is taken down."""
    if code == _SIZ:
        return 36 + 3 * int.from_bytes(body[34:36], "big")
    if code == _RGN:
        return wide + 2
    if code == _POC:
        return min(len(body) // (5 + 2 * wide), 64) * (5 + 2 * wide)
    if code in (_COD, _COC):
        start = 5 if code == _COD else wide + 1
        levels.add(body[start])
        return start + 5 + (body[start] + 1 if body[0 if code == _COD else wide] & 1 else 0)
    start = 0 if code == _QCD else wide
    style, steps = body[start] & 31, len(body) - start - 1
    if style == 1:
        return start + 3
    counts.add(steps // (style or 1))
    return len(body) if style in (0, 2) and steps % (style or 1) == 0 else -1


def comments(old: Any, new: Any, begin: int, end: int) -> list[Place]:
    """Places of comments of zeros, with their markers, where the original had comments or lengths of packets.

    Raises
    ------
    ValueError, IndexError, struct.error
        The codestream cannot be walked through.
    """
    return [
        (at - 3, size + 3) for code, at, size in _segments(new, begin, end)
        if code == _COM and old[at - 3] in _MADE_COMMENTS and not any(new[at : at + size])
    ]  # fmt: skip


def _segments(data: Any, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Code, place and length of the content of each segment; of the end what stands behind it."""
    at, part = begin + 2, end
    while at + 2 <= end:
        first, code = struct.unpack_from("BB", data, at)
        if first != 0xFF:
            raise ValueError("A marker is missing.")
        if code == _EOC:
            yield code, at + 2, end - at - 2
            return
        if code == _SOD:
            at = part
            continue
        (size,) = struct.unpack_from(">H", data, at + 2)
        if code == _SOT:
            (stated,) = struct.unpack_from(">I", data, at + 6)
            last = end - 2 if data[end - 2 : end] == b"\xff\xd9" else end
            part = at + stated if stated else last
        if size < 2 or at + 2 + size > end or not at < part <= end:
            raise ValueError("A segment is torn.")
        yield code, at + 4, size - 2
        at += 2 + size
