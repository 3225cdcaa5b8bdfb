"""Smooth pictures in which no reader finds text, the text burnt into them, and pixels as DICOM stores them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSNearLossless,
)

Array = NDArray[Any]

NATIVE = {ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian}
LOSSY: dict[UID, dict[str, Any]] = {
    JPEG2000: {"j2k_cr": [4]},
    JPEGLSNearLossless: {"jls_error": 2},
    JPEGBaseline8Bit: {},
}
TEXT_ORIGIN = (8, 8)
"""Where burnt-in text begins: column and row of its upper left corner."""
TEXT_SIZE = 28


def background(shape: tuple[int, ...], bits: int, signed: bool, seed: tuple[int, ...]) -> Array:
    """A gradient with a few soft waves that depend on the seed, between 10 and 60 % of the range.

    Noise would be nearer to real images, but readers of text see letters in it. ``shape`` is (frames, rows, columns) or
    (frames, rows, columns, 3).
    """
    frame, row, column = np.ogrid[0 : shape[0], 0 : shape[1], 0 : shape[2]]
    y, x = row / shape[1], column / shape[2]
    picture = 0.3 + 0.2 * (x - y) + 0.01 * np.sin(frame)
    for phase, along, across in np.random.default_rng(seed).uniform(0.5, 2.5, (3, 3)):
        picture = picture + 0.03 * np.sin(2 * phase + along * x + across * y)
    picture = np.clip(picture, 0.1, 0.6)
    if len(shape) == 4:
        picture = np.stack([picture, 0.9 * picture, 0.8 * picture], axis=-1)
    low, high = limits(bits, signed)
    return (low + picture * (high - low)).astype(f"{'i' if signed else 'u'}{allocated(bits) // 8}")


def limits(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest stored value."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def allocated(bits: int) -> int:
    """Bits Allocated for so many bits stored."""
    return 8 if bits <= 8 else 16 if bits <= 16 else 32


def text_box(text: str) -> tuple[int, int, int, int]:
    """Left, top, right and bottom pixel (the last two excluded) of the text that :func:`burn_in` draws."""
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(TEXT_ORIGIN, text, _font())
    return int(left), int(top), int(right) + 1, int(bottom) + 1


def burn_in(picture: Array, text: str, value: int) -> Array:
    """Draw the text with the value into every frame.

    Raises
    ------
    ValueError
        If the picture is too small for the text, or the font lacks a letter (it has those of Western Europe).
    """
    text.encode("latin-1")
    rows, columns = picture.shape[1:3]
    right, bottom = text_box(text)[2:]
    if right > columns or bottom > rows:
        raise ValueError(f"This text needs {bottom} rows and {right} columns.")
    marked = picture.copy()
    marked[:, text_mask(rows, columns, text)] = value
    return marked


def text_mask(rows: int, columns: int, text: str) -> Array:
    """Boolean picture of the text, shape (rows, columns)."""
    canvas = Image.new("L", (columns, rows))
    ImageDraw.Draw(canvas).multiline_text(TEXT_ORIGIN, text, fill=255, font=_font())
    return np.asarray(canvas) > 127


def store(ds: FileDataset, picture: Array, syntax: UID) -> None:
    """Put the picture (RGB where it has colour) into the data set, whose image attributes say how, in ``syntax``."""
    ds.file_meta.TransferSyntaxUID = syntax if syntax in NATIVE | {JPEGBaseline8Bit} else ExplicitVRLittleEndian
    if syntax == JPEGBaseline8Bit:
        ds.PixelData, ds["PixelData"].VR = encapsulate([_jpeg(frame) for frame in picture]), "OB"
        ds["PixelData"].is_undefined_length = True
        ds.PhotometricInterpretation = "YBR_FULL_422" if picture.ndim == 4 else ds.PhotometricInterpretation
    else:
        big_endian = syntax == ExplicitVRBigEndian
        ds.PixelData = native(picture, ds.PhotometricInterpretation, ds.get("PlanarConfiguration", 0), big_endian)
        ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 and syntax != ImplicitVRLittleEndian else "OW"
    if syntax not in NATIVE | {JPEGBaseline8Bit}:
        ds.compress(syntax, generate_instance_uid=False, **LOSSY.get(syntax, {}))
    if syntax in LOSSY:
        ds.LossyImageCompression, ds.LossyImageCompressionRatio = "01", "4"
        ds.LossyImageCompressionMethod = {JPEGBaseline8Bit: "ISO_10918_1", JPEG2000: "ISO_15444_1"}.get(
            syntax, "ISO_14495_1"
        )


def native(picture: Array, photometric: str, planar: int = 0, big_endian: bool = False) -> bytes:
    """Pixels as native Pixel Data: colour converted from RGB, by plane or by pixel, padded to an even length."""
    if photometric.startswith("YBR"):
        picture = np.stack([convert_color_space(frame, "RGB", "YBR_FULL") for frame in picture])
    if photometric == "YBR_FULL_422":
        pairs = picture.reshape(*picture.shape[:2], -1, 2, 3)
        picture = np.stack([pairs[..., 0, 0], pairs[..., 1, 0], pairs[..., 0, 1], pairs[..., 0, 2]], axis=-1)
    elif planar and picture.ndim == 4:
        picture = picture.transpose(0, 3, 1, 2)
    data = np.ascontiguousarray(picture, picture.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
    return data + bytes(len(data) % 2)


def _jpeg(frame: Array) -> bytes:
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _font() -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(TEXT_SIZE)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
