"""Original and output of a volume beside each other, read by pydicom slice by slice, averaged to two millimetres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels
from scipy import ndimage

from deid_platform.audit.heads.mosaics import fold_of, looks_folded
from deid_platform.audit.nifti import is_nifti, opened
from deid_platform.pixels.layout import quiet

STEP = 2.0
"""Millimetres to which pixels are averaged."""
FEWEST, SHORTEST = 8, 45.0
"""Slices, and millimetres from the first to the last, from which on there is a volume to prove anything about."""
FINE = 2.6
"""Millimetres between neighbours up to which a volume shows skin."""
_DIGITS = 3
_FOLDED = ("folded",)
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """One item: the file as it came, and as it is to be released; whether text was masked in it.

    Masked text may well lie over a brain, so of such items changes are not counted.
    """

    item: str
    original: Path
    output: Path
    masked: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    pair: Pair
    frame: int
    origin: Array
    down: Array
    across: Array
    side: int = 0
    """Tiles a side of a mosaic; ``frame`` counts them then."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Both sides of one stack, shape (slices, rows, columns) each.

    ``changed`` is the share of pixels that differ in what was averaged. ``origins`` has shape (slices, 3), ``steps``
    holds what leads to the next row and column, shape (2, 3), in RAS mm.
    """

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    changed: NDArray[np.float32]
    origins: NDArray[np.float64]
    steps: NDArray[np.float64]

    def corners(self) -> NDArray[np.float64]:
        """The outermost points, shape (8, 3)."""
        rows, columns = (count - 1 for count in self.before.shape[1:])
        return np.array([
            end + row * self.steps[0] + column * self.steps[1]
            for end in (self.origins[0], self.origins[-1]) for row in (0, rows) for column in (0, columns)
        ])  # fmt: skip

    def at(self, points: NDArray[np.float64]) -> tuple[Array, Array, Array, Array]:
        """Before, after, changed and whether scanned, at points of shape (3, ...) in RAS mm."""
        shape = points.shape[1:]
        relative = points.reshape(3, -1) - self.origins[0][:, None]
        normal = np.cross(self.steps[1], self.steps[0])
        normal /= np.linalg.norm(normal)
        heights, numbers = (self.origins - self.origins[0]) @ normal, np.arange(len(self.origins), dtype=float)
        height = normal @ relative
        slices = np.interp(height, heights, numbers)
        shift = np.stack([np.interp(slices, numbers, (self.origins - self.origins[0])[:, axis]) for axis in range(3)])
        places = np.linalg.pinv(self.steps.T) @ (relative - shift)
        index = np.stack([slices, *places])
        last = np.array(self.before.shape)[:, None] - 1
        gap = float(np.median(np.diff(heights)))
        scanned = ((index >= -0.5) & (index <= last + 0.5)).all(axis=0)
        scanned &= (height > heights[0] - gap) & (height < heights[-1] + gap)
        sampled = [ndimage.map_coordinates(side, index, order=1, mode="nearest") for side in
                   (self.before, self.after, self.changed)]  # fmt: skip
        return (*(np.where(scanned, side, side.min()).reshape(shape) for side in sampled), scanned.reshape(shape))


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What shares a Frame of Reference: its items, and its volumes, the one with most slices first.

    Where any of them is fine enough to show skin, coarser ones are left out: echo-planar images show hardly any, and
    bend the brain. The same was removed from all of them. ``folded`` tells a mosaic nobody could unfold.
    """

    items: tuple[str, ...]
    _stacks: tuple[tuple[_Slice, ...], ...]
    _mosaics: tuple[tuple[_Slice, ...], ...] = ()
    folded: bool = False

    @property
    def count(self) -> int:
        """The number of volumes."""
        return len(self._stacks)

    def volumes(self) -> Iterator[Volume]:
        """Read the volumes, one at a time. Raises whatever pydicom raises."""
        with quiet():
            yield from map(_volume, self._stacks)

    def mosaics(self) -> Iterator[Volume]:
        """Read the mosaics among what was left out: whether each slice lost what lies there has to be seen."""
        with quiet():
            yield from map(_volume, self._mosaics)


def places_of(pairs: Sequence[Pair]) -> list[Place]:
    """Sort items by their Frame of Reference, or by series without one. Raises whatever pydicom raises."""
    stacks: dict[str, dict[tuple[Any, ...], list[_Slice]]] = defaultdict(lambda: defaultdict(list))
    items: dict[str, dict[str, None]] = defaultdict(dict)
    with quiet():
        for pair in pairs:
            for place, key, one in _slices(pair):
                stacks[place][key].append(one)
                items[place][pair.item] = None
    return [_place(tuple(items[place]), stacks[place]) for place in sorted(stacks)]


def _place(items: tuple[str, ...], stacks: Mapping[tuple[Any, ...], Sequence[_Slice]]) -> Place:
    """The stacks that are volumes, the largest first."""
    if _FOLDED in stacks:
        return Place(items, (), folded=True)
    ordered = [tuple(_ordered(stacks[key])) for key in sorted(stacks, key=str)]
    long = [one for one in ordered if np.linalg.norm(one[-1].origin - one[0].origin) >= SHORTEST]
    volumes = sorted((one for one in long if len(one) >= FEWEST), key=len, reverse=True)
    fine = [one for one in volumes if _spacing(one) <= FINE]
    mosaics = [one for one in volumes if one[0].side and fine and one not in fine]
    return Place(items, tuple(fine or volumes), tuple(mosaics))


def _spacing(ordered: Sequence[_Slice]) -> float:
    """The largest distance between neighbours, in mm."""
    gap = np.linalg.norm(ordered[-1].origin - ordered[0].origin) / (len(ordered) - 1)
    return float(max(gap, *(np.linalg.norm(step) for step in (ordered[0].down, ordered[0].across))))


def _slices(pair: Pair) -> Iterator[tuple[str, tuple[Any, ...], _Slice]]:
    """Frame of Reference, what slices of one stack have in common, and the slice."""
    if is_nifti(pair.output):
        yield from _of_nifti(pair)
        return
    header = dcmread(pair.output, stop_before_pixels=True, force=True)
    if not header.get("Rows"):
        return
    if looks_folded(header):
        yield from _of_mosaic(pair, header)
        return
    shared = (header.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    each = header.get("PerFrameFunctionalGroupsSequence") or [header]
    for frame, own in enumerate(each):
        sources = (own, shared, header)
        position = _found(sources, "PlanePositionSequence", "ImagePositionPatient")
        direction = _found(sources, "PlaneOrientationSequence", "ImageOrientationPatient")
        spacing = _found(sources, "PixelMeasuresSequence", "PixelSpacing")
        if position is None or direction is None or spacing is None:
            return
        across, down = np.array(direction, float).reshape(2, 3) * _LPS_TO_RAS
        steps = down * float(spacing[0]), across * float(spacing[1])
        series = str(header.get("SeriesInstanceUID"))
        key = series, header.Rows, header.Columns, *np.round(np.concatenate(steps), _DIGITS).tolist()
        origin = np.array(position, float) * _LPS_TO_RAS
        yield str(header.get("FrameOfReferenceUID") or series), key, _Slice(pair, frame, origin, *steps)


def _of_mosaic(pair: Pair, header: Dataset) -> Iterator[tuple[str, tuple[Any, ...], _Slice]]:
    """The tiles of a mosaic, as its original says; one that cannot be unfolded has a place of its own."""
    fold = fold_of(dcmread(pair.original, stop_before_pixels=True, force=True))
    series = str(header.get("SeriesInstanceUID"))
    if fold is None:
        nowhere = np.zeros(3)
        yield pair.item, _FOLDED, _Slice(pair, 0, nowhere, nowhere, nowhere)
        return
    across, down = np.array(header.ImageOrientationPatient, float).reshape(2, 3) * _LPS_TO_RAS
    steps = down * float(header.PixelSpacing[0]), across * float(header.PixelSpacing[1])
    key = series, header.Rows, header.Columns, *np.round(np.concatenate(steps), _DIGITS).tolist()
    for number, origin in enumerate(fold.origins * _LPS_TO_RAS):
        yield str(header.get("FrameOfReferenceUID") or series), key, _Slice(pair, number, origin, *steps, fold.side)


def _of_nifti(pair: Pair) -> Iterator[tuple[str, tuple[Any, ...], _Slice]]:
    """The slices of the first volume; each file has a Frame of Reference of its own."""
    with opened(pair.output) as image:
        columns, rows, slices = (*image.shape, 1)[:3]
        affine = np.asarray(image.affine)
    for number in range(slices):
        origin = affine[:3, 3] + number * affine[:3, 2]
        yield pair.item, (pair.item, rows, columns), _Slice(pair, number, origin, affine[:3, 1], affine[:3, 0])


def _found(sources: Sequence[Dataset], macro: str, keyword: str) -> Any:
    for source in sources:
        holder = source[macro][0] if macro in source and source[macro].value else source
        if keyword in holder and holder[keyword].value is not None:
            return holder[keyword].value
    return None


def _ordered(group: Sequence[_Slice]) -> list[_Slice]:
    """By place; of several at one place the first."""
    normal = np.cross(group[0].across, group[0].down)
    normal /= np.linalg.norm(normal)
    kept: list[_Slice] = []
    for one in sorted(group, key=lambda one: (round(float(one.origin @ normal), 2), one.pair.item, one.frame)):
        if not kept or (one.origin - kept[-1].origin) @ normal > 0.05:
            kept.append(one)
    return kept


def _volume(ordered: Sequence[_Slice]) -> Volume:
    first = ordered[0]
    block = [max(int(STEP / np.linalg.norm(step) + 0.25), 1) for step in (first.down, first.across)]
    sides: tuple[list[Array], list[Array], list[Array]] = ([], [], [])
    if is_nifti(first.pair.output):
        read: Callable[[Path, int], Array] = partial(_scaled, lru_cache(maxsize=2)(_voxels))
    else:
        read = partial(_tile, lru_cache(maxsize=2)(_grey), first.side) if first.side else _grey
    for one in ordered:
        before, after = (read(path, one.frame) for path in (one.pair.original, one.pair.output))
        for side, samples in zip(sides, (before, after, (before != after) & (not one.pair.masked)), strict=True):
            side.append(_averaged(samples, block))
    shift = (block[0] - 1) / 2 * first.down + (block[1] - 1) / 2 * first.across
    before, after, changed = map(np.stack, sides)
    return Volume(
        before, after, changed, np.array([one.origin + shift for one in ordered]),
        np.array([first.down * block[0], first.across * block[1]]),
    )  # fmt: skip


def _grey(path: Path, frame: int) -> Array:
    """The samples of one frame in the units of its modality, shape (rows, columns)."""
    header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=["RescaleSlope", "RescaleIntercept"])
    samples = next(islice(iter_pixels(path), frame, None)).astype(np.float32)
    slope, intercept = (header.get(name) for name in ("RescaleSlope", "RescaleIntercept"))
    scaled = samples * float(slope or 1) + float(intercept or 0)
    return scaled.mean(axis=2) if scaled.ndim > 2 else scaled


def _tile(grey: Callable[[Path, int], Array], side: int, path: Path, number: int) -> Array:
    """One slice of a mosaic, shape (rows, columns)."""
    whole = grey(path, 0)
    rows, columns = (count // side for count in whole.shape)
    down, across = number // side * rows, number % side * columns
    return whole[down : down + rows, across : across + columns]


def _voxels(path: Path) -> Array:
    """The first volume of a NIfTI file in the units of its modality, shape (columns, rows, slices)."""
    with opened(path) as image:
        first = image.dataobj[(..., *(0,) * (len(image.shape) - 3))] if len(image.shape) > 3 else image.dataobj[...]
    if first.dtype.names:
        return np.asarray(np.mean([first[name] for name in first.dtype.names], axis=0), np.float32)
    return np.asarray(np.abs(first) if first.dtype.kind == "c" else first, np.float32)


def _scaled(voxels: Callable[[Path], Array], path: Path, frame: int) -> Array:
    """One slice of it, shape (rows, columns)."""
    return np.asarray(voxels(path)[:, :, frame].T)


def _averaged(samples: Array, block: Sequence[int]) -> NDArray[np.float32]:
    rows, columns = (count // size * size for count, size in zip(samples.shape, block, strict=True))
    blocks = samples[:rows, :columns].reshape(rows // block[0], block[0], columns // block[1], block[1])
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))
