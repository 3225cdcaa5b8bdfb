"""Encapsulated pixels (PS3.5 A.4), written frame by frame with nothing but the image in them.

A frame may lie in several fragments. It keeps its length, so offset tables stay true; those that are not are made anew
or left out, since a table that lists no frames may list anything.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from mmap import ACCESS_READ, mmap
from typing import BinaryIO

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom import codestream, jpeg2000
from deid_platform.formats.dicom.codestream import Buffer, Finder, Patch
from deid_platform.formats.dicom.encode import CHUNK, Rewritten, Sink
from deid_platform.model import Reason
from deid_platform.pixels.codestream import starts_image
from deid_platform.pixels.decode import DEFLATED_FRAMES

RLE_LOSSLESS = "1.2.840.10008.1.2.5"
MAX_JOINED = 1 << 30
"""A frame in several fragments is put together to be looked at, up to 1 GiB."""
# No decoder reads JPEG XL, nobody looks into MPEG and HEVC: the pixel stage refuses them all.
_NOT_WALKED = ("1.2.840.10008.1.2.4.10", "1.2.840.10008.1.2.4.11", "1.2.840.10008.1.2.7.")
_MAGIC = {b"\xff\xd8": codestream.jpeg, b"\xff\x4f": jpeg2000.codestream, b"\0\0": jpeg2000.boxes}
_HEAD = struct.Struct("<HHI")
_ITEM, _DELIMITER = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)

Span = tuple[int, int]
"""Where a fragment begins and ends, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encapsulated(Rewritten):
    """Fragments in their file. ``found`` counts what was taken out of them; ``plane`` is rows times columns in bytes
    of one sample, which run-length encoded segments expand to."""

    syntax: str
    frames: int
    plane: int
    found: Counter[str]

    def write_to(self, source: BinaryIO, sink: Sink) -> None:
        """See :class:`~deid_platform.formats.dicom.encode.Rewritten`."""
        with mmap(source.fileno(), 0, access=ACCESS_READ) as buffer:
            table, spans = fragments(buffer, self.offset)
            grouped = self.grouped(buffer, spans)
            self._write_table(sink, buffer[slice(*table)], frame_offsets(grouped))
            for frame in grouped:
                self._write_frame(sink, buffer, frame)
        sink.write(_HEAD.pack(*_DELIMITER, 0))

    def grouped(self, buffer: Buffer, spans: Sequence[Span]) -> list[list[Span]]:
        """The fragments of each frame, empty ones left out."""
        each = self.syntax in (RLE_LOSSLESS, DEFLATED_FRAMES)
        grouped: list[list[Span]] = []
        for start, end in spans:
            if start == end:
                continue
            if each or not grouped or starts_image(buffer[start : min(end, start + 12)]):
                grouped.append([])
            grouped[-1].append((start, end))
        return grouped

    def lists(self, buffer: Buffer, offsets: bytes, lengths: bytes) -> bool:
        """Whether these extended tables are those of the frames; a frame may be a byte shorter than its fragment."""
        grouped = self.grouped(buffer, fragments(buffer, self.offset)[1])
        if len(grouped) != self.frames or not len(offsets) == len(lengths) == 8 * self.frames:
            return False
        true = struct.pack(f"<{self.frames}Q", *frame_offsets(grouped))
        said = struct.unpack(f"<{self.frames}Q", lengths)
        sizes = [frame[0][1] - frame[0][0] if len(frame) == 1 else 0 for frame in grouped]
        return offsets == true and all(
            length + length % 2 == size + size % 2 for size, length in zip(sizes, said, strict=True)
        )

    def _write_table(self, sink: Sink, table: bytes, offsets: list[int]) -> None:
        """The Basic Offset Table: as it is if true, made anew if it was there and can be, else empty."""
        fits = len(offsets) == self.frames and offsets and offsets[-1] < 1 << 32
        true = struct.pack(f"<{len(offsets)}I", *offsets) if fits and table else b""
        self.found["offset table"] += table != true
        sink.write(_HEAD.pack(*_ITEM, len(true)) + true)

    def _write_frame(self, sink: Sink, buffer: mmap, frame: list[Span]) -> None:
        if len(frame) == 1:
            (start, end) = frame[0]
            sink.write(_HEAD.pack(*_ITEM, end - start + (end - start) % 2))
            patches = sorted(self._patches(buffer, start, end))
            for piece in _patched(buffer, start, end, patches):
                sink.write(piece)
            sink.write(bytes((end - start) % 2))
            return
        if sum(end - start for start, end in frame) > MAX_JOINED:
            raise MalformedFile("A compressed frame is larger than allowed.", Reason.TOO_LARGE)
        joined = b"".join(buffer[start:end] for start, end in frame)
        joined = b"".join(_patched(joined, 0, len(joined), sorted(self._patches(joined, 0, len(joined)))))
        at = 0
        for start, end in frame:
            part = joined[at : at + end - start]
            part += bytes(len(part) % 2)
            sink.write(_HEAD.pack(*_ITEM, len(part)) + part)
            at += end - start

    def _patches(self, buffer: Buffer, start: int, end: int) -> Iterator[Patch]:
        finder = self._finder(buffer[start : min(end, start + 12)])
        for patch in finder(buffer, start, end) if finder else ():
            self.found["codestream"] += 1
            yield patch

    def _finder(self, head: bytes) -> Finder | None:
        if self.syntax == RLE_LOSSLESS:
            return codestream.run_lengths(self.plane)
        if self.syntax == DEFLATED_FRAMES:
            return codestream.deflated
        if self.syntax.startswith(_NOT_WALKED):
            return None
        if not starts_image(head):
            raise MalformedFile("A compressed frame is of an unknown kind.", Reason.PIXELS_UNDECODABLE)
        return _MAGIC[head[:2]]


def fragments(buffer: Buffer, at: int) -> tuple[Span, list[Span]]:
    """The offset table and the fragments of the value that begins at ``at``, which ends with a delimiter."""
    spans: list[Span] = []
    while True:
        group, number, length = _HEAD.unpack_from(buffer, at)
        if (group, number) != _ITEM:
            break
        spans.append((at + 8, at + 8 + length))
        at += 8 + length
    if not spans:
        raise MalformedFile("The encapsulated pixels have no offset table.", Reason.PIXELS_UNDECODABLE)
    return spans[0], spans[1:]


def frame_offsets(grouped: Sequence[Sequence[Span]]) -> list[int]:
    """Where each frame begins behind the offset table, as the table has to say."""
    offsets, at = [], 0
    for frame in grouped:
        offsets.append(at)
        at += sum(8 + end - start + (end - start) % 2 for start, end in frame)
    return offsets


def _patched(buffer: Buffer, start: int, end: int, patches: Sequence[Patch]) -> Iterator[bytes]:
    """The bytes of a span with patches in their places, in pieces."""
    at = start
    for offset, new in (*patches, (end, b"")):
        yield from map(partial(_piece, buffer, offset), range(at, offset, CHUNK))
        yield new
        at = offset + len(new)


def _piece(buffer: Buffer, end: int, at: int) -> bytes:
    return buffer[at : min(at + CHUNK, end)]
