"""Small PNG, JPEG and TIFF files with planted identifiers."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def grey(mode: str = "L") -> Image.Image:
    """A ramp that shows nothing."""
    ramp = np.add.outer(np.arange(64), np.arange(96)).astype(np.uint8)
    return Image.fromarray(ramp).convert(mode)


def saved(image: Image.Image, form: str = "PNG", *, turned: int = 0) -> bytes:
    """Encoded, with a name in a comment, in EXIF and behind the end."""
    stream = io.BytesIO()
    notes, exif = PngInfo(), Image.Exif()
    notes.add_text("Comment", "DOE^JANE")
    exif[0x013B] = "DOE^JANE"
    if turned:
        exif[0x0112] = turned
    rest: dict[str, Any] = {"pnginfo": notes} if form == "PNG" else {"comment": b"DOE^JANE"}
    image.save(stream, form, exif=exif, **rest)
    return stream.getvalue() + b"DOE^JANE"


def tiff_picture(image: Image.Image, compression: str = "raw", *, turned: int = 0, **rest: Any) -> bytes:
    """A plain TIFF with a name in its description, artist, copyright and XMP, and behind the end."""
    tags: dict[int, Any] = dict.fromkeys((270, 315, 33432), "DOE^JANE")
    tags[700] = b"<x:xmpmeta>DOE^JANE</x:xmpmeta>"
    if turned:
        tags[274] = turned
    stream = io.BytesIO()
    image.save(stream, "TIFF", compression=compression, tiffinfo=tags, **rest)
    return stream.getvalue() + b"DOE^JANE"
