"""RLE Lossless, decoded strictly: the usual decoders drop what a frame holds beyond its declared size.

Source: PS3.5 annex G.
"""

from __future__ import annotations

import struct
from itertools import pairwise

_HEADER = 64
_NOTHING = b"\x00\x80"


def planes(frame: bytes, count: int, length: int) -> list[bytes]:
    """Decode one frame into its byte planes.

    Parameters
    ----------
    frame
        The header of 64 bytes and the segments.
    count
        Number of segments the data set implies: samples per pixel times bytes per sample.
    length
        Number of bytes in each plane: rows times columns, for packed bits their bytes.

    Returns
    -------
    list of bytes
        For each sample its planes from the most to the least significant.

    Raises
    ------
    ValueError
        There are more or fewer segments, or one decodes to another length.
    """
    if len(frame) < _HEADER:
        raise ValueError("a run-length encoded frame has no header")
    said, *offsets = struct.unpack("<16L", frame[:_HEADER])
    bounds = [*offsets[:count], len(frame)]
    if said != count or bounds[0] != _HEADER or bounds != sorted(bounds):
        raise ValueError("a run-length encoded frame has other segments than declared")
    return [_decoded(frame[start:end], length) for start, end in pairwise(bounds)]


def _decoded(segment: bytes, length: int) -> bytes:
    """Expand the runs of one segment (PackBits) to exactly ``length`` bytes."""
    plane = bytearray()
    at = 0
    while len(plane) < length and at < len(segment):
        control = segment[at]
        if control < 128:
            plane += segment[at + 1 : at + 2 + control]
            at += control + 2
        else:
            plane += segment[at + 1 : at + 2] * ((257 - control) % 129)
            at += 1 if control == 128 else 2
    if len(plane) != length or segment[at:].strip(_NOTHING):
        raise ValueError("a run-length encoded frame differs in size from the declared one")
    return bytes(plane)
