"""Which TIFF files are pictures rather than slides, and which of those show the same in every viewer.

Source: TIFF 6.0, baseline and sections 6, 7, 11, 14, 21 and 22.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from deid_platform.errors import DeidError, UnsupportedFormat
from deid_platform.formats.wsi.levels import TILES, names_associated_image
from deid_platform.formats.wsi.makers import is_of_a_maker
from deid_platform.formats.wsi.tiff import Tiff, is_tiff, read_tiff
from deid_platform.model import Reason

_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT, _COMPRESSION = 258, 262, 277, 339, 259
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_UNSIGNED, _JPEG = 1, 7
_SHOWN = {
    _WHITE_IS_ZERO: ((1,), (2,), (4,), (8,)),
    _BLACK_IS_ZERO: ((1,), (2,), (4,), (8,), (16,)),
    _RGB: ((8, 8, 8), (8, 8, 8, 8)),
    _PALETTE: ((1,), (2,), (4,), (8,)),
    _YCBCR: ((8, 8, 8),),
}
"""Bits of each sample by what they mean. Left out is what viewers, or the library that reads here, show differently."""


def is_snapshot(path: Path) -> bool:
    """Whether a TIFF file is a plain picture: nothing in it is tiled, and no maker of slides is named.

    What cannot be read is none, so that it is refused as the slide it may be.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            tiff = read_tiff(data)
            every = (*tiff.chain, *(one for below in tiff.below.values() for one in below))
            tiled = any(TILES[0] in one.tags for one in every)
            return not tiled and not is_of_a_maker(tiff) and not names_associated_image(tiff, tiff.chain[0])
    except (DeidError, ValueError):
        return False


def starts_tiff(path: Path) -> bool:
    """Whether a file begins like TIFF."""
    with path.open("rb") as file:
        return is_tiff(file.read(4))


def refuse_unclear(path: Path) -> None:
    """Raise UnsupportedFormat for a TIFF picture that viewers may show in several ways, and MalformedFile for none."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        tiff = read_tiff(data)
        if len(tiff.chain) > 1 or tiff.below:
            raise UnsupportedFormat("The TIFF file has several pages: send each as a file of its own.")
        if not _is_clear(tiff):
            raise UnsupportedFormat("The TIFF file holds samples that viewers show differently.",
                                    Reason.PIXELS_UNDECODABLE)  # fmt: skip


def _is_clear(tiff: Tiff) -> bool:
    (page,) = tiff.chain
    count = tiff.number(page, _SAMPLES, 1)
    bits = tuple(int(number) for number in tiff.numbers(page.tags.get(_BITS))) or (1,) * min(count, 8)
    meant = tiff.number(page, _PHOTOMETRIC, -1)
    unsigned = {int(number) for number in tiff.numbers(page.tags.get(_SAMPLE_FORMAT))} <= {_UNSIGNED}
    packed = meant != _YCBCR or tiff.number(page, _COMPRESSION, 1) == _JPEG
    return unsigned and packed and len(bits) == count and bits in _SHOWN.get(meant, ())
