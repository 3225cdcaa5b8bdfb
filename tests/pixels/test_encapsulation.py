"""Encoded frames of encapsulated pixel data."""

from __future__ import annotations

import io
import struct

import pytest

from deid_platform.pixels.encapsulation import encoded_frames

DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"


def item(data: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<L", len(data)) + data


def value(*fragments: bytes, table: bytes = b"") -> bytes:
    return item(table) + b"".join(map(item, fragments)) + DELIMITER


def read(data: bytes, count: int, longest: int = 100) -> list[bytes]:
    frames = encoded_frames(io.BytesIO(data), count, longest, lambda fragment: fragment.startswith(b"A"))
    return list(map(b"".join, frames))


def test_a_frame_is_all_its_fragments() -> None:
    assert read(value(b"A1", b"2", b"A3", b"", b"4", b"5", b"A6"), 3) == [b"A12", b"A345", b"A6"]


def test_offset_tables_decide_nothing() -> None:
    table = struct.pack("<2L", 0, 4096)
    assert read(value(b"A1", b"A2", table=table), 2) == [b"A1", b"A2"]


def test_the_file_is_left_behind_the_value() -> None:
    file = io.BytesIO(value(b"A1") + b"rest")
    list(encoded_frames(file, 1, 100, lambda _: True))
    assert file.read() == b"rest"


@pytest.mark.parametrize("count", [1, 3])
def test_more_or_fewer_frames_than_declared_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="frames"):
        read(value(b"A1", b"A2"), count)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        DELIMITER,
        item(b""),
        value(),
        value(b"1", b"A2"),
        value(b"A1")[:-9],
        value(b"A1")[:-8],
        value(b"A1")[:-1],
        value(b"A1", table=b"\0\0\0\0").replace(b"\x04\0\0\0", b"\xff\xff\xff\xff"),
        item(b"") + b"\xe0\x7f\x10\x00" + DELIMITER,
    ],
)
def test_broken_encapsulation_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"fragment|item|frames|empty"):
        read(data, 1)


@pytest.mark.parametrize("fragments", [(b"A" * 101,), (b"A" * 60, b"B" * 60)])
def test_a_frame_longer_than_allowed_is_refused(fragments: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match=r"long|declared"):
        read(value(*fragments), 1)
