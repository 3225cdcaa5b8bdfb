"""Who made a slide, told by what its first images say, and what stays of it then."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.wsi import leica, ome, philips, ventana
from deid_platform.formats.wsi.label import with_thumbnail
from deid_platform.formats.wsi.levels import kept_directories, refuse_countless
from deid_platform.formats.wsi.plan import DESCRIPTION, XMP, Plan
from deid_platform.formats.wsi.tiff import Tiff

_READ = 1 << 23
_REFUSED = {b"<scn": "Leica SCN", b"leica-microsystems.com/scn": "Leica SCN", b"iscan": "Ventana BIF",
            b"hamamatsu ndpis": "NDPIS", b"dpufsimport": "Philips"}  # fmt: skip
"""Formats that hide identifiers in more places than are known here, by what their first images say."""
_OME = b"<ome"
_KNOWN: tuple[tuple[Callable[[Tiff], bool], Callable[[Tiff], Plan]], ...] = (
    (philips.is_made, philips.plan), (leica.is_made, leica.plan), (ventana.is_made, ventana.plan),
    (ome.is_made, ome.plan),
)  # fmt: skip


def plan_of(tiff: Tiff) -> Plan:
    """What stays of a slide.

    Raises
    ------
    UnsupportedFormat
        It is of a maker whose slides cannot be cleaned yet, or no slide.
    MalformedFile
        What it tells of its images is not so, or it has more tiles than any slide.
    """
    makers = [planned for is_made, planned in _KNOWN if is_made(tiff)]
    if len(makers) + _is_aperio(tiff) + tiff.ndpi > 1:
        raise MalformedFile("The slide says to be of two makers.")
    plan = makers[0](tiff) if makers else _plain(tiff)
    refuse_countless(tiff, plan.levels)
    return plan


def is_of_a_maker(tiff: Tiff) -> bool:
    """Whether anything in a file says that a maker of slides or microscopes wrote it."""
    known = any(is_made(tiff) for is_made, _ in _KNOWN) or tiff.ndpi or _is_aperio(tiff)
    return known or any(True for _ in _marks(tiff))


def _plain(tiff: Tiff) -> Plan:
    """Slides whose images are told by their tags alone."""
    for mark in _marks(tiff):
        if mark in _REFUSED:
            raise UnsupportedFormat(f"Slides of {_REFUSED[mark]} like this one cannot be cleaned.")
    suffix = ".ndpi" if tiff.ndpi else ".svs" if _is_aperio(tiff) else ".tiff"
    plan = Plan(tuple(kept_directories(tiff)), suffix=suffix)
    return with_thumbnail(tiff, plan) if _is_aperio(tiff) else plan


def _marks(tiff: Tiff) -> Iterator[bytes]:
    """What makers of slides and of microscopes write, as far as the images of a file hold it."""
    texts = (one.tags[tag] for one in tiff.chain for tag in (DESCRIPTION, XMP) if tag in one.tags)
    for told in (tiff.bytes_of(tag)[:_READ] for tag in texts):
        letters = told.replace(b"\0", b"").lower()  # in UTF-16 every other byte of such a text is zero
        yield from (mark for mark in (*_REFUSED, _OME) if mark in letters)


def _is_aperio(tiff: Tiff) -> bool:
    return tiff.text(tiff.chain[0], DESCRIPTION).startswith("Aperio")
