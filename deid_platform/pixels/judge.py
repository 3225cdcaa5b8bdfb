"""Whether the pixels of a cleaned DICOM file may pass while nothing removes text from them yet.

A file whose pixels Tesseract reads without finding text passes, under a rule the manifest names; text, and pixels
nobody can look at, refuse it. What was read stays here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from deid_platform.pixels.display import grey_images, view_of
from deid_platform.pixels.evidence import shows_text
from deid_platform.pixels.frames import PixelSource, open_pixels
from deid_platform.pixels.layout import Limits
from deid_platform.pixels.ocr import read_words
from deid_platform.pixels.pages import Page, pages
from deid_platform.pixels.refusal import burned_in_text

# Pixels of pages read by one process: enough for starting it to be cheap, few enough to hold in memory.
_BATCH = 2**25


class Rule(StrEnum):
    """Why pixels may pass: the closed list a manifest may name."""

    NO_PIXEL_DATA = "no_pixel_data"
    TESSERACT_FOUND_NO_TEXT = "tesseract_found_no_text"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule under which the pixels pass."""

    rule: Rule


def judge(path: Path, limits: Limits | None = None) -> Verdict:
    """Let the pixels of a DICOM file pass, or refuse them.

    Pixels nested in sequences, overlays and encapsulated documents are not looked at: they are removed before.

    Raises
    ------
    UnsafeToRelease
        With BURNED_IN_TEXT, PIXELS_UNDECODABLE, VIDEO or TOO_LARGE.
    DeidError
        Tesseract is missing or fails.
    """
    with open_pixels(path, limits) as source:
        if source is None:
            return Verdict(Rule.NO_PIXEL_DATA)
        for batch in _batches(source):
            _refuse_text(batch)
    return Verdict(Rule.TESSERACT_FOUND_NO_TEXT)


def _batches(source: PixelSource) -> Iterator[list[list[Page]]]:
    """Pages of distinct frames, some frames at a time; the first alone, because most text is in every frame."""
    view = view_of(source.layout)
    seen: set[bytes] = set()
    batch: list[list[Page]] = []
    size = _BATCH
    for frame in source.frames():
        digest = hashlib.blake2b(frame.tobytes(), digest_size=16, person=str(frame.dtype).encode()).digest()
        if digest in seen:
            continue
        seen.add(digest)
        batch.append(list(pages(grey_images(frame, view))))
        size += sum(page.image.size for page in batch[-1])
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _refuse_text(batch: list[list[Page]]) -> None:
    words = iter(read_words([page for frame in batch for page in frame]))
    for frame in batch:
        if shows_text(frame, [next(words) for _ in frame]):
            raise burned_in_text()
