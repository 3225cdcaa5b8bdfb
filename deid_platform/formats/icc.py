"""ICC profiles with their colours and nothing else (ICC.1:2022, sections 7 to 10).

A profile names who made it, when, for which device, and describes that in text. What a colour transform reads is kept
under an allow-list, byte for byte and in its place; all else is zero. So the length stays, and so does every colour.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator

MAX_PROFILE_BYTES = 1 << 24
_HEADER, _ENTRY = 128, 12
# Size, version, class, colour space, connection space; signature, platform, flags; attributes, intent, illuminant.
_KEPT_HEADER = ((0, 4), (8, 24), (36, 48), (56, 80))
_PLATFORMS = frozenset((b"APPL", b"MSFT", b"SGI ", b"SUNW"))
_COLOUR_TAGS = frozenset((
    b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"bkpt", b"lumi", b"chad", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"gamt", b"cicp",
    *(stem + b"%d" % number for stem in (b"A2B", b"B2A", b"D2B", b"B2D", b"pre") for number in range(4)),
))  # fmt: skip
_TEXT_TAGS = frozenset((b"desc", b"cprt"))
"""Texts every profile must have: they stay, empty."""
_TEXT_TYPES = frozenset((b"desc", b"mluc", b"text"))
_FIXED = {b"XYZ ": 20, b"sf32": 44, b"cicp": 12}
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
_TABLES = frozenset((b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet"))


def cleaned_profile(profile: bytes) -> bytes | None:
    """A profile of the same length that gives the same colours and says nothing; None when it cannot be read."""
    try:
        size, count = struct.unpack_from(">I", profile)[0], struct.unpack_from(">I", profile, _HEADER)[0]
        entries = [_entry(profile, _HEADER + 4 + _ENTRY * at) for at in range(min(count, 256))]
    except struct.error:
        return None
    table_end = _HEADER + 4 + _ENTRY * len(entries)
    if profile[36:40] != b"acsp" or size > len(profile) or count > 256:
        return None
    if any(not table_end <= offset <= offset + length <= size for _, offset, length in entries):
        return None
    kept = list(_kept_parts(profile[:size], entries))
    out = bytearray(len(profile))
    for start, end in _KEPT_HEADER:
        out[start:end] = profile[start:end]
    if bytes(out[40:44]) not in _PLATFORMS:
        out[40:44] = bytes(4)
    struct.pack_into(">I", out, _HEADER, len(kept))
    for number, (name, offset, part) in enumerate(kept):
        struct.pack_into(">4sII", out, _HEADER + 4 + _ENTRY * number, name, offset, len(part))
    for _, offset, part in sorted(kept, key=lambda one: one[0] in _COLOUR_TAGS):
        out[offset : offset + len(part)] = part
    return bytes(out)


def _entry(profile: bytes, at: int) -> tuple[bytes, int, int]:
    """Name, offset and length of a tag."""
    name, offset, length = struct.unpack_from(">4sII", profile, at)
    return bytes(name), int(offset), int(length)


def _kept_parts(profile: bytes, entries: list[tuple[bytes, int, int]]) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, place and bytes of the tags that stay.

    Small profiles let texts lie over what follows them: an empty one ends where the next tag begins.
    """
    begins = sorted({offset for _, offset, _ in entries})
    for name, offset, length in entries:
        following = bisect_right(begins, offset)
        text = name in _TEXT_TAGS and following < len(begins)
        end = min(offset + length, begins[following]) if text else offset + length
        if part := _kept(name, profile[offset:end]):
            yield name, offset, part


def _kept(name: bytes, data: bytes) -> bytes:
    """What of a tag's data stays, empty where the whole tag goes."""
    kind = data[:4]
    if name in _TEXT_TAGS:
        return _empty_text(kind, len(data))
    if name not in _COLOUR_TAGS or len(data) < 12:
        return b""
    if kind in _FIXED:
        return data[: _FIXED[kind]]
    if kind == b"curv":
        return data[: 12 + 2 * int.from_bytes(data[8:12], "big")]
    if kind == b"para":
        return data[: 12 + 4 * _PARAMETERS.get(int.from_bytes(data[8:10], "big"), 0)]
    return data if kind in _TABLES else b""


def _empty_text(kind: bytes, length: int) -> bytes:
    if kind not in _TEXT_TYPES or length < 16:
        return b""
    # A text in many languages has records of twelve bytes, here none.
    return (kind + bytes(8) + (12).to_bytes(4, "big") if kind == b"mluc" else kind + bytes(12)).ljust(length, b"\0")


def standard_profile() -> bytes:
    """A profile of sRGB (IEC 61966-2-1), for images whose own cannot be read."""
    tags = dict(_standard_tags())
    table, body = b"", b""
    start = _HEADER + 4 + _ENTRY * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data.ljust(-(-len(data) // 4) * 4, b"\0")
    header = bytearray(_HEADER)
    struct.pack_into(">I", header, 0, start + len(body))
    struct.pack_into(">4s4s4s4s", header, 8, b"\x04\x20\0\0", b"scnr", b"RGB ", b"XYZ ")
    header[36:40] = b"acsp"
    header[68:80] = _numbers(0.9642, 1.0, 0.8249)
    return bytes(header) + struct.pack(">I", len(tags)) + table + body


def _standard_tags() -> Iterator[tuple[bytes, bytes]]:
    """Primaries adapted to D50 and the curve, as sRGB defines them."""
    for name in sorted(_TEXT_TAGS):
        yield name, _empty_text(b"mluc", 16)
    for name, values in (
        (b"wtpt", (0.9642, 1.0, 0.8249)),
        (b"rXYZ", (0.43607, 0.22249, 0.01392)),
        (b"gXYZ", (0.38515, 0.71687, 0.09708)),
        (b"bXYZ", (0.14307, 0.06061, 0.71410)),
    ):
        yield name, b"XYZ " + bytes(4) + _numbers(*values)
    yield b"chad", b"sf32" + bytes(4) + _numbers(
        1.04791, 0.02293, -0.0502, 0.0296, 0.99046, -0.01707, -0.00925, 0.01506, 0.75179
    )
    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _numbers(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        yield name, curve


def _numbers(*values: float) -> bytes:
    """Fixed-point numbers with 16 binary digits behind the point."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
