"""The judge of cleaned pictures: the chunks of the file are taken apart, and its pixels compared and read."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from deid_platform.audit.legible import Picture, shows_text_in
from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Finding, Masking, Reason

_START = b"\x89PNG\r\n\x1a\n"
_NEEDED = (b"IHDR", b"IDAT", b"IEND")
_DEEP = ("I;16", "I;16B", "I")


def audit_file(item: str, output: Path) -> Iterator[Finding]:
    """Whether a cleaned picture holds anything but pixels."""
    try:
        hits = sorted(set(_hits(output.read_bytes())))
    except Exception:  # noqa: BLE001 - what cannot be taken apart is not fit for release
        hits = ["unreadable"]
    for kind in hits:
        yield Finding(item, "object", kind, str(Reason.FORBIDDEN_CONTENT))


def _hits(data: bytes) -> Iterator[str]:
    """Source: PNG (third edition) 5, Datastream structure."""
    if not data.startswith(_START):
        yield "not_png"
    at, kind, packed = len(_START), b"", []
    while kind != b"IEND":
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind not in _NEEDED:
            yield "chunk_beside_the_pixels"
            return
        packed += [data[at + 8 : at + 8 + length]] if kind == b"IDAT" else []
        at += 12 + length
    if at != len(data):
        yield "bytes_behind_the_picture"
    stream = zlib.decompressobj()
    for piece in packed:
        stream.decompress(piece)
    if stream.unused_data or not stream.eof:
        yield "bytes_behind_the_pixels"


def _pixels(path: Path) -> NDArray[Any]:
    """What a viewer shows: shape (rows, columns) or (rows, columns, 3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with path.open("rb") as file, Image.open(file) as image:  # pixels it maps itself are wrong in turned TIFF
            image.load()  # TIFF is turned now, and says so then
            turned = ImageOps.exif_transpose(image)
            if turned.mode in _DEEP:
                return np.asarray(turned).astype(np.uint16)
            return np.asarray(turned.convert("L" if turned.mode in ("1", "L", "LA") else "RGB"))


def altered_pixels(source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
    """Whether pixels differ outside of what ``masking`` names."""
    try:
        before, after = _pixels(source), _pixels(output)
        found = [("pixels", "altered")] if _differ(before, after, masking) else []
    except Exception:  # noqa: BLE001 - whatever the decoder trips over, nobody can say that the pixels are the same
        found = [("pixels", "not_compared")]
    yield from found


def _differ(before: NDArray[Any], after: NDArray[Any], masking: Masking) -> bool:
    if before.shape != after.shape:
        return True
    unequal = np.asarray(before != after)
    for region in masking.regions:
        unequal[region.top : region.top + region.height, region.left : region.left + region.width] = False
    return bool(unequal.any())


def text_left(output: Path) -> bool:
    """Whether a reader finds text in the picture.

    Raises
    ------
    UnsafeToRelease
        Nobody can say.
    """
    try:
        pixels = _pixels(output)
    except Exception:  # noqa: BLE001 - whatever the decoder trips over
        raise UnsafeToRelease("The picture cannot be shown.", Reason.PIXELS_UNDECODABLE) from None
    return shows_text_in(Picture(pixels), among_many=False)
