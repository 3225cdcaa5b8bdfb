"""From arrays of stored samples to compressed frames, without loss, and in which transfer syntax that can be done.

Most transfer syntaxes keep theirs. JPEG-LS near-lossless and JPEG 2000 allow frames without loss among others (PS3.5
A.4.3 and A.4.4), so that frames nobody touches keep their bytes there too. Two families cannot:

- Lossy JPEG becomes JPEG Lossless with first-order prediction, which every application that reads any lossless JPEG
  has to read (PS3.5 10.3); what reads one JPEG process of DICOM mostly reads this one, and it holds 2 to 16 bits.
- High-throughput JPEG 2000 becomes JPEG 2000, because no encoder for it is at hand. What reads the former has a decoder
  for the latter, and colours, depth and sign are declared alike.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jpeg_ls
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import encode_buffer as encode_jpeg_2000
from pydicom import uid

from deid_platform.pixels import jpeg_lossless, native, rle_encode
from deid_platform.pixels.codestream import Codestream
from deid_platform.pixels.decode import DEFLATED_FRAMES, LOSSY_JPEG, encoded_frame, stated
from deid_platform.pixels.layout import Layout
from deid_platform.pixels.refusal import undecodable

_HIGH_THROUGHPUT = frozenset({uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K})
_JPEG_2000 = frozenset({uid.JPEG2000Lossless, uid.JPEG2000})
# Component identifiers and segment by which decoders that guess the colour space know RGB. Source: Adobe TN 5116.
_RGB_COMPONENTS = b"RGB"
_RGB_MARKER = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
_SRGB = 1
# What the one encoder at hand can do: 24 bits, and six resolutions of which the smallest has a pixel at least.
_JPEG_2000_DEPTH, _JPEG_2000_SIDE = 24, 32


def target_of(layout: Layout, first: bytes) -> Layout:
    """How encapsulated pixels are to be declared once frames of them are encoded anew; ``first`` is the first frame.

    The layout itself where other frames can stay as they are; otherwise all of them have to be encoded anew.
    """
    if layout.transfer_syntax in LOSSY_JPEG:
        return _lossless_jpeg(layout, stated(first, layout).precision)
    syntax = uid.JPEG2000Lossless if layout.transfer_syntax in _HIGH_THROUGHPUT else layout.transfer_syntax
    if syntax in _JPEG_2000 and layout.photometric == "YBR_ICT":
        # That transformation of colours cannot be undone exactly, its sister can. Source: PS3.3 C.7.6.3.1.2.
        return replace(layout, transfer_syntax=syntax, photometric="YBR_RCT")
    return replace(layout, transfer_syntax=syntax)


def _lossless_jpeg(layout: Layout, precision: int) -> Layout:
    """Colours are RGB once decoded. Some writers declare more bits than their JPEG has; decoders give these."""
    if layout.samples == 3 and precision > 8:
        raise undecodable("nobody has agreed on the colours of lossy JPEG with 12 bits")
    allocated = 8 if precision <= 8 else 16
    stored = min(layout.bits_stored, precision)
    as_declared = allocated == layout.bits_allocated and layout.high_bit < precision
    return replace(
        layout,
        transfer_syntax=uid.JPEGLosslessSV1,
        photometric="RGB" if layout.photometric.startswith("YBR") else layout.photometric,
        planar=0,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=layout.high_bit if as_declared else stored - 1,
    )


def samples_of(frame: bytes, layout: Layout) -> NDArray[Any]:
    """The cells of an encoded frame as they are encoded anew: as stored, but RGB where JPEG had lost something.

    Raises
    ------
    UnsafeToRelease
        The frame cannot be decoded as declared.
    """
    cells = encoded_frame(frame, layout, raw=layout.transfer_syntax not in LOSSY_JPEG)
    if cells.shape != (layout.rows, layout.columns, 3)[: 2 + (layout.samples == 3)]:
        raise undecodable("the decoder returns a frame of another size")
    return cells if cells.flags.writeable else cells.copy()


def reencoded(cells: NDArray[Any], frame: bytes, layout: Layout, target: Layout) -> bytes:
    """Cells of :func:`samples_of`, changed or not, as a frame of the target; ``frame`` is what they were before.

    Raises
    ------
    UnsafeToRelease
        The transfer syntax has no room for the depth of the samples, or the encoder refuses them.
    """
    syntax = target.transfer_syntax
    if syntax == uid.RLELossless:
        return _run_lengths(cells, target)
    if syntax == DEFLATED_FRAMES:
        return _deflated(cells, target)
    like = stated(frame, layout)
    if layout.transfer_syntax in LOSSY_JPEG and layout.samples == 3:
        like = replace(like, components=_RGB_COMPONENTS, application=_RGB_MARKER)
    elif target.photometric == "YBR_RCT":
        like = replace(like, mixed=True)
    if like.precision > target.bits_allocated:
        raise undecodable("frames differ in depth")
    try:
        return _ENCODERS[syntax](_codes(cells, like), like)
    except (ValueError, RuntimeError):
        raise undecodable("a frame cannot be encoded without loss") from None


def _codes(cells: NDArray[Any], like: Codestream) -> NDArray[Any]:
    """The numbers of a codestream, in a type of their own size, whatever the cells hold beside them."""
    size = 1 if like.precision <= 8 else 2 if like.precision <= 16 else 4
    codes = cells.astype(f"u{cells.dtype.itemsize}") & np.array((1 << like.precision) - 1, f"u{cells.dtype.itemsize}")
    codes = codes.astype(f"u{size}")
    if like.signed:
        above = size * 8 - like.precision
        codes = (codes << np.uint8(above)).view(f"i{size}") >> np.uint8(above)
    return np.ascontiguousarray(codes)


def _lossless_jpeg_frame(codes: NDArray[Any], like: Codestream) -> bytes:
    return jpeg_lossless.encode(codes, like.precision, like.components, like.application)


def _jpeg_ls_frame(codes: NDArray[Any], like: Codestream) -> bytes:
    by_plane = like.samples > 1 and like.interleave == 0
    data = (codes.transpose(2, 0, 1) if by_plane else codes).tobytes()
    return bytes(
        jpeg_ls.encode_buffer(
            data, like.rows, like.columns, like.samples, like.precision, interleave_mode=like.interleave
        )
    )


def _jpeg_2000_frame(codes: NDArray[Any], like: Codestream) -> bytes:
    if like.precision > _JPEG_2000_DEPTH or min(like.rows, like.columns) < _JPEG_2000_SIDE:
        raise ValueError("no encoder for so many bits, or so few pixels")
    # Told of RGB it applies the transformation of components.
    return bytes(
        encode_jpeg_2000(
            codes.tobytes(),
            like.columns,
            like.rows,
            like.samples,
            like.precision,
            like.signed,
            photometric_interpretation=_SRGB if like.mixed else 0,
            use_mct=like.mixed,
        )
    )


_ENCODERS: dict[str, Callable[[NDArray[Any], Codestream], bytes]] = {
    uid.JPEGLossless: _lossless_jpeg_frame,
    uid.JPEGLosslessSV1: _lossless_jpeg_frame,
    uid.JPEGLSLossless: _jpeg_ls_frame,
    uid.JPEGLSNearLossless: _jpeg_ls_frame,
    uid.JPEG2000Lossless: _jpeg_2000_frame,
    uid.JPEG2000: _jpeg_2000_frame,
}


def _run_lengths(cells: NDArray[Any], layout: Layout) -> bytes:
    """Planes of bytes: sample by sample, the most significant first; packed bits are run-length encoded as bytes."""
    if layout.bits_allocated == 1:
        return rle_encode.encode([_packed_bits(cells).reshape(1, -1)])
    rows, columns = cells.shape[:2]
    ordered = np.ascontiguousarray(cells, cells.dtype.newbyteorder(">"))
    planes = ordered.view(np.uint8).reshape(rows, columns, -1)
    return rle_encode.encode([planes[:, :, at] for at in range(planes.shape[2])])


def _deflated(cells: NDArray[Any], layout: Layout) -> bytes:
    """A raw deflate stream of native cells. Source: PS3.5 A.4.13."""
    data = _packed_bits(cells).tobytes() if layout.bits_allocated == 1 else native.packed(cells, layout)
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


def _packed_bits(cells: NDArray[Any]) -> NDArray[np.uint8]:
    return np.packbits(cells.reshape(-1), bitorder="little")
