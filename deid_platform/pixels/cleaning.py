"""Finding, deciding and removing the text in the pixels of one DICOM file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path

import numpy as np

from deid_platform.dictionary import tag_text
from deid_platform.model import Change, HeadRule, Masking, PixelOutcome, PixelRule, Region
from deid_platform.pixels.components import labelled, regions_of
from deid_platform.pixels.frames import open_pixels
from deid_platform.pixels.identified import Known
from deid_platform.pixels.layout import Limits
from deid_platform.pixels.lines import text_cells
from deid_platform.pixels.marks import MOST_PIECES, without_marks
from deid_platform.pixels.masks import Mask, Removed
from deid_platform.pixels.overlays import overlay_frames
from deid_platform.pixels.reading import BLOCK, Grey, ink_of, page_of, reader
from deid_platform.pixels.rewrite import Rewrite, write_masked
from deid_platform.pixels.scales import Net, logits_of
from deid_platform.pixels.text import find_text
from deid_platform.pixels.views import Display, display_of, pairs

Masks = list[Mask | None]
_PIXELS, _OVERLAY = tag_text(0x7FE00010), tag_text(0x60003000)
# Pieces of one item that are compared with the subject's identifiers, and how they are enlarged to be read.
_MOST_COMPARED = 32
_ENLARGED = 2.5


@dataclass(frozen=True, slots=True)
class HeadWork:
    """What goes of a head in an item: per frame, or nothing at all. Without a ``rule`` nobody looked for one."""

    rule: str = ""
    removed: tuple[Removed | None, ...] = ()

    @property
    def removes(self) -> bool:
        """Whether the item belongs to a volume that a face was taken out of."""
        return bool(self.rule) and HeadRule(self.rule).removed

    def regions(self) -> tuple[Region, ...]:
        """One rectangle that holds all that goes in any frame; none where nothing does."""
        boxes = [removed.box() for removed in self.removed if removed]
        if not boxes:
            return ()
        tops, bottoms, lefts, rights = zip(*boxes, strict=True)
        left, top = min(lefts), min(tops)
        return (Region(left, top, max(rights) - left, max(bottoms) - top),)


@dataclass(frozen=True, slots=True)
class PixelWork:
    """How the pixels of an item are to be cleaned.

    ``addition`` is masked as well in an item of one frame of its size; ``known`` gives what identifies the subject and
    is asked only where something is masked, None where nothing is compared. ``head`` is what goes of a head.
    """

    net: Net
    keep_marks: bool = False
    addition: Mask | None = None
    known: Callable[[], Known] | None = None
    limits: Limits | None = None
    head: HeadWork = HeadWork()


def clean_file(source: Path, output: Path, work: PixelWork) -> PixelOutcome:
    """Mask the text in frames and overlays of a scrubbed file and take out what goes of a head.

    ``output`` is written only where something does.

    Raises
    ------
    UnsafeToRelease
        With PIXELS_UNDECODABLE, VIDEO or TOO_LARGE.
    DeidError
        Tesseract, where it is asked, is missing or fails.
    """
    masks = find_text(source, work.net, limits=work.limits)
    overlays = list(_overlay_masks(source, work.net))
    if not masks and not overlays:
        return PixelOutcome(PixelRule.NO_PIXEL_DATA)
    if len(masks) == 1 and work.addition is not None:
        masks = [_joined(masks[0], work.addition, source, work.limits)]
    marks = _keep_marks(source, masks, work) if work.keep_marks and any(masks) else 0
    if not any(masks) and not any(overlays) and not work.head.removes:
        return _of_heads(_nothing_removed(len(masks), marks), work.head)
    return _of_heads(_removed(source, output, work, masks, overlays, marks), work.head)


def remove_head(source: Path, output: Path, head: HeadWork, *, claims: bool) -> Masking:
    """Write a DICOM file with what goes of a head taken out; nobody looks for text, and the header stays as it is.

    ``claims`` says NO to Recognizable Visual Features, which is true once that is proven.

    Raises
    ------
    UnsafeToRelease
        With PIXELS_UNDECODABLE, VIDEO or TOO_LARGE.
    """
    masks = _with_head([None] * len(head.removed), head)
    written = write_masked(source, output, masks, no_face=claims)
    regions = head.regions() if written.heads else ()
    return Masking(len(masks), head=head.rule, heads=written.heads, head_regions=regions)


def _of_heads(outcome: PixelOutcome, head: HeadWork) -> PixelOutcome:
    """What is told of an item whose head was looked for."""
    return replace(outcome, masking=replace(outcome.masking, head=head.rule)) if head.rule else outcome


def _nothing_removed(frames: int, marks: int) -> PixelOutcome:
    rule = PixelRule.MARKS_KEPT if marks else PixelRule.NO_TEXT_FOUND
    changes = (Change(_PIXELS, "K", "harmless marks stay", marks),) if marks else ()
    return PixelOutcome(rule, Masking(frames, marks=marks), changes)


def _removed(
    source: Path, output: Path, work: PixelWork, masks: Masks, overlays: Masks, marks: int
) -> PixelOutcome:
    read, identifiers = _compared(source, masks, work.known(), work.limits) if work.known and any(masks) else (0, 0)
    written = write_masked(
        source, output, _with_head(masks, work.head), work.limits,
        overlays=overlays, all_text=True, no_face=work.head.removes,
    )  # fmt: skip
    outcome = _nothing_removed(len(masks), marks)
    if written.frames or written.overlays:
        size = next((mask.rows * mask.columns for mask in masks if mask), 1)
        masking = Masking(
            frames=len(masks),
            masked=written.frames,
            share=written.pixels / (size * max(len(masks), 1)) if written.frames else 0.0,
            overlays=written.overlays,
            marks=marks,
            read=read,
            identifiers=identifiers,
            regions=regions_of(masks) if written.frames else (),
        )
        outcome = PixelOutcome(PixelRule.TEXT_MASKED, masking, _text_changes(written, marks))
    elif not work.head.removes:  # what is masked was blank before: the bytes stay
        return outcome
    return _with_removal(outcome, written, work.head)


def _text_changes(written: Rewrite, marks: int) -> tuple[Change, ...]:
    changes = [
        Change(_PIXELS, "C", "text is masked", written.frames),
        Change(_PIXELS, "K", "harmless marks stay", marks),
        Change(_OVERLAY, "C", "text is cleared", written.overlays),
    ]
    return tuple(change for change in changes if change.count)


def _with_removal(outcome: PixelOutcome, written: Rewrite, head: HeadWork) -> PixelOutcome:
    """The outcome of what was written, with what went of a head."""
    changes = (Change(_PIXELS, "C", head.rule.replace("_", " "), written.heads),) if written.heads else ()
    regions = head.regions() if written.heads else ()
    return replace(
        outcome,
        masking=replace(outcome.masking, heads=written.heads, head_regions=regions),
        changes=(*outcome.changes, *changes),
        transfer_syntax=written.new_transfer_syntax,
    )


def _with_head(masks: Masks, head: HeadWork) -> Masks:
    """Masks of text joined with what goes of a head. Raises ValueError when that has other frames."""
    if not head.removed:
        return masks
    heads = [Mask.without_text(removed) if removed else None for removed in head.removed]
    return [mask | gone if mask and gone else mask or gone for mask, gone in zip(masks, heads, strict=True)]


def _overlay_masks(source: Path, net: Net) -> Iterator[Mask | None]:
    """What shows text in each picture of a region of interest."""
    for picture in overlay_frames(source):
        views = pairs(picture, Display())
        cells = text_cells(logits_of(np.stack(views), net).max(axis=0), net.thresholds) if views else None
        yield Mask.of(cells, *picture.shape) if cells is not None and cells.any() else None


def _joined(mask: Mask | None, addition: Mask, source: Path, limits: Limits | None) -> Mask | None:
    """A mask with the addition of its series, where that is of its size."""
    with open_pixels(source, limits) as pixels:
        size = (pixels.layout.rows, pixels.layout.columns) if pixels is not None else ()
    if size != (addition.rows, addition.columns):
        return mask
    return reduce(or_, filter(None, (mask, addition)))


def _shown(source: Path, masks: Sequence[Mask | None], limits: Limits | None) -> Iterator[tuple[int, Mask, Grey]]:
    """Number, mask and picture of every frame with a mask, as a reader should see it."""
    with open_pixels(source, limits) as pixels:
        if pixels is None:
            return
        display = display_of(pixels.layout)
        for number, (frame, mask) in enumerate(zip(pixels.by_frame(), masks, strict=True)):
            views = pairs(frame[0], display) if mask else []
            if mask and views:
                yield number, mask, views[0][0]


def _keep_marks(source: Path, masks: Masks, work: PixelWork) -> int:
    """Take harmless marks out of ``masks``; gives how many stay."""
    kept, left = 0, MOST_PIECES
    for number, mask, picture in _shown(source, masks, work.limits):
        masks[number], marks, read = without_marks(mask, picture, reader(), left)
        kept, left = kept + marks, left - read
    return kept


def _compared(source: Path, masks: Masks, known: Known, limits: Limits | None) -> tuple[int, int]:
    """How many masked pieces were read, the same ones once, and how many of them say an identifier."""
    pages: dict[bytes, Grey] = {}
    for _, mask, picture in _shown(source, masks, limits):
        for component in labelled(mask)[1]:
            ink = ink_of(component.of(picture))
            if ink is not None and len(pages) < _MOST_COMPARED:
                pages.setdefault(ink.tobytes(), page_of(ink, _ENLARGED))
    readings = reader().read(list(pages.values()), BLOCK)
    return len(readings), sum(known.said_in(reading.text) for reading in readings)
