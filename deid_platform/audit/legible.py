"""Whether a reader that cleaned nothing finds text in the pixels of a cleaned DICOM object.

Tesseract reads every distinct frame and overlay, shown and enlarged in several ways. What was read stays here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from deid_platform.audit.display import grey_images, view_of
from deid_platform.audit.evidence import Reading, doubted, shows_text
from deid_platform.audit.marks import without_marks
from deid_platform.audit.ocr import Word, read_words
from deid_platform.audit.pages import Page, pages
from deid_platform.pixels.frames import open_pixels
from deid_platform.pixels.layout import Layout, Limits
from deid_platform.pixels.overlays import overlay_frames

# Pixels of pages read by one process: enough for starting it to be cheap, few enough to hold in memory.
_BATCH = 2**25


def text_left(path: Path, *, marks: bool = False, limits: Limits | None = None) -> bool:
    """Whether the pixels or overlays of a DICOM file show text; with ``marks`` harmless ones count as none.

    Pixels nested in sequences and encapsulated documents are not looked at: they are removed before.

    Raises
    ------
    UnsafeToRelease
        With PIXELS_UNDECODABLE, VIDEO or TOO_LARGE: nobody can say.
    DeidError
        Tesseract is missing or fails.
    """
    with open_pixels(path, limits) as source:
        return _shows_text(chain(_overlay_pages(path), _pages(source) if source is not None else ()), marks=marks)


def doubted_words(path: Path, *, marks: bool = False) -> list[Word]:
    """The places of words in a file of one frame that count only as long as it is no slice among many.

    Nothing where surer words, or overlays, show text. Raises as :func:`text_left` does.
    """
    with open_pixels(path) as source:
        if source is None or source.layout.frames != 1 or _shows_text(_overlay_pages(path), marks=marks):
            return []
        shown = [page for _, page in _pages(source)]
    found = [without_marks(words) if marks else words for words in read_words(shown)]
    return doubted([(page.preparation, words) for page, words in zip(shown, found, strict=True)])


class Frames(Protocol):
    """An open image of any format: what it declares, and its frames."""

    @property
    def layout(self) -> Layout:
        """What it declares."""
        ...

    def frames(self) -> Iterator[NDArray[Any]]:
        """What the frames show, shape (rows, columns) or (rows, columns, 3)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture of a format that has no header: shape (rows, columns), or (rows, columns, 3) for colours."""

    pixels: NDArray[Any]

    @property
    def layout(self) -> Layout:
        """No window, and bright is bright."""
        rows, columns = self.pixels.shape[:2]
        samples, bits = self.pixels.shape[2] if self.pixels.ndim == 3 else 1, 8 * self.pixels.dtype.itemsize
        return Layout(
            ExplicitVRLittleEndian, "PixelData", "OW", 0, self.pixels.nbytes, rows, columns, samples,
            "RGB" if samples == 3 else "MONOCHROME2", 0, bits, bits, bits - 1, False, 1, Dataset(),
        )  # fmt: skip

    def frames(self) -> Iterator[NDArray[Any]]:
        """The one frame."""
        yield self.pixels


def shows_text_in(source: Frames, *, among_many: bool) -> bool:
    """As :func:`text_left`, of frames of any format; ``among_many``: they are the slices of a volume, or tissue."""
    return _shows_text(_pages(source), marks=False, among_many=among_many)


def _overlay_pages(path: Path) -> Iterator[tuple[int, Page]]:
    """Pages of overlays, with numbers no frame has."""
    for number, overlay in enumerate(overlay_frames(path), start=1):
        yield from ((-number, page) for page in pages([overlay]))


def _shows_text(numbered: Iterator[tuple[int, Page]], *, marks: bool, among_many: bool = False) -> bool:
    """Read every distinct frame; a frame is judged as soon as any of its pages are read."""
    readings: dict[int, list[Reading]] = {}
    for batch in _batches(numbered):
        for (frame, page), words in zip(batch, read_words([page for _, page in batch]), strict=True):
            found = without_marks(words) if marks else words
            readings.setdefault(frame, []).append((page.preparation, found))
        if any(shows_text(found, among_many=among_many) for found in readings.values()):
            return True
        last = batch[-1][0]
        readings = {last: readings[last]}
    return False


def _pages(source: Frames) -> Iterator[tuple[int, Page]]:
    """Pages of distinct frames with the number of their frame."""
    view = view_of(source.layout)
    seen: set[bytes] = set()
    for number, frame in enumerate(source.frames()):
        cells = np.ascontiguousarray(frame).data
        digest = hashlib.blake2b(cells, digest_size=16, person=frame.dtype.str.encode()).digest()
        if digest not in seen:
            seen.add(digest)
            yield from ((number, page) for page in pages(grey_images(frame, view)))


def _batches(numbered: Iterator[tuple[int, Page]]) -> Iterator[list[tuple[int, Page]]]:
    """Some pages at a time; those of the first frame alone, because most text is in every frame."""
    batch: list[tuple[int, Page]] = []
    size, first = 0, None
    for number, page in numbered:
        first = number if first is None else first
        if batch and (size + page.image.size > _BATCH or batch[0][0] == first != number):
            yield batch
            batch, size = [], 0
        batch.append((number, page))
        size += page.image.size
    if batch:
        yield batch
