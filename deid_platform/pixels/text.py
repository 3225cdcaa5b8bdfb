"""Finding burned-in text: which cells of which frame of a DICOM file are to be masked.

Every distinct frame is looked at once, in two views and at several sizes. What stays the same over many frames is
looked for in their minimum, maximum and median, too, where moving tissue fades and writing does not; that adds to what
is found in each frame and replaces nothing. Memory does not grow with the number of frames.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import DeidError
from deid_platform.pixels.frames import open_pixels
from deid_platform.pixels.layout import Layout, Limits, value_of
from deid_platform.pixels.lines import text_cells
from deid_platform.pixels.masks import Cells, Mask
from deid_platform.pixels.prior import usually_written
from deid_platform.pixels.projections import FEWEST, Projections, evenly
from deid_platform.pixels.regions import Screen, screen_of
from deid_platform.pixels.scales import Net, logits_of
from deid_platform.pixels.views import Pair, display_of, pairs

_PALETTE = "PALETTE COLOR"
# Files of a series whose projections are looked at.
_FILES = 32
# Pixels of frames that are looked at together, where the detector takes several: sixteen frames of 512 x 512.
_TOGETHER = 2**22
# Frames up to which each is looked at enlarged; the screen around a longer cine is in its projections.
_FEW = 8


class Frames(Protocol):
    """An open image of any format."""

    @property
    def layout(self) -> Layout:
        """What it declares."""
        ...

    def by_frame(self) -> Iterator[Sequence[NDArray[Any]]]:
        """What each frame shows, see :meth:`~deid_platform.pixels.frames.PixelSource.by_frame`."""
        ...


def find_text(
    source: Path | Frames, net: Net, screen: Screen | None = None, limits: Limits | None = None
) -> list[Mask | None]:
    """The mask of each frame, None where there is nothing to mask; no entries for a file without pixels.

    Parameters
    ----------
    source
        A DICOM file; or frames of any file that is open, which is read from its first frame to its last.
    net
        An open detector.
    screen
        Where writing is known to be; what the file's header tells unless given.
    limits
        What a file may declare.

    Raises
    ------
    UnsafeToRelease
        With PIXELS_UNDECODABLE, VIDEO or TOO_LARGE.
    """
    with ExitStack() as stack:
        if isinstance(source, Path):
            opened = stack.enter_context(open_pixels(source, limits))
            if opened is None:
                return []
            source = opened
        return _Finder(net, source.layout, screen).masks(source)


def project_series(files: Iterable[Path], net: Net, limits: Limits | None = None) -> Mask | None:
    """What minimum, maximum and median over the single frames of a series show; None when that is nothing.

    At most 32 files are read, evenly spread; of these, the most that are alike in size, photometric interpretation and
    rescaling, if they are six or more. What cannot be opened is left out. The mask fits frames of its own rows and
    columns only.
    """
    paths = list(files)
    sampled = [paths[index] for index in evenly(len(paths), _FILES)]
    kinds = [_kind(path, limits) for path in sampled]
    counted = Counter(kind for kind in kinds if kind is not None)
    if not counted or (chosen := counted.most_common(1)[0])[1] < FEWEST:
        return None
    alike = [path for path, kind in zip(sampled, kinds, strict=True) if kind == chosen[0]]
    projections = Projections(len(alike))
    finder = None
    for path in alike:
        try:
            with open_pixels(path, limits) as source:
                if source is not None:
                    finder = finder or _Finder(net, source.layout)
                    projections.add(next(source.by_frame())[0])
        except (DeidError, OSError):
            continue
    return finder.projected(projections) if finder is not None else None


def _kind(path: Path, limits: Limits | None) -> tuple[Any, ...] | None:
    """What files must share for their frames to be comparable; None for several frames, or what cannot be opened."""
    try:
        with open_pixels(path, limits) as source:
            if source is None or source.layout.frames != 1:
                return None
            layout = source.layout
            rescaling = (str(value_of(layout.header, keyword)) for keyword in ("RescaleSlope", "RescaleIntercept"))
            return layout.rows, layout.columns, layout.photometric, layout.bits_stored, layout.signed, *rescaling
    except (DeidError, OSError):
        return None


class _Finder:
    """What is needed to judge the frames of one file, and the masks of those that were judged."""

    def __init__(self, net: Net, layout: Layout, screen: Screen | None = None) -> None:
        screen = screen or screen_of(layout)
        self._net = net
        self._batch = max(1, min(net.batch, _TOGETHER // (layout.rows * layout.columns)))
        self._layout = layout
        self._display = display_of(layout)
        self._written = usually_written(layout)
        self._thresholds = net.thresholds.of(self._written)
        self._furniture = screen.furniture(layout.rows, layout.columns)
        self._labels = self._mask(screen.labels(layout.rows, layout.columns))
        self._masks: list[Mask | None] = []
        self._waiting: list[list[Pair]] = []

    def masks(self, source: Frames) -> list[Mask | None]:
        """The masks of all frames, in order; equal frames are judged once."""
        numbers: dict[bytes, int] = {}
        order: list[int] = []
        projections = Projections(self._layout.frames)
        for shown in source.by_frame():
            digest = _digest(shown) if self._layout.frames > 1 else b""
            if digest not in numbers:
                numbers[digest] = len(numbers)
                self._take(shown)
            order.append(numbers[digest])
            projections.add(shown[0])
        self._look()
        common = self.projected(projections) if len(numbers) >= FEWEST else self._labels
        found = [_both(mask, common) for mask in self._masks]
        return [found[number] for number in order]

    def projected(self, projections: Projections) -> Mask | None:
        """What is to be masked in every frame."""
        common = self._labels
        for picture in projections.pictures():
            if views := pairs(picture, self._display):
                cells = self._text(list(self._logits(views, carefully=True)))
                if not self._written and self._layout.photometric == "MONOCHROME2":
                    cells = projections.lasting(cells)
                common = _both(common, self._mask(cells))
        return common

    def _take(self, shown: Sequence[NDArray[Any]]) -> None:
        """Let a frame wait until enough have come for a run; the numbers of colours in a palette are no picture."""
        pictures = [shown[0], *shown[2:]] if self._layout.photometric == _PALETTE else shown
        self._waiting.append([pair for picture in pictures for pair in pairs(picture, self._display)])
        if sum(map(len, self._waiting)) >= self._batch:
            self._look()

    def _look(self) -> None:
        """Judge the frames that wait."""
        together = [pair for of_frame in self._waiting for pair in of_frame]
        logits = self._logits(together, carefully=self._written and self._layout.frames <= _FEW)
        for of_frame in self._waiting:
            found = [next(logits) for _ in of_frame]
            self._masks.append(self._mask(self._text(found)) if found else None)
        self._waiting.clear()

    def _logits(self, together: Sequence[Pair], *, carefully: bool) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(together), self._batch):
            part = np.stack(together[start : start + self._batch])
            yield from logits_of(part, self._net, carefully=carefully)

    def _text(self, logits: Sequence[NDArray[np.float32]]) -> Cells:
        return text_cells(np.maximum.reduce(logits), self._thresholds, self._furniture)

    def _mask(self, cells: Cells) -> Mask | None:
        return Mask.of(cells, self._layout.rows, self._layout.columns) if cells.any() else None


def _digest(shown: Sequence[NDArray[Any]]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for picture in shown:
        digest.update(picture.dtype.str.encode())
        digest.update(np.ascontiguousarray(picture).data)
    return digest.digest()


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return one if other is None else other
    return one | other
