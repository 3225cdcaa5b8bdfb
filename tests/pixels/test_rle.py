"""Strict decoding of RLE Lossless."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_platform.pixels.rle import planes


def frame(*segments: bytes) -> bytes:
    offsets = [64 + sum(map(len, segments[:number])) for number in range(len(segments))]
    return struct.pack("<16L", len(segments), *offsets, *[0] * (15 - len(segments))) + b"".join(segments)


def literal(data: bytes) -> bytes:
    return bytes([len(data) - 1]) + data


def test_literal_and_repeated_runs_are_expanded() -> None:
    assert planes(frame(b"\x02abc\xfed\x80\xffe"), 1, 8) == [b"abcdddee"]


def test_each_segment_is_a_plane() -> None:
    assert planes(frame(literal(b"high"), literal(b"low!")), 2, 4) == [b"high", b"low!"]


def test_padding_of_a_segment_is_no_pixel() -> None:
    assert planes(frame(literal(b"abc") + b"\0\0"), 1, 3) == [b"abc"]


def repeated(value: int, times: int) -> bytes:
    return bytes([257 - times, value])


runs = st.one_of(
    st.binary(min_size=1, max_size=128).map(lambda data: (literal(data), data)),
    st.tuples(st.integers(0, 255), st.integers(2, 128)).map(lambda run: (repeated(*run), bytes([run[0]]) * run[1])),
    st.just((b"\x80", b"")),
)


@given(st.lists(runs, min_size=1, max_size=20))
def test_any_runs_decode_to_what_they_stand_for(parts: list[tuple[bytes, bytes]]) -> None:
    written, meant = (b"".join(side) for side in zip(*parts, strict=True))
    assert planes(frame(written), 1, len(meant)) == [meant]


@pytest.mark.parametrize(
    ("broken", "count"),
    [
        (b"", 1),
        (frame(literal(b"abcd"))[:63], 1),
        (frame(literal(b"abcd")), 2),
        (frame(literal(b"abcd"), literal(b"abcd")), 1),
        (frame(literal(b"abc")), 1),
        (frame(literal(b"abcde")), 1),
        (frame(literal(b"abcd") + literal(b"more")), 1),
        (frame(literal(b"abcd")[:-1]), 1),
        (frame(b"\xfd"), 1),
        (frame(b""), 1),
        (struct.pack("<16L", 1, 60, *[0] * 14) + literal(b"abcd"), 1),
        (struct.pack("<16L", 2, 64, 10, *[0] * 13) + literal(b"abcd"), 2),
    ],
)
def test_anything_but_the_declared_size_is_refused(broken: bytes, count: int) -> None:
    with pytest.raises(ValueError, match="run-length encoded frame"):
        planes(broken, count, 4)
