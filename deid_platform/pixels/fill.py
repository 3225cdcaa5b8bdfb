"""What takes the place of masked pixels: one value for each patch, taken from its surroundings.

Nothing of what was drawn can be told from it: no masked pixel has a say in the value, only its neighbours outside
every mask. Where all of a frame is masked, its darkest value is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.pixels.frames import split_bits
from deid_platform.pixels.layout import Layout
from deid_platform.pixels.masks import CELL, Cells, Mask, Removed

_TOUCHING = np.ones((3, 3), np.bool_)
"""Cells touch at sides and corners; what surrounds a patch is one cell wide."""


class Filled(NamedTuple):
    """Whether any pixel changed where text was masked, and where a head was removed."""

    text: bool
    head: bool

    def __bool__(self) -> bool:
        return self.text or self.head


UNFILLED = Filled(text=False, head=False)
"""Nothing changed."""


def fill(cells: NDArray[Any], mask: Mask, layout: Layout) -> Filled:
    """Replace the masked pixels of one frame in place; returns whether any was another before.

    ``cells`` has shape (rows, columns) or (rows, columns, 3) and holds samples as stored, of any type. The value of a
    patch is for each sample the median of its surroundings, of a palette the most frequent index: values that occur
    there. Bits beside the samples (:func:`~deid_platform.pixels.frames.split_bits`) become what they are where they
    hold nothing. What is removed of a head gets the values the mask brings along.
    """
    frame = _Frame.of(cells, mask, layout)
    changed = False
    for area, patch, ring in _patches(mask.cells()):
        inside = _enlarged(patch, area, cells)
        around = _enlarged(ring, area, cells) & frame.plain[area]
        values = frame.samples[area][around]
        value = frame.as_cell(frame.typical(values) if len(values) else frame.darkest())
        changed |= bool((cells[area][inside] != value).any())
        cells[area][inside] = value
    return Filled(changed, _remove(cells, mask.removed, frame) if mask.removed else False)


def _remove(cells: NDArray[Any], removed: Removed, frame: _Frame) -> bool:
    """Replace what is removed of a head in place; returns whether any pixel was another before."""
    inside = removed.pixels()
    samples = removed.fillers(int(inside.sum()))
    if frame.samples.ndim > 2:
        samples = samples[:, None].repeat(frame.samples.shape[2], axis=1)
    values = frame.as_cell(_of_type(samples, frame))
    changed = bool((cells[inside] != values).any())
    cells[inside] = values
    return changed


def _of_type(values: NDArray[np.float64], frame: _Frame) -> NDArray[Any]:
    """Values as samples of a frame: whole where these are, and none that its bits cannot hold."""
    kind, bits = frame.samples.dtype, frame.layout.bits_stored
    if kind.kind == "f":
        return values.astype(kind)
    least = -(1 << bits - 1) if frame.layout.signed else 0
    most = (1 << bits - 1) - 1 if frame.layout.signed else (1 << bits) - 1
    return np.clip(np.rint(values), least, most).astype(kind)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The samples of a frame before anything is replaced. ``plain`` are the pixels that may give their value:
    unmasked, finite and with nothing in the bits beside the sample. ``extended``: these bits copy the sign."""

    samples: NDArray[Any]
    plain: NDArray[np.bool_]
    extended: bool
    layout: Layout

    @classmethod
    def of(cls, cells: NDArray[Any], mask: Mask, layout: Layout) -> _Frame:
        """Copy what is needed of a frame."""
        samples, beside = split_bits(cells, layout)
        plain = ~mask.pixels()
        if beside is not None:
            plain &= _each(beside == 0)
        plain &= _each(_finite(cells))
        extended = beside is None and layout.signed and np.array_equal(samples, cells)
        return cls(samples.copy(), plain, extended, layout)

    def typical(self, values: NDArray[Any]) -> NDArray[Any]:
        """The value of each sample for pixels of shape (number,) or (number, 3)."""
        if self.layout.photometric == "PALETTE COLOR":
            found, counts = np.unique(values, return_counts=True)
            return np.asarray(found[counts.argmax()])
        middle = (len(values) - 1) // 2
        return np.asarray(np.partition(values, middle, axis=0)[middle])

    def darkest(self) -> NDArray[Any]:
        """The value where nothing surrounds a patch, or nothing plain."""
        everywhere = self.samples.reshape(self.plain.size, -1)
        usable = self.plain.reshape(-1) if self.plain.any() else _finite(everywhere).all(axis=1)
        values = everywhere[usable]
        if self.layout.photometric == "PALETTE COLOR":
            return self.typical(values.reshape(-1))
        if not len(values):
            return np.zeros(self.samples.shape[2:], self.samples.dtype)
        brightness = values[:, :1] if self.layout.photometric.startswith("YBR") else values
        order = brightness.astype(np.float64).sum(axis=1)
        dark = order.argmax() if self.layout.photometric == "MONOCHROME1" else order.argmin()
        return np.asarray(values[dark].reshape(self.samples.shape[2:]))

    def as_cell(self, sample: NDArray[Any]) -> NDArray[Any]:
        """The cell that holds a sample and nothing else."""
        layout, width = self.layout, sample.dtype.itemsize * 8
        if sample.dtype.kind == "f" or layout.bits_allocated == 1 or layout.bits_stored >= width or self.extended:
            return sample
        stored = sample.view(f"u{sample.dtype.itemsize}") & ((1 << layout.bits_stored) - 1)
        return np.asarray(stored << (layout.high_bit + 1 - layout.bits_stored)).view(sample.dtype)


def _finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, np.bool_)


def _each(true: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether something is true of all samples of a pixel, shape (rows, columns)."""
    return np.asarray(true.reshape(*true.shape[:2], -1).all(axis=2))


def _patches(cells: Cells) -> Iterator[tuple[tuple[slice, slice], Cells, Cells]]:
    """For each patch of touching cells: the pixels of an area around it, and in that area the patch and its ring."""
    labels, _ = ndimage.label(cells, _TOUCHING)
    for number, (down, across) in enumerate(ndimage.find_objects(labels), start=1):
        top, left = max(down.start - 1, 0), max(across.start - 1, 0)
        patch = labels[top : down.stop + 1, left : across.stop + 1] == number
        ring = ndimage.binary_dilation(patch, _TOUCHING) & ~patch
        bottom, right = top + patch.shape[0], left + patch.shape[1]
        yield (slice(top * CELL, bottom * CELL), slice(left * CELL, right * CELL)), patch, ring


def _enlarged(cells: Cells, area: tuple[slice, slice], frame: NDArray[Any]) -> NDArray[np.bool_]:
    """Cells of an area as its pixels, which end where the frame does."""
    height, width = frame[area].shape[:2]
    return cells.repeat(CELL, axis=0).repeat(CELL, axis=1)[:height, :width]
