"""Encoded frames of encapsulated pixel data, one at a time.

Offset tables are ignored: they may leave fragments out, and what they leave out would be released unread. A frame
starts where an image starts, every fragment belongs to a frame, and there must be as many frames as declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

_ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"
END = _DELIMITER + bytes(4)
"""The sequence delimiter behind the last fragment."""
HEADER = 8
"""Bytes of an item before its data."""


def encoded_frames(
    file: BinaryIO, count: int, longest: int, starts: Callable[[bytes], bool]
) -> Iterator[list[bytes]]:
    """Yield the fragments of each of ``count`` frames of the value at which ``file`` stands, leaving it behind.

    Parameters
    ----------
    file
        Positioned at the item of the Basic Offset Table; moved by nobody else meanwhile.
    count
        Number of frames the data set declares.
    longest
        Largest number of bytes an encoded frame may have.
    starts
        Whether a fragment begins a frame.

    Raises
    ------
    ValueError
        A fragment is cut off or too long, or there are more or fewer frames than declared.
        Source: PS3.5 A.4.
    """
    frame: list[bytes] = []
    found = size = 0
    for fragment in _fragments(file, longest):
        begins = starts(fragment)
        if begins and frame:
            yield frame
            frame, size = [], 0
        found += begins
        size += len(fragment)
        if not found or found > count or size > longest:
            raise ValueError("the fragments do not make up the declared frames")
        frame.append(fragment)
    if found != count:
        raise ValueError("there are fewer frames than declared")
    yield frame


def has_offset_table(file: BinaryIO) -> bool:
    """Whether the Basic Offset Table at which ``file`` stands lists anything."""
    return bool(_item(file))


def item(data: bytes) -> bytes:
    """One fragment, or the offset table, with its header and padded to an even length."""
    data += bytes(len(data) % 2)
    return _ITEM + len(data).to_bytes(4, "little") + data


def _fragments(file: BinaryIO, longest: int) -> Iterator[bytes]:
    """Every fragment that holds anything, in order, up to the delimiter, without the offset table."""
    table = _item(file)
    if table is None:
        raise ValueError("the encapsulated pixel data are empty")
    file.seek(table, 1)
    while (length := _item(file)) is not None:
        if length > longest:
            raise ValueError("a fragment is too long")
        fragment = file.read(length)
        if len(fragment) < length:
            raise ValueError("a fragment is cut off")
        if fragment:
            yield fragment


def _item(file: BinaryIO) -> int | None:
    """Length in bytes of the item that starts here; None at the delimiter."""
    header = file.read(8)
    if len(header) == 8 and header[:4] == _DELIMITER:
        return None
    if len(header) < 8 or header[:4] != _ITEM:
        raise ValueError("an item of the encapsulated pixel data is malformed")
    return int.from_bytes(header[4:], "little")
