"""Lossless JPEG (process 14) with first-order prediction, encoded: no library at hand writes it for every depth.

Source: ISO/IEC 10918-1 annex H; C.2 and K.2 for the Huffman table.
"""

from __future__ import annotations

import heapq
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_START, _END = b"\xff\xd8", b"\xff\xd9"
_TABLES, _FRAME, _SCAN = 0xC4, 0xC3, 0xDA
# A category is the number of bits of a difference: 0 to 16.
_CATEGORIES = 17
_LONGEST_CODE = 16
_LEFT = 1
"""The sample to the left predicts: selection value 1, the only one that JPEGLosslessSV1 allows. Source: PS3.5 A.4.1."""
_CATEGORY_OF = np.array([min(number, (1 << 16) - number).bit_length() for number in range(1 << 16)], np.uint8)
"""Category of a difference modulo 2 ** 16; that of 2 ** 15 is 16. Source: table H.2."""


def encode(samples: NDArray[Any], precision: int, components: bytes, application: bytes = b"") -> bytes:
    """One frame.

    Parameters
    ----------
    samples
        Unsigned, shape (rows, columns) or (rows, columns, components), each below 2 ** precision.
    precision
        Bits of a sample, 2 to 16.
    components
        The identifier of each component.
    application
        Whole marker segments for applications, such as that of Adobe.
    """
    planes = samples.reshape(*samples.shape[:2], -1).astype(np.uint16)
    differences = _differences(planes, precision).reshape(-1)
    counts = np.bincount(differences, minlength=1 << 16)
    lengths = code_lengths(np.bincount(_CATEGORY_OF, counts, _CATEGORIES).astype(np.int64))
    values, sizes = _coded(lengths)
    coded = _packed(values[differences], sizes[differences])
    return b"".join(
        (
            _START,
            application,
            _segment(_FRAME, _frame_header(samples.shape, precision, components)),
            _segment(_TABLES, _table(lengths)),
            _segment(_SCAN, _scan_header(components)),
            coded.replace(b"\xff", b"\xff\x00"),
            _END,
        )
    )


def _differences(values: NDArray[np.uint16], precision: int) -> NDArray[np.uint16]:
    """Each sample less its prediction, modulo 2 ** 16; shape (rows, columns, components). Source: H.1.2.1."""
    found = np.empty_like(values)
    found[:, 1:] = values[:, 1:] - values[:, :-1]
    found[1:, 0] = values[1:, 0] - values[:-1, 0]
    found[0, 0] = values[0, 0] - np.uint16(1 << (precision - 1))
    return found


def code_lengths(counts: NDArray[np.int64]) -> dict[int, int]:
    """Length of the code of each category that occurs: Huffman's, no longer than 16 bits.

    One more symbol takes part and is given up, so that no code is all ones. Source: K.2.
    """
    spare = len(counts)
    weights = [*(int(count) for count in counts), 1]
    while True:
        lengths = _huffman(weights)
        if max(lengths.values()) <= _LONGEST_CODE:
            break
        weights = [(weight + 1) // 2 for weight in weights]
    # The one given up has to be among the longest: it changes places with the last of them.
    last = max(lengths, key=lambda symbol: (lengths[symbol], symbol))
    lengths[last], lengths[spare] = lengths[spare], lengths[last]
    del lengths[spare]
    return lengths


def _huffman(weights: list[int]) -> dict[int, int]:
    """Code lengths of the symbols with a weight."""
    heap: list[tuple[int, int, tuple[int, ...]]]
    heap = [(weight, symbol, (symbol,)) for symbol, weight in enumerate(weights) if weight]
    lengths = dict.fromkeys((symbol for _, symbol, _ in heap), 0)
    heapq.heapify(heap)
    while len(heap) > 1:
        weight, first, symbols = heapq.heappop(heap)
        other_weight, other_first, other_symbols = heap[0]
        for symbol in symbols + other_symbols:
            lengths[symbol] += 1
        heapq.heapreplace(heap, (weight + other_weight, min(first, other_first), symbols + other_symbols))
    return lengths


def _in_order(lengths: dict[int, int]) -> list[int]:
    return sorted(lengths, key=lambda symbol: (lengths[symbol], symbol))


def _codes(lengths: dict[int, int]) -> dict[int, int]:
    """The code of each category: numbers in order of length. Source: C.2."""
    codes: dict[int, int] = {}
    code = before = 0
    for symbol in _in_order(lengths):
        code <<= lengths[symbol] - before
        codes[symbol] = code
        code, before = code + 1, lengths[symbol]
    return codes


def _coded(lengths: dict[int, int]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """For each difference modulo 2 ** 16 its bits, code and low bits, and their number. Source: H.1.2.2."""
    code_of, length_of = np.zeros(_CATEGORIES, np.uint64), np.zeros(_CATEGORIES, np.int64)
    for symbol, code in _codes(lengths).items():
        code_of[symbol], length_of[symbol] = code, lengths[symbol]
    differences = np.arange(1 << 16)
    # Category 16 holds a single difference, so nothing follows its code.
    extra = np.where(_CATEGORY_OF < _CATEGORIES - 1, _CATEGORY_OF, 0).astype(np.int64)
    low = (differences - (differences >> 15)) & ((1 << extra) - 1)
    return code_of[_CATEGORY_OF] << extra.astype(np.uint64) | low.astype(np.uint64), length_of[_CATEGORY_OF] + extra


def _packed(values: NDArray[np.uint64], sizes: NDArray[np.int64]) -> bytes:
    """Values of up to 32 bits one after the other, the last byte filled up with ones."""
    ends = np.cumsum(sizes)
    total = int(ends[-1])
    begins = ends - sizes
    word, within = begins >> 5, begins & 31
    shifted = values << (64 - within - sizes).astype(np.uint64)
    count = total // 32 + 2
    # Bits of different values never overlap, so that adding is joining; each sum fits the mantissa of a double.
    high = np.bincount(word, (shifted >> np.uint64(32)).astype(np.float64), count)
    low = np.bincount(word + 1, (shifted & np.uint64(0xFFFFFFFF)).astype(np.float64), count)
    packed = bytearray((high + low).astype(np.uint32).astype(">u4").tobytes()[: -(-total // 8)])
    packed[-1] |= (1 << -total % 8) - 1
    return bytes(packed)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _frame_header(shape: tuple[int, ...], precision: int, components: bytes) -> bytes:
    parts = b"".join(bytes((identifier, 0x11, 0)) for identifier in components)
    return struct.pack(">BHHB", precision, shape[0], shape[1], len(components)) + parts


def _scan_header(components: bytes) -> bytes:
    parts = b"".join(bytes((identifier, 0)) for identifier in components)
    return bytes((len(components),)) + parts + bytes((_LEFT, 0, 0))


def _table(lengths: dict[int, int]) -> bytes:
    """The Huffman table 0: how many codes there are of each length, and their categories. Source: B.2.4.2."""
    counts = bytes(sum(length == wanted for length in lengths.values()) for wanted in range(1, _LONGEST_CODE + 1))
    return b"\0" + counts + bytes(_in_order(lengths))
