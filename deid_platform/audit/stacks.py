"""The judge of OME-TIFF in strips, which OpenSlide does not open: read by a map and numbers of its own.

Source: TIFF 6.0 sections 4 to 8; OME schema (Pixels).
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.audit.legible import Picture, shows_text_in
from deid_platform.audit.tiff_map import Image, TiffMap
from deid_platform.model import Reason

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _TEXT, _SAMPLES = 256, 257, 258, 259, 270, 277
_PLANAR, _TILES, _FORMAT = 284, 324, 339
_SAME = (_WIDTH, _HEIGHT, _BITS, 262, _SAMPLES, 278, _PLANAR, _FORMAT)
_ORDERS = (b"II", b"MM")
_KINDS = {1: "u", 2: "i", 3: "f"}
_PIXELS = re.compile(rb"<Pixels\s([^<>]{1,4096})>")
_COUNTS = re.compile(rb"\bSize([ZCT])\s*=\s*[\"'](\d{1,5})[\"']")
_READ = 64
"""Planes that are read for text; of more that many, spread over all, and the brightest and darkest of all in every
place."""


@contextmanager
def mapped(path: Path) -> Iterator[tuple[Any, TiffMap]]:
    """The bytes of a file and its map. Raises as the map does."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data, TiffMap(data)


def is_stack(path: Path) -> bool:
    """Whether the first image of a file lies in strips; slides of 3DHISTECH are no TIFF. Raises as the map does."""
    with path.open("rb") as file:
        if file.read(2) not in _ORDERS:
            return False
    with mapped(path) as (_, found):
        return _TILES not in found.images[0].tags and _TEXT in found.images[0].tags


def stack_faults(source: Path, output: Path) -> Iterator[tuple[str, str, str]]:
    """What a cleaned stack holds beside the planes its original tells of. Raises as the map does."""
    with mapped(source) as (_, before), mapped(output) as (_, after):
        if len(after.images) != _told(before.images[0]) or any(_TEXT in one.tags for one in after.images[1:]):
            yield "image other", "not_removed", str(Reason.FORBIDDEN_CONTENT)


def planes_differ(source: Path, output: Path) -> bool:
    """Whether planes are others than the first of the original, or told in another way. Raises as the map does."""
    with mapped(source) as (_, before), mapped(output) as (_, after):
        pairs = list(zip(before.images, after.images, strict=False))
        return len(pairs) < len(after.images) or any(
            _number(one, tag) != _number(other, tag) for one, other in pairs for tag in _SAME
        ) or any(not np.array_equal(one.tiles, other.tiles) for one, other in pairs)  # fmt: skip


def text_in_stack(output: Path) -> bool:
    """Whether a reader finds text in a plane. Raises as the map does, and ValueError for samples nobody can show."""
    with mapped(output) as (data, found):
        count = len(found.images)
        chosen = sorted({number * count // _READ for number in range(_READ)}) if count > _READ else range(count)
        read = [_shown(_plane(data, found.images[number])) for number in chosen]
        brightest = darkest = _plane(data, found.images[0])
        for image in found.images[1:]:
            plane = _plane(data, image)
            brightest, darkest = np.maximum(brightest, plane), np.minimum(darkest, plane)
        pictures = [*read, _shown(brightest), _shown(darkest)]
    return any(shows_text_in(Picture(picture), among_many=True) for picture in pictures)


def _told(image: Image) -> int:
    """How many images the planes of the first image take, as the original's description has it."""
    pixels = _PIXELS.search(image.tags[_TEXT].data)
    counts = dict(_COUNTS.findall(pixels[1])) if pixels else {}
    if set(counts) != {b"Z", b"C", b"T"}:
        raise ValueError("The description tells of no planes.")
    return max(1, prod(map(int, counts.values())) // _number(image, _SAMPLES))


def _plane(data: Any, image: Image) -> NDArray[Any]:
    """The samples of an image, shape (rows, columns) or (rows, columns, samples)."""
    if _number(image, _COMPRESSION) != 1:
        raise ValueError("Strips are packed.")
    bits, samples = _number(image, _BITS), _number(image, _SAMPLES)
    dtype = np.dtype(f"{image.order}{_KINDS[_number(image, _FORMAT)]}{bits // 8}")
    packed = b"".join(data[at : at + length] for at, length in image.tiles.tolist())
    shape = _number(image, _HEIGHT), _number(image, _WIDTH)
    values = np.frombuffer(packed, dtype).astype(dtype.newbyteorder("="))
    if samples == 1:
        return values.reshape(shape)
    apart = _number(image, _PLANAR) == 2
    return np.moveaxis(values.reshape(samples, *shape), 0, 2) if apart else values.reshape(*shape, samples)


def _shown(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """A plane as a viewer shows it, from its darkest to its brightest value."""
    values = np.nan_to_num(plane.astype(np.float64))
    low, high = np.percentile(values, [0.5, 99.5])
    scaled = np.asarray(np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255, np.uint8)
    if scaled.ndim == 2:
        return scaled
    return scaled[..., :3] if scaled.shape[2] > 2 else scaled[..., 0]


def _number(image: Image, tag: int) -> int:
    """The first number of a tag, or what TIFF says where it is missing."""
    value = image.tags.get(tag)
    if value is None:
        return 1
    form = {3: "u2", 4: "u4", 13: "u4", 16: "u8"}[value.kind]
    return int(np.frombuffer(value.data, image.order + form)[0])
