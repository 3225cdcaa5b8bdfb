"""RLE Lossless, encoded: whole planes at a time, because runs found byte by byte take a second a frame.

Source: PS3.5 annex G. Each row is encoded on its own (G.3.1).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_HEADER = 64
_LONGEST = 128
# A run of two saves nothing, and would cut a literal in two.
_WORTH_REPEATING = 3

Plane = NDArray[np.uint8]
"""Bytes of one significance of one sample, shape (rows, bytes in a row)."""


def encode(planes: Sequence[Plane]) -> bytes:
    """One frame from its byte planes: for each sample from the most to the least significant, at most 15.

    The frame has an even number of bytes, and so has each of its segments.
    """
    segments = [_segment(plane) for plane in planes]
    offsets = [_HEADER + sum(map(len, segments[:number])) for number in range(len(segments))]
    head = struct.pack("<16L", len(segments), *offsets, *[0] * (15 - len(segments)))
    return head + b"".join(segments)


def _segment(plane: Plane) -> bytes:
    data = np.ascontiguousarray(plane).reshape(-1)
    starts, lengths, repeats = _packets(*_spans(data, plane.shape[1]))
    size = np.where(repeats, 2, lengths + 1)
    ends = np.cumsum(size)
    heads = ends - size
    coded = np.empty(ends[-1], np.uint8)
    literal = np.ones(len(coded), np.bool_)
    literal[heads] = False
    literal[heads[repeats] + 1] = False
    coded[literal] = data[np.repeat(~repeats, lengths)]
    # A repetition of n bytes is announced as 1 - n in two's complement, a literal of n bytes as n - 1.
    coded[heads] = np.where(repeats, 257 - lengths, lengths - 1)
    coded[heads[repeats] + 1] = data[starts[repeats]]
    return coded.tobytes() + bytes(len(coded) % 2)


def _spans(data: NDArray[np.uint8], width: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Start and length of stretches that are either one value repeated or varied, and which; none crosses a row."""
    begins = np.ones(len(data), np.bool_)
    np.not_equal(data[1:], data[:-1], out=begins[1:])
    begins[::width] = True
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=len(data))
    repeats = lengths >= _WORTH_REPEATING
    # Neighbouring runs too short to repeat are one literal.
    opens = repeats | (starts % width == 0)
    opens[1:] |= repeats[:-1]
    first = np.flatnonzero(opens)
    return starts[first], np.diff(starts[first], append=len(data)), repeats[first]


def _packets(
    starts: NDArray[np.int64], lengths: NDArray[np.int64], repeats: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The spans cut to what one packet holds; a single byte left of a repetition is a literal."""
    counts = -(-lengths // _LONGEST)
    owner = np.repeat(np.arange(len(starts)), counts)
    done = (np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)) * _LONGEST
    rest = np.minimum(lengths[owner] - done, _LONGEST)
    return starts[owner] + done, rest, repeats[owner] & (rest > 1)
