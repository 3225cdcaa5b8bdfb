"""What a DICOM file declares about its pixels, read and checked before anything is decoded."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from deid_platform.pixels.refusal import too_large, undecodable, video

_KEYWORDS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_FLOAT_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}
_NATIVE = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
# MPEG-2, MPEG-4 and HEVC with their fragmentable variants, and SMPTE ST 2110. Source: PS3.6 table A-1.
_VIDEO = ("1.2.840.10008.1.2.4.10", "1.2.840.10008.1.2.7.")
_SAMPLES = {"MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1}
_TAGS = [
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPresentation",
    "WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope",
    "SOPClassUID", "ConversionType", "Modality", "Manufacturer", "ManufacturerModelName", "SequenceOfUltrasoundRegions",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one object may declare, so that a small file cannot ask for all memory or all time.

    ``frame_bytes``: one decoded frame. ``total_bytes``: all frames decoded, and a deflated data set inflated.
    ``frames``: their number.
    """

    frame_bytes: int = 2**28
    total_bytes: int = 2**36
    frames: int = 2**20


@dataclass(frozen=True, slots=True)
class Layout:
    """The declared shape of the pixels, all of it checked to make sense; ``offset`` is where the value starts.

    ``length`` is the number of bytes of a native value, None for an encapsulated one. ``header`` keeps the elements
    needed for display (palettes, display windows, rescale values) and for telling whose screen is shown.
    """

    transfer_syntax: UID
    keyword: str
    vr: str
    offset: int
    length: int | None
    rows: int
    columns: int
    samples: int
    photometric: str
    planar: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    frames: int
    header: Dataset

    @property
    def frame_bits(self) -> int:
        """Bits of one frame as stored natively. Source: PS3.5 8.1.1, 8.2; PS3.3 C.7.6.3.1.2."""
        bits = self.rows * self.columns * self.samples * self.bits_allocated
        return bits // 3 * 2 if self.photometric == "YBR_FULL_422" and self.length is not None else bits

    @property
    def frame_bytes(self) -> int:
        """Whole bytes of one frame, also of a bit-packed one that stands alone."""
        return -(-self.frame_bits // 8)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the DICOM library from warning or logging, for the block only: its words may quote values of the file."""
    logger = logging.getLogger("pydicom")
    propagate = logger.propagate
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.propagate = propagate


def value_of(header: Dataset, keyword: str) -> Any:
    """The value of an element; None when it is absent or empty, NaN when it cannot be read."""
    try:
        with quiet():
            return header.get(keyword)
    except Exception:  # noqa: BLE001 - the library raises whatever it likes
        return float("nan")


def read_layout(file: BinaryIO, limits: Limits) -> Layout | None:
    """Read the header of an open DICOM file whose data set is not deflated; None when it holds no pixels.

    Raises
    ------
    UnsafeToRelease
        The header cannot be read, makes no sense, or declares more than the limits allow.
    """
    header = _header(file)
    syntax = _transfer_syntax(header)
    element = file.tell()
    size = file.seek(0, 2)
    if element == size:
        return None
    file.seek(element)
    keyword, vr, length = _element(file, header)
    if syntax.startswith(_VIDEO):
        raise video()
    layout = _layout(header, keyword, vr, file.tell(), length)
    _check_limits(layout, limits)
    _check(layout, size)
    return layout


def _header(file: BinaryIO) -> Dataset:
    """What matters of the header; leaves the file at the pixel element, or at its end if there is none."""
    try:
        with quiet():
            return dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
    except Exception:  # noqa: BLE001 - the library raises whatever it likes
        raise undecodable("the header cannot be read") from None


def _element(file: BinaryIO, header: Dataset) -> tuple[str, str, int | None]:
    """Keyword, value representation and length (None if undefined) of the pixel element that starts here."""
    implicit, little = header.original_encoding
    order: Literal["little", "big"] = "little" if little else "big"
    head = file.read(8 if implicit else 12)
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
    vr = "OW" if implicit else head[4:6].decode("latin-1")
    length = int.from_bytes(head[-4:], order)
    if tag not in _KEYWORDS or vr not in {"OB", "OW", "OF", "OD", "UN"} or len(head) < 8:
        raise undecodable("the data set ends or breaks before its pixels")
    return _KEYWORDS[tag], vr, None if length == 0xFFFFFFFF else length


def _layout(header: Dataset, keyword: str, vr: str, offset: int, length: int | None) -> Layout:
    floating = keyword in _FLOAT_BITS
    allocated = _whole(header, "BitsAllocated", 1, 64)
    stored = allocated if floating else _whole(header, "BitsStored", 1, allocated)
    samples = _whole(header, "SamplesPerPixel", 1, 3)
    return Layout(
        transfer_syntax=_transfer_syntax(header),
        keyword=keyword,
        vr=vr,
        offset=offset,
        length=length,
        rows=_whole(header, "Rows", 1, 0xFFFF),
        columns=_whole(header, "Columns", 1, 0xFFFF),
        samples=samples,
        photometric=str(value_of(header, "PhotometricInterpretation")),
        planar=_whole(header, "PlanarConfiguration", 0, 1, 0 if length is None or samples == 1 else None),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=_whole(header, "HighBit", stored - 1, allocated - 1, stored - 1),
        signed=not floating and bool(_whole(header, "PixelRepresentation", 0, 1)),
        frames=_whole(header, "NumberOfFrames", 1, 2**31, 1),
        header=header,
    )


def _transfer_syntax(header: Dataset) -> UID:
    value = header.file_meta.get("TransferSyntaxUID")
    if not isinstance(value, UID):
        raise undecodable("the transfer syntax is missing")
    return value


def _whole(header: Dataset, keyword: str, least: int, most: int, default: int | None = None) -> int:
    """The one whole number of an element, or the default where the element is absent or empty."""
    value = value_of(header, keyword)
    try:
        number = default if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not least <= number <= most:
        raise undecodable(f"{keyword} is missing or makes no sense")
    return number


def _check(layout: Layout, size: int) -> None:
    """See that the declarations fit each other and the bytes that are there."""
    if layout.samples != _SAMPLES.get(layout.photometric, 3):
        raise undecodable("SamplesPerPixel contradicts PhotometricInterpretation")
    if layout.bits_allocated != _FLOAT_BITS.get(layout.keyword, layout.bits_allocated):
        raise undecodable("BitsAllocated contradicts the pixel element")
    if layout.bits_allocated != 1 and layout.bits_allocated not in {8, 16, 32, 64}:
        raise undecodable("BitsAllocated makes no sense")
    if (layout.transfer_syntax in _NATIVE) != (layout.length is not None):
        raise undecodable("the transfer syntax contradicts the pixel element")
    if layout.length is not None:
        _check_native(layout, layout.length, size)


def _check_native(layout: Layout, length: int, size: int) -> None:
    """A native value has the declared length, plus one byte where that is odd. Source: PS3.5 8.1.1.

    A longer one may hold frames nobody is shown, so it is refused like a shorter one.
    """
    expected = -(-layout.frame_bits * layout.frames // 8)
    if length not in {expected, expected + expected % 2}:
        raise undecodable("the length of the pixels contradicts the declared size")
    if layout.offset + length > size:
        raise undecodable("the pixels are cut off")
    if layout.bits_allocated == 1 and layout.vr == "OW" and layout.transfer_syntax == ExplicitVRBigEndian:
        raise undecodable("packed bits in big-endian words have no agreed order")


def _check_limits(layout: Layout, limits: Limits) -> None:
    if layout.frames > limits.frames:
        raise too_large("number of frames")
    # Bit-packed samples take a byte each once decoded.
    decoded = layout.rows * layout.columns * layout.samples * max(layout.bits_allocated // 8, 1)
    if decoded > limits.frame_bytes:
        raise too_large("size of one frame")
    if decoded * layout.frames > limits.total_bytes:
        raise too_large("size of all frames")
