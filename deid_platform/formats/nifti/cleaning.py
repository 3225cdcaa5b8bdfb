"""Taking text and what goes of a head out of the voxels of a NIfTI file; all other bytes stay."""

from __future__ import annotations

from pathlib import Path

from deid_platform.formats.nifti.files import is_compressed, opened, written
from deid_platform.formats.nifti.volume import Volume, unpacked
from deid_platform.model import Change, Masking, PixelOutcome, PixelRule
from deid_platform.pixels.cleaning import HeadWork, PixelWork
from deid_platform.pixels.components import regions_of
from deid_platform.pixels.fill import fill
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.text import find_text

_VOXELS = "voxels"
_PIECE = 64
"""Slices that are written at a time."""
_COPIED = 1 << 20
SYNTAX = "NIfTI"
"""Stands where DICOM has its transfer syntax: how voxels are stored never changes."""


def clean_volume(source: Path, output: Path, work: PixelWork) -> PixelOutcome:
    """Look for text in every slice of every volume, mask it and take out what goes of a head.

    ``source`` is scrubbed: its header stays. ``output`` is written only where anything goes.
    """
    with unpacked(source) as volume:
        masks = find_text(volume, work.net)
        joined = _joined(masks, work.head, volume)
        texts, heads, pixels = _replace(volume, joined)
        if texts or heads:
            _write(volume, source, output)
    rule = PixelRule.TEXT_MASKED if texts else PixelRule.NO_TEXT_FOUND
    size = volume.header.dims[0] * volume.header.dims[1]
    masking = Masking(
        frames=len(masks), masked=texts, share=pixels / (size * len(masks)), head=work.head.rule, heads=heads,
        regions=regions_of(masks) if texts else (), head_regions=work.head.regions() if heads else (),
    )  # fmt: skip
    changes = [Change(_VOXELS, "C", "text is masked", texts),
               Change(_VOXELS, "C", work.head.rule.replace("_", " "), heads)]  # fmt: skip
    return PixelOutcome(rule, masking, tuple(one for one in changes if one.count), SYNTAX if texts or heads else "")


def remove_head(source: Path, output: Path, head: HeadWork) -> Masking:
    """Write a file with what goes of a head taken out; nobody looks for text, and header and extensions stay."""
    with unpacked(source) as volume:
        _, heads, _ = _replace(volume, _joined([None] * volume.header.frames, head, volume))
        _write(volume, source, output)
    regions = head.regions() if heads else ()
    return Masking(volume.header.frames, head=head.rule, heads=heads, head_regions=regions)


def _joined(masks: list[Mask | None], head: HeadWork, volume: Volume) -> list[Mask | None]:
    """Masks of text with what goes of a head, which is the same in every volume of a time series."""
    if not head.removed:
        return masks
    heads = [Mask.without_text(removed) if removed else None for removed in head.removed]
    both = zip(masks, heads * (volume.header.frames // volume.header.slices), strict=True)
    return [mask | gone if mask and gone else mask or gone for mask, gone in both]


def _replace(volume: Volume, masks: list[Mask | None]) -> tuple[int, int, int]:
    """Change the slices; gives how many lost text and how many a part of a head, and how many pixels text covered."""
    texts = heads = pixels = 0
    layout = volume.layout
    for number, mask in enumerate(masks):
        if not mask:
            continue
        cells = volume.native(number)
        filled = fill(cells, mask, layout)
        if filled:
            volume.stored[number] = cells
        texts, heads = texts + filled.text, heads + filled.head
        pixels += int(mask.text_pixels().sum()) if filled.text else 0
    return texts, heads, pixels


def _write(volume: Volume, source: Path, output: Path) -> None:
    """Write changed voxels behind the header of ``source`` and its extensions, which are clean where they must be."""
    with source.open("rb") as stored:
        compressed = is_compressed(stored.read(2))
    with opened(source) as (_, file), written(output, compressed=compressed) as sink:
        file.seek(0)
        for start in range(0, volume.header.offset, _COPIED):
            sink.write(file.read(min(_COPIED, volume.header.offset - start)))
        for start in range(0, len(volume.stored), _PIECE):
            sink.write(volume.stored[start : start + _PIECE].tobytes())
