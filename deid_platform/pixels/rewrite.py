"""The one writer of masked pixels: from a scrubbed DICOM file and masks to the same file with nothing left under them.

Only frames that are masked are encoded anew, and never with loss; the rest of the file goes out byte for byte, but for
what would no longer be true. Where a transfer syntax cannot take a frame without loss, the whole object gets another
(:mod:`~deid_platform.pixels.encode`), and what decoders make of its pixels outside the masks is the same as before.
Memory is bounded by one frame; new frames wait in a temporary file beside the output until their sizes are known.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from deid_platform.formats.dicom.elements import PIXEL_TAGS, DataSet, Element, Encoding, Extent
from deid_platform.formats.dicom.files import write_file
from deid_platform.formats.dicom.markers import claim_no_face
from deid_platform.formats.dicom.source import Source, open_source
from deid_platform.pixels.decode import LOSSY_JPEG
from deid_platform.pixels.frames import PixelSource, open_pixels
from deid_platform.pixels.layout import Layout, Limits
from deid_platform.pixels.overlays import overlays_of
from deid_platform.pixels.replaced import Masks, NativeFrames, encode_masked

_META_LENGTH, _TRANSFER_SYNTAX = 0x00020000, 0x00020010
_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
_ALLOCATED, _STORED, _HIGH = 0x00280100, 0x00280101, 0x00280102
_BURNED_IN, _LOSSY = 0x00280301, 0x00282110
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
# What was counted or made from all pixels, and may now differ from them or show what they no longer do: the icon, the
# least and greatest pixel value, also of the series and of a plane, and the histogram. All are optional.
_STALE = frozenset((0x00880200, 0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110, 0x00280111, 0x00603000))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What was done to a file.

    In how many ``frames`` a pixel changed because of text, how many ``pixels`` of frames and pictures of ``overlays``
    are masked for it, the transfer syntax before and after, and in how many frames a pixel of ``heads`` changed.
    """

    frames: int
    pixels: int
    overlays: int
    transfer_syntax: str
    new_transfer_syntax: str
    heads: int = 0


def write_masked(
    source: Path,
    output: Path,
    masks: Masks,
    limits: Limits | None = None,
    *,
    overlays: Masks = (),
    all_text: bool = False,
    no_face: bool = False,
) -> Rewrite:
    """Write a DICOM file with its masked pixels replaced (:mod:`~deid_platform.pixels.fill`).

    Parameters
    ----------
    source, output
        A scrubbed file, and where to write the cleaned one; with nothing masked, its copy.
    masks
        One for each frame, None where nothing is masked.
    limits
        What the file may declare.
    overlays
        One for each picture of :func:`~deid_platform.pixels.overlays.overlay_frames`; none at all masks none.
    all_text
        Whether the masks cover all text, so that Burned In Annotation may say NO.
    no_face
        Whether the masks take out all that a face can be recognised by in the volume this file belongs to, so that
        Recognizable Visual Features says NO, and code 113102 is claimed where others are (PS3.15 2026c E.3.2).

    Raises
    ------
    UnsafeToRelease
        With PIXELS_UNDECODABLE, VIDEO or TOO_LARGE.
    MalformedFile
        The file is none that was scrubbed.
    ValueError
        There are other masks than frames, or of another size.
    """
    with open_source(source) as opened, open_pixels(source, limits) as pixels:
        _check(masks, pixels)
        touched = [mask for mask in masks if mask]
        pictures, changed = _mask_overlays(source, opened, overlays), Counter[str]()
        syntax = new_syntax = opened.transfer_syntax
        if not touched and not pictures and not no_face:
            shutil.copyfile(source, output)
            return Rewrite(0, 0, 0, syntax, syntax)
        with tempfile.TemporaryFile(dir=output.parent) as spool, output.open("wb") as sink:
            if pixels is not None and touched:
                new_syntax = _mask_pixels(opened, pixels, masks, spool, changed)
            if all_text:
                _put(opened.data, _BURNED_IN, "CS", b"NO")
            if no_face:
                claim_no_face(opened.data)
            opened.meta.pop(_META_LENGTH, None)
            _put(opened.meta, _TRANSFER_SYNTAX, "UI", new_syntax.encode())
            write_file(sink, opened.meta, opened.data, opened)
    count = sum(int(mask.text_pixels().sum()) for mask in touched)
    return Rewrite(changed["frames"], count, pictures, syntax, new_syntax, changed["heads"])


def _check(masks: Masks, pixels: PixelSource | None) -> None:
    frames = pixels.layout.frames if pixels is not None else 0
    if len(masks) != frames:
        raise ValueError(f"{len(masks)} masks for {frames} frames")
    if pixels is not None:
        _check_size(masks, pixels.layout.rows, pixels.layout.columns)


def _check_size(masks: Masks, rows: int, columns: int) -> None:
    if any(mask is not None and (mask.rows, mask.columns) != (rows, columns) for mask in masks):
        raise ValueError(f"a mask is not of {rows} x {columns} pixels")


def _mask_overlays(source: Path, opened: Source, masks: Masks) -> int:
    """Clear what is masked of overlays in the data set; the number of pictures that were masked."""
    overlays = overlays_of(source) if masks else []
    if len(masks) != sum(overlay.frames for overlay in overlays):
        raise ValueError("there are other masks than pictures of overlays")
    left = iter(masks)
    for overlay in overlays:
        own = list(islice(left, overlay.frames))
        _check_size(own, overlay.rows, overlay.columns)
        if any(own):
            element = opened.data[overlay.tag]
            element.value = overlay.masked(_bytes_of(element, opened.file), own)
    return sum(map(bool, masks))


def _bytes_of(element: Element, file: BinaryIO) -> bytes:
    value = element.value
    if isinstance(value, Extent):
        file.seek(value.offset)
        return file.read(value.length)
    return value if isinstance(value, bytes) else b""


def _mask_pixels(
    opened: Source, pixels: PixelSource, masks: Masks, spool: BinaryIO, changed: Counter[str]
) -> str:
    """Prepare the pixel element to be written masked, and the data set to go with it; the new transfer syntax."""
    data, layout = opened.data, pixels.layout
    for tag in _STALE:
        data.pop(tag, None)
    (element,) = (data[tag] for tag in PIXEL_TAGS & data.keys())
    if layout.length is not None:
        element.value = NativeFrames(0, layout.length, pixels=pixels, masks=masks, changed=changed)
        return opened.transfer_syntax
    frames = encode_masked(pixels, masks, spool, changed)
    element.value = frames
    tables = frames.extended_tables()
    for tag, table in zip((_OFFSETS, _LENGTHS), tables or (b"", b""), strict=True):
        if data.pop(tag, None) is not None and table:
            _put(data, tag, "OV", table)
    if frames.target != layout:
        element.vr = "OB"
        _declare(data, opened.encoding, layout, frames.target)
    return str(frames.target.transfer_syntax)


def _declare(data: DataSet, encoding: Encoding, old: Layout, new: Layout) -> None:
    """Say how the pixels are stored from now on, and still that something was lost once. Source: PS3.3 C.7.6.1.1.5."""
    _put(data, _PHOTOMETRIC, "CS", new.photometric.encode())
    numbers = {_ALLOCATED: new.bits_allocated, _STORED: new.bits_stored, _HIGH: new.high_bit}
    if new.samples > 1:
        numbers[_PLANAR] = new.planar
    for tag, number in numbers.items():
        _put(data, tag, "US", struct.pack(encoding.order + "H", number))
    if old.transfer_syntax in LOSSY_JPEG:
        _put(data, _LOSSY, "CS", b"01")


def _put(data: DataSet, tag: int, vr: str, value: bytes) -> None:
    data[tag] = Element(tag, vr, value)
