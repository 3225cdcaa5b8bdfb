"""From one encoded frame to one array of stored values, by the decoder that is strictest for its transfer syntax."""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from deid_platform.pixels import rle
from deid_platform.pixels.codestream import Codestream, parse, starts_image
from deid_platform.pixels.layout import Layout, quiet
from deid_platform.pixels.refusal import undecodable

DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
"""Deflated Image Frame Compression. Source: PS3.5 A.4.13."""

# Extended, and the retired spectral selection and full progression: 8 or 12 bits, which the codestream tells.
_JPEG_EITHER_DEPTH = frozenset({"1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"})
LOSSY_JPEG: frozenset[str] = _JPEG_EITHER_DEPTH | {uid.JPEGBaseline8Bit}
"""Transfer syntaxes of JPEG that cannot store a frame without loss. Source: PS3.5 A.4.1."""
# Pillow, OpenJPEG and CharLS refuse a broken stream where others fill in; only GDCM reads lossless and 12-bit JPEG.
_PLUGINS: dict[str, str] = {
    uid.JPEGBaseline8Bit: "pillow",
    uid.JPEGLossless: "gdcm",
    uid.JPEGLosslessSV1: "gdcm",
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
    uid.HTJ2KLossless: "pylibjpeg",
    uid.HTJ2KLosslessRPCL: "pylibjpeg",
    uid.HTJ2K: "pylibjpeg",
}


def starts_frame(transfer_syntax: str, fragment: bytes) -> bool:
    """Whether a fragment begins a frame; in some transfer syntaxes each does. Source: PS3.5 A.4.2, A.4.13."""
    return transfer_syntax in {uid.RLELossless, DEFLATED_FRAMES} or starts_image(fragment)


def native_frame(file: BinaryIO, layout: Layout, index: int) -> NDArray[Any]:
    """Frame ``index`` of native pixels as cells, shape (rows, columns) or (rows, columns, 3); reads that frame only."""
    if layout.bits_allocated == 1:
        start = index * layout.frame_bits
        file.seek(layout.offset + start // 8)
        packed = file.read(-(-(start % 8 + layout.frame_bits) // 8))
        return _unpacked(packed, start % 8, layout)
    file.seek(layout.offset)
    return _pydicom(layout, layout.transfer_syntax, file, index=index, number_of_frames=layout.frames)


def encoded_frame(frame: bytes, layout: Layout, *, raw: bool = False) -> NDArray[Any]:
    """One encapsulated frame as cells, shape (rows, columns) or (rows, columns, 3).

    YBR is made RGB, unless ``raw``: then the samples are those that were compressed, but for the component
    transformation of JPEG 2000, which belongs to its codestream.

    Raises
    ------
    UnsafeToRelease
        No decoder for the transfer syntax, or the frame is broken or differs from what the data set declares.
    """
    syntax = layout.transfer_syntax
    if syntax == DEFLATED_FRAMES:
        return _deflated(frame, layout, raw=raw)
    if syntax == uid.RLELossless:
        return _run_length(frame, layout, raw=raw)
    if syntax not in _PLUGINS and syntax not in LOSSY_JPEG:
        raise undecodable("there is no decoder for the transfer syntax")
    precision = stated(frame, layout).precision
    if syntax in _JPEG_EITHER_DEPTH and precision > 8:
        return _jpeg_12_bit(frame, layout)
    if syntax in LOSSY_JPEG:
        # Eight bits come out whatever the data set allocates, and of every YBR there is in DICOM JPEG has one only.
        colours = "YBR_FULL_422" if layout.photometric.startswith("YBR") else layout.photometric
        changes = {"bits_allocated": 8, "bits_stored": 8, "photometric_interpretation": colours, "raw": raw}
        return _encapsulated(frame, layout, uid.JPEGBaseline8Bit, **changes)
    if _PLUGINS[syntax] == "gdcm":
        # Told of fewer bits, GDCM clears the others, in which something may hide; of fewer than 8 it ends the process.
        return _encapsulated(frame, layout, syntax, bits_stored=layout.bits_allocated, raw=raw)
    return _encapsulated(frame, layout, syntax, raw=raw)


def stated(frame: bytes, layout: Layout) -> Codestream:
    """What the codestream says, having seen that it is what the data set declares.

    Raises
    ------
    UnsafeToRelease
        It is not.
    """
    try:
        found = parse(frame)
    except ValueError as error:
        raise undecodable(str(error)) from None
    if (found.rows, found.columns, found.samples) != (layout.rows, layout.columns, layout.samples):
        raise undecodable("the compressed frame differs in size from the declared one")
    if found.precision > layout.bits_allocated:
        raise undecodable("the compressed frame has more bits than declared")
    return found


def _encapsulated(frame: bytes, layout: Layout, syntax: uid.UID, **changes: Any) -> NDArray[Any]:
    """A frame by its plugin. How colours are interleaved the codestream knows, whatever the data set says."""
    options = {"planar_configuration": 0, "decoding_plugin": _PLUGINS[syntax], **changes}
    return _pydicom(layout, syntax, encapsulate([frame]), index=0, **options)


def _pydicom(layout: Layout, syntax: uid.UID, source: Any, **changes: Any) -> NDArray[Any]:
    """Decode with the DICOM library, cells as they are: unused bits kept, YBR made RGB."""
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "photometric_interpretation": layout.photometric,
        "planar_configuration": layout.planar,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "number_of_frames": 1,
        "pixel_keyword": layout.keyword,
        "pixel_vr": layout.vr,
        "correct_unused_bits": False,
    }
    options.update(changes)
    try:
        with quiet():
            cells, _ = get_decoder(syntax).as_array(source, **options)
    except Exception:  # noqa: BLE001 - decoders raise whatever they like
        raise undecodable("the decoder refuses a frame") from None
    return cells


def _run_length(frame: bytes, layout: Layout, *, raw: bool) -> NDArray[Any]:
    """RLE, also of bit-packed samples, which are packed first and then run-length encoded as bytes."""
    depth = max(layout.bits_allocated // 8, 1)
    length = layout.frame_bytes if layout.bits_allocated == 1 else layout.rows * layout.columns
    try:
        planes = rle.planes(frame, layout.samples * depth, length)
    except ValueError as error:
        raise undecodable(str(error)) from None
    if layout.bits_allocated == 1:
        return _unpacked(planes[0], 0, layout)
    by_sample = np.frombuffer(b"".join(planes), np.uint8).reshape(layout.samples, depth, length)
    cells = by_sample[:, ::-1].transpose(0, 2, 1).tobytes()
    # Colours are not subsampled in this transfer syntax, whatever the header says.
    photometric = layout.photometric.removesuffix("_422")
    return _native(cells, layout, planar_configuration=1, photometric_interpretation=photometric, raw=raw)


def _native(cells: bytes, layout: Layout, **changes: Any) -> NDArray[Any]:
    return _pydicom(layout, uid.ExplicitVRLittleEndian, cells + bytes(len(cells) % 2), index=0, **changes)


def _deflated(frame: bytes, layout: Layout, *, raw: bool) -> NDArray[Any]:
    """A frame of native cells in a raw deflate stream, which may not inflate to more than the frame."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        cells = stream.decompress(frame, layout.frame_bytes + 2)
    except zlib.error:
        raise undecodable("a deflated frame is broken") from None
    if not stream.eof or len(cells) not in {layout.frame_bytes, layout.frame_bytes + layout.frame_bytes % 2}:
        raise undecodable("a deflated frame differs in size from the declared one")
    if layout.bits_allocated == 1:
        return _unpacked(cells, 0, layout)
    return _native(cells[: layout.frame_bytes], layout, raw=raw)


def _unpacked(packed: bytes, skip: int, layout: Layout) -> NDArray[np.uint8]:
    """Bit-packed samples as one byte each; the first ``skip`` bits are of the frame before. Source: PS3.5 8.1.1."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[skip : skip + layout.frame_bits]
    if len(bits) < layout.frame_bits or layout.samples != 1:
        raise undecodable("the packed bits do not make up the declared frame")
    return bits.reshape(layout.rows, layout.columns)


def _jpeg_12_bit(frame: bytes, layout: Layout) -> NDArray[Any]:
    """A lossy JPEG of 12 bits through GDCM itself, which the DICOM library does not ask for them."""
    try:
        raw = _gdcm_image(frame, layout).GetBuffer().encode("utf-8", "surrogateescape")
        cells = np.frombuffer(raw, np.int16 if layout.signed else np.uint16)
        return cells.reshape((layout.rows, layout.columns, layout.samples)[: 3 if layout.samples == 3 else 2])
    except Exception:  # noqa: BLE001 - decoders raise whatever they like
        raise undecodable("the decoder refuses a frame") from None


def _gdcm_image(frame: bytes, layout: Layout) -> Any:
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    photometric = gdcm.PhotometricInterpretation.GetPIType(layout.photometric)
    syntax = gdcm.TransferSyntax.GetTSType(str(layout.transfer_syntax))
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((layout.columns, layout.rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(photometric))
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    image.SetPixelFormat(gdcm.PixelFormat(layout.samples, 16, 12, 11, int(layout.signed)))
    return image
