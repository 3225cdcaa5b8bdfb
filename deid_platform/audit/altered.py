"""Whether anything but the masked regions differs between the pixels of an object and those of its original.

Where the encoded bytes are the same, so is what they show. Else both are decoded, by pydicom and the decoders it calls,
and compared frame by frame; only where these know no way, by the reader of this platform.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from deid_platform.audit.opened import Opened, opened
from deid_platform.errors import DeidError
from deid_platform.model import Masking, Region
from deid_platform.pixels.frames import frames
from deid_platform.pixels.layout import quiet

Hit = tuple[str, str]
_PIECE = 1 << 22
_UNDEFINED = 0xFFFFFFFF
_TAIL = 4096
"""Bytes behind the last frame that cleaning may cut off."""
_NATIVE = frozenset(map(str, (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)))
_SHAPE = ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel")
_MEANING = (*_SHAPE, "PhotometricInterpretation", "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit",
            "PixelRepresentation")  # fmt: skip
_OVERLAY_DATA = [group << 16 | 0x3000 for group in range(0x6000, 0x6020, 2)]
# Decoders of lossy JPEG round differently: both sides are decoded by the same.
_PLUGINS: dict[str, str] = {JPEGBaseline8Bit: "pillow"}


def altered_pixels(source: Path, output: Path, masking: Masking) -> Iterator[Hit]:
    """What differs outside of what ``masking`` names: (place, kind).

    What can be compared in no way is a hit, too. Every bit outside Bits Stored may differ: those are cleaned.
    """
    try:
        found = list(_hits(source, output, masking))
    except Exception:  # noqa: BLE001 - whatever pydicom trips over, nobody can say that the pixels are the same
        found = [("pixels", "not_compared")]
    yield from found


def _hits(source: Path, output: Path, masking: Masking) -> Iterator[Hit]:
    with quiet(), opened(source) as original, opened(output) as cleaned:
        if not masking.overlays and _overlays(original.elements, cleaned.elements):
            yield "overlay", "altered"
        if original.has_pixels != cleaned.has_pixels:
            yield "pixels", "missing"
        elif cleaned.has_pixels and not _same_bytes(original, cleaned):
            yield from _compared(original, cleaned, source, output, (*masking.regions, *masking.head_regions))
        elif masking.masked or masking.heads:
            yield "pixels", "not_masked"


def _overlays(original: Dataset, cleaned: Dataset) -> bool:
    """Whether an overlay that is left shows something else."""
    return any(tag in cleaned and _bitmap(cleaned, tag) != _bitmap(original, tag) for tag in _OVERLAY_DATA)


def _bitmap(data: Dataset, tag: int) -> bytes:
    """The bytes of an overlay as a little-endian file has them; none where it is not there."""
    if tag not in data:
        return b""
    value = bytes(data[tag].value or b"")
    return np.frombuffer(value, ">u2").astype("<u2").tobytes() if _swapped(data, data[tag].VR) else value


def _swapped(data: Dataset, vr: str) -> bool:
    return vr == "OW" and not data.original_encoding[1]


def _same_bytes(original: Opened, cleaned: Opened) -> bool:
    """Whether both hold the same pixel value and say the same of it."""
    pairs = ((original.elements.get(keyword), cleaned.elements.get(keyword)) for keyword in _MEANING)
    # Senders write numbers under odd VRs; then the types differ, and the bytes are what counts.
    if any(one != other for one, other in pairs if type(one) is type(other)) or not _same_syntax(original, cleaned):
        return False
    first, second = _value(original), _value(cleaned)
    if not _same_length(original, len(first), len(second)):
        return False
    first, second = first[: len(second)], second[: len(first)]
    pieces = ((first[at : at + _PIECE], second[at : at + _PIECE]) for at in range(0, len(first), _PIECE))
    return all(original.data[a.start : a.stop] == cleaned.data[b.start : b.stop] for a, b in pieces)


def _same_length(original: Opened, before: int, after: int) -> bool:
    """Whether one value may be the other: of native pixels what is behind the last frame goes, and odd ones are padded.

    That what is left is as long as the header says is seen when it is decoded.
    """
    return before == after or (original.transfer_syntax in _NATIVE and -1 <= before - after <= _TAIL)


def _same_syntax(original: Opened, cleaned: Opened) -> bool:
    """Whether pixels of the same bytes are the same: native ones are in every native syntax of one byte order."""
    one, other = original.transfer_syntax, cleaned.transfer_syntax
    native = {one, other} <= _NATIVE
    return original.elements.original_encoding[1] == cleaned.elements.original_encoding[1] if native else one == other


def _value(side: Opened) -> range:
    """Where the pixel value lies: from behind its header to its end, delimiters included."""
    implicit, little = side.elements.original_encoding
    start = side.bulk_at + (8 if implicit else 12)
    (length,) = struct.unpack_from("<I" if little else ">I", side.data, start - 4)
    if length != _UNDEFINED:
        return range(start, min(start + length, len(side.data)))
    at = start
    while side.data[at : at + 4] == b"\xfe\xff\x00\xe0":
        at += 8 + struct.unpack_from("<I", side.data, at + 4)[0]
    return range(start, at)


def _compared(
    original: Opened, cleaned: Opened, source: Path, output: Path, regions: tuple[Region, ...]
) -> Iterator[Hit]:
    """Decode both, by the first of the readers that can read both."""
    readers: tuple[Callable[[], bool], ...] = (
        lambda: _differ(_decoded(original), _decoded(cleaned), regions),
        lambda: _differ(frames(source), frames(output), regions),
    )
    for reader in readers:
        try:
            if reader():
                yield "pixels", "altered"
            return
        except (DeidError, _Undecodable):
            continue
    yield "pixels", "not_compared"


class _Undecodable(Exception):
    """pydicom has no way to decode the pixels."""


def _decoded(side: Opened) -> Iterator[NDArray[Any]]:
    """The frames as pydicom decodes them: YBR made RGB, bits outside Bits Stored cleared."""
    syntax = side.transfer_syntax
    try:
        decoder = get_decoder(syntax)
        side.file.seek(_value(side).start)
        options = _options(side.elements, side, syntax)
        for frame, _ in decoder.iter_array(side.file, **options):
            yield frame
    except Exception as error:
        raise _Undecodable from error


def _options(header: Dataset, side: Opened, syntax: str) -> dict[str, Any]:
    """What pydicom has to be told to decode from a file."""
    keyword = {0x08: "FloatPixelData", 0x09: "DoubleFloatPixelData"}.get(_element(side), "PixelData")
    options: dict[str, Any] = {
        "rows": header.Rows,
        "columns": header.Columns,
        "samples_per_pixel": header.SamplesPerPixel,
        "photometric_interpretation": header.PhotometricInterpretation,
        "bits_allocated": header.BitsAllocated,
        "number_of_frames": int(header.get("NumberOfFrames") or 1),
        "pixel_keyword": keyword,
        "pixel_vr": _vr(side),
    }
    if keyword == "PixelData":
        options |= {"bits_stored": header.BitsStored, "pixel_representation": header.PixelRepresentation}
    if header.SamplesPerPixel > 1:
        # How compressed colours are interleaved the codestream says; pydicom would believe the header.
        options["planar_configuration"] = 0 if UID(syntax).is_encapsulated else header.PlanarConfiguration
    if syntax in _PLUGINS:
        options["decoding_plugin"] = _PLUGINS[syntax]
    return options


def _element(side: Opened) -> int:
    little = side.elements.original_encoding[1]
    element: int = struct.unpack_from("<H" if little else ">H", side.data, side.bulk_at + 2)[0]
    return element


def _vr(side: Opened) -> str:
    implicit = side.elements.original_encoding[0]
    return "OW" if implicit else side.data[side.bulk_at + 4 : side.bulk_at + 6].decode("latin-1")


def _differ(one: Iterator[NDArray[Any]], other: Iterator[NDArray[Any]], regions: tuple[Region, ...]) -> bool:
    """Whether frames differ in number, in size, or outside of the regions."""
    for first, second in zip_longest(one, other):
        if first is None or second is None or first.shape != second.shape:
            return True
        if bool((_unequal(first, second) & ~_inside(regions, first.shape)).any()):
            return True
    return False


def _unequal(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    """Shape (rows, columns): where any sample differs; what is no number on both sides does not."""
    unequal = first != second
    if first.dtype.kind == "f":
        unequal &= ~(np.isnan(first) & np.isnan(second))
    return np.asarray(unequal.any(axis=2) if unequal.ndim == 3 else unequal)


def _inside(regions: tuple[Region, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    inside = np.zeros(shape[:2], np.bool_)
    for region in regions:
        inside[region.top : region.top + region.height, region.left : region.left + region.width] = True
    return inside
