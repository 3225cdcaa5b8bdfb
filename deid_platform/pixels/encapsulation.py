"""Encoded frames of encapsulated pixel data, one at a time.

Offset tables are ignored: they may leave fragments out, and what they leave out would be released unread. A frame
starts where an image starts, every fragment belongs to a frame, and there must be as many frames as declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

_ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"


def encoded_frames(file: BinaryIO, count: int, longest: int, starts: Callable[[bytes], bool]) -> Iterator[bytes]:
    """Yield the ``count`` encoded frames of the value at which ``file`` stands, leaving it behind the value.

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
    frame = bytearray()
    found = 0
    for fragment in _fragments(file, longest):
        begins = starts(fragment)
        if begins and frame:
            yield bytes(frame)
            frame.clear()
        found += begins
        if not found or found > count or len(frame) + len(fragment) > longest:
            raise ValueError("the fragments do not make up the declared frames")
        frame += fragment
    if found != count:
        raise ValueError("there are fewer frames than declared")
    yield bytes(frame)


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
