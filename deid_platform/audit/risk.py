"""How likely an image carries text, told from its header: it decides which results are read when not all are."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydicom import dcmread

from deid_platform.model import Masking
from deid_platform.pixels.layout import quiet

# Slices, projections and dose grids as devices reconstruct them. Every other modality is taken to carry text: screens
# (US, SC, OT, XC, ES, GM, IO), stamped radiographs (CR, DX, MG, XA, RF, PX, RG), visible light, and what nobody knows.
_ROUTINE = frozenset({"CT", "MR", "PT", "NM", "RTDOSE"})
# Secondary Capture Image Storage and its multi-frame kinds. Source: PS3.4 table B.5-1.
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_OVERLAY_ROWS = [group << 16 | 0x0010 for group in range(0x6000, 0x6020, 2)]
_TAGS = [0x00080008, 0x00080016, 0x00080060, 0x00080064, 0x00280010, *_OVERLAY_ROWS]
"""Image Type, SOP Class UID, Modality, Conversion Type, Rows, and rows of overlays."""


class TextRisk(StrEnum):
    """Whether an object has pixels, and whether something speaks for text in them."""

    NO_PIXELS = "no_pixels"
    ROUTINE = "routine"
    LIKELY = "likely"


def text_risk(output: Path, masking: Masking) -> TextRisk:
    """The risk of a cleaned object: routine only for slices straight from a scanner that nothing was masked in."""
    with quiet():
        header = dcmread(output, stop_before_pixels=True, force=True, specific_tags=_TAGS)
        told = header.get("ImageType") or ()
        kind = [told] if isinstance(told, str) else [str(value) for value in told]
        modality, sop_class = str(header.get("Modality") or ""), str(header.get("SOPClassUID") or "")
        overlays = any(tag in header for tag in _OVERLAY_ROWS)
    if "Rows" not in header and not overlays:
        return TextRisk.NO_PIXELS
    telling = (
        modality not in _ROUTINE,
        sop_class.startswith(_SECONDARY_CAPTURE),
        "ConversionType" in header,
        "SECONDARY" in kind[1:2],
        "DERIVED" in kind[:1],
        overlays,
        bool(masking.masked or masking.marks),
    )
    return TextRisk.LIKELY if any(telling) else TextRisk.ROUTINE
