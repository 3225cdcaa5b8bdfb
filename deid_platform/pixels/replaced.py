"""Pixel values of which some frames are replaced while they are copied; what is not masked goes out as it came in."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

import numpy as np

from deid_platform.formats.dicom.encode import Rewritten, Sink
from deid_platform.pixels import native
from deid_platform.pixels.encapsulation import END, HEADER, has_offset_table, item
from deid_platform.pixels.encode import reencoded, samples_of, target_of
from deid_platform.pixels.fill import UNFILLED, Filled, fill
from deid_platform.pixels.frames import PixelSource
from deid_platform.pixels.layout import Layout
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.refusal import undecodable

Masks = Sequence[Mask | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeFrames(Rewritten):
    """Native pixels, some frames at a time so that each time begins at a byte, or at a word where bytes are swapped.

    ``changed`` counts the frames in which a pixel changed, once they are written: for text, and of heads.
    """

    pixels: PixelSource
    masks: Masks
    changed: Counter[str]

    def write_to(self, source: BinaryIO, sink: Sink) -> None:
        """See :class:`~deid_platform.formats.dicom.encode.Rewritten`."""
        layout, file = self.pixels.layout, self.pixels.file
        step = 8 if layout.bits_allocated == 1 else 1 + native.swapped(layout) * layout.frame_bytes % 2
        file.seek(layout.offset)
        left = self.length
        for first in range(0, layout.frames, step):
            masks = self.masks[first : first + step]
            last = first + step >= layout.frames
            piece = file.read(left if last else step * layout.frame_bits // 8)
            left -= len(piece)
            sink.write(self._masked(piece, masks) if any(masks) else piece)
        if left:
            raise undecodable("the pixels are cut off")

    def _masked(self, piece: bytes, masks: Masks) -> bytes:
        """Some frames, and what pads the last one, with the masked pixels replaced."""
        layout = self.pixels.layout
        units = np.frombuffer(_swapped(piece) if native.swapped(layout) else piece, np.uint8)
        bits = layout.bits_allocated == 1
        units = np.unpackbits(units, bitorder="little") if bits else units.copy()
        size = layout.frame_bits if bits else layout.frame_bytes
        for number, mask in enumerate(masks):
            if mask:
                frame = slice(number * size, (number + 1) * size)
                samples = native.unpacked(units[frame].tobytes(), layout)
                count(self.changed, fill(samples, mask, layout))
                units[frame] = np.frombuffer(native.packed(samples, layout), np.uint8)
        data = (np.packbits(units, bitorder="little") if bits else units).tobytes()
        return _swapped(data) if native.swapped(layout) else data


def count(changed: Counter[str], filled: Filled) -> None:
    """Count a frame that changed."""
    changed["frames"] += filled.text
    changed["heads"] += filled.head


def _swapped(data: bytes) -> bytes:
    """Bytes with neighbours exchanged; a last one without a neighbour stays."""
    pairs = np.frombuffer(data, np.uint16, len(data) // 2)
    return pairs.byteswap().tobytes() + data[2 * len(pairs) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedFrames(Rewritten):
    """Encapsulated pixels, some frames of which are encoded anew.

    ``target`` is how they are declared from now on, ``spool`` holds the new frames one after the other. For each frame
    ``sizes`` has its bytes with the headers of its items, and ``new`` the bytes of a new one, 0 where it stays.
    ``whole`` tells that each frame is one fragment, ``table`` that its offsets are listed.
    """

    pixels: PixelSource
    target: Layout
    spool: BinaryIO
    sizes: Sequence[int]
    new: Sequence[int]
    whole: bool
    table: bool

    def write_to(self, source: BinaryIO, sink: Sink) -> None:
        """See :class:`~deid_platform.formats.dicom.encode.Rewritten`."""
        offsets = self._offsets()
        listed = self.table and offsets[-1] < 1 << 32
        sink.write(item(struct.pack(f"<{len(offsets)}I", *offsets) if listed else b""))
        self.spool.seek(0)
        stays = self.pixels.encoded() if 0 in self.new else iter([[]] * len(self.new))
        for size, fragments in zip(self.new, stays, strict=True):
            for fragment in [self.spool.read(size)] if size else fragments:
                sink.write(item(fragment))
        sink.write(END)

    def extended_tables(self) -> tuple[bytes, bytes] | None:
        """Extended Offset Table and its lengths, which only fragments that are whole frames may have.

        Source: PS3.3 C.7.6.3.1.8.
        """
        if not self.whole:
            return None
        pack = struct.Struct(f"<{len(self.sizes)}Q").pack
        return pack(*self._offsets()), pack(*(size - HEADER for size in self.sizes))

    def _offsets(self) -> list[int]:
        return list(accumulate(self.sizes[:-1], initial=0))


def encode_masked(pixels: PixelSource, masks: Masks, spool: BinaryIO, changed: Counter[str]) -> EncodedFrames:
    """Encode anew the frames that change, or all if the transfer syntax has to, into ``spool``.

    ``changed`` counts the frames in which a pixel changes.

    Raises
    ------
    UnsafeToRelease
        A frame cannot be decoded as declared, or cannot be encoded without loss.
    """
    layout = target = pixels.layout
    sizes, new, whole = [], [], True
    for index, (fragments, mask) in enumerate(zip(pixels.encoded(), masks, strict=True)):
        if not index:
            target = target_of(layout, b"".join(fragments))
        data, filled = _new_frame(b"".join(fragments), mask, layout, target)
        count(changed, filled)
        if data:
            new.append(spool.write(data))
            sizes.append(HEADER + new[-1])
            continue
        new.append(0)
        sizes.append(sum(HEADER + len(fragment) + len(fragment) % 2 for fragment in fragments))
        whole &= len(fragments) == 1
    pixels.file.seek(layout.offset)
    return EncodedFrames(
        0, 0, True, pixels=pixels, target=target, spool=spool,
        sizes=sizes, new=new, whole=whole, table=has_offset_table(pixels.file),
    )  # fmt: skip


def _new_frame(frame: bytes, mask: Mask | None, layout: Layout, target: Layout) -> tuple[bytes, Filled]:
    """The frame encoded anew, nothing where it can stay as it is; and whether a pixel of it changed."""
    if not mask and target == layout:
        return b"", UNFILLED
    cells = samples_of(frame, layout)
    changed = fill(cells, mask, target) if mask else UNFILLED
    if not changed and target == layout:
        return b"", UNFILLED
    data = reencoded(cells, frame, layout, target)
    return data + bytes(len(data) % 2), changed
