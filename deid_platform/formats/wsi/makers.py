"""Who made a slide, told by what its first images say, and what stays of it then."""

from __future__ import annotations

from collections.abc import Callable

from deid_platform.errors import UnsupportedFormat
from deid_platform.formats.wsi import philips
from deid_platform.formats.wsi.levels import kept_directories, refuse_countless
from deid_platform.formats.wsi.plan import DESCRIPTION, XMP, Plan
from deid_platform.formats.wsi.tiff import Tiff

_READ = 1 << 16
_REFUSED = {"<scn": "Leica SCN", "iscan": "Ventana BIF", "hamamatsu ndpis": "NDPIS"}
"""Formats that hide identifiers in more places than are known here, by what their first images say."""
_KNOWN: tuple[tuple[Callable[[Tiff], bool], Callable[[Tiff], Plan]], ...] = ((philips.is_made, philips.plan),)


def plan_of(tiff: Tiff) -> Plan:
    """What stays of a slide.

    Raises
    ------
    UnsupportedFormat
        It is of a maker whose slides cannot be cleaned yet, or no slide.
    MalformedFile
        What it tells of its images is not so, or it has more tiles than any slide.
    """
    planned = next((planned for is_made, planned in _KNOWN if is_made(tiff)), _plain)
    plan = planned(tiff)
    refuse_countless(tiff, plan.levels)
    return plan


def _plain(tiff: Tiff) -> Plan:
    """Slides whose images are told by their tags alone."""
    told = "".join(tiff.text(one, tag) for one in tiff.chain[:2] for tag in (DESCRIPTION, XMP)).lower()
    for mark, maker in _REFUSED.items():
        if mark in told[:_READ]:
            raise UnsupportedFormat(f"Slides of {maker} cannot be cleaned yet.")
    aperio = tiff.text(tiff.chain[0], DESCRIPTION).startswith("Aperio")
    return Plan(tuple(kept_directories(tiff)), suffix=".ndpi" if tiff.ndpi else ".svs" if aperio else ".tiff")
