"""The samples of stacks of DICOM slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.heads.plans import FrameOf, ItemPlanes, StackPlan
from deid_platform.heads.stack import Samples, Stack
from deid_platform.pixels.frames import open_pixels


@contextmanager
def open_stack(plan: StackPlan, paths: Mapping[str, Path]) -> Iterator[Stack]:
    """Open a stack for reading; items of many frames are decoded once, into a temporary file.

    Raises
    ------
    UnsafeToRelease
        On reading, when pixels cannot be decoded.
    """
    with TemporaryDirectory() as scratch:
        cache = _Frames(paths, Path(scratch))
        start = plan.frames[0]
        first = plan.first.plane(start.frame)

        def read(number: int) -> Samples:
            one = plan.frames[number]
            own = plan.planes[one.item]
            stored = cache.tile(one, own) if own.side else cache.stored(one)
            if stored.shape[:2] != (own.rows, own.columns):
                raise MalformedFile("A frame has another size than the header says.")
            grey = stored.mean(axis=2) if stored.ndim > 2 else stored
            return np.asarray(grey * own.slopes[one.frame] + own.intercepts[one.frame], np.float32)

        yield Stack(first, plan.origins(), read, plan.first.modality, plan.first.thickness)


class _Frames:
    """Stored samples of frames, by item."""

    def __init__(self, paths: Mapping[str, Path], scratch: Path) -> None:
        self._paths, self._scratch = paths, scratch
        self._decoded: dict[str, NDArray[Any]] = {}
        self._mosaic: tuple[str, NDArray[Any]] = "", np.empty(0)

    def tile(self, one: FrameOf, own: ItemPlanes) -> NDArray[Any]:
        """The samples of a slice of a mosaic. Of mosaics the last one read is held."""
        if self._mosaic[0] != one.item:
            self._mosaic = one.item, self.stored(FrameOf(one.item, 0))
        whole = self._mosaic[1]
        if whole.shape[:2] != (own.side * own.rows, own.side * own.columns):
            raise MalformedFile("A frame has another size than the header says.")
        return np.asarray(whole[own.tile(one.frame)])

    def stored(self, one: FrameOf) -> NDArray[Any]:
        """The samples of a frame, shape (rows, columns) or (rows, columns, 3)."""
        if one.item in self._decoded:
            return np.asarray(self._decoded[one.item][one.frame])
        with open_pixels(self._paths[one.item]) as pixels:
            if pixels is None:
                raise MalformedFile("An image in space has no pixels.")
            count, frames = pixels.layout.frames, pixels.by_frame()
            if count == 1:
                return next(frames)[0]
            shown = next(frames)[0]
            name = self._scratch / str(len(self._decoded))
            decoded = np.lib.format.open_memmap(name, mode="w+", dtype=shown.dtype, shape=(count, *shown.shape))
            decoded[0] = shown
            for number, rest in enumerate(frames, start=1):
                decoded[number] = rest[0]
        self._decoded[one.item] = decoded
        return np.asarray(decoded[one.frame])
