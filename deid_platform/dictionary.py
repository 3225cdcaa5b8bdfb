"""The DICOM data dictionary (PS3.6), as pydicom carries it, in the two questions this engine asks."""

from __future__ import annotations

from functools import cache

from pydicom.datadict import DicomDictionary, private_dictionary_VR, tag_for_keyword

_HEX = frozenset("0123456789abcdefABCDEF")
# Attributes whose VR depends on others are written with one VR here; the bytes are the same for either.
_AMBIGUOUS = {"US or SS": "US", "US or OW": "OW", "US or SS or OW": "OW", "OB or OW": "OW"}


@cache
def public_vr(tag: int) -> str | None:
    """The VR of a public attribute, None for one the dictionary does not know."""
    entry = DicomDictionary.get(tag)
    if entry is None:
        return None
    vr: str = entry[0]
    return vr if len(vr) == 2 else _AMBIGUOUS.get(vr)


@cache
def private_vr(tag: int, creator: str) -> str | None:
    """The VR of a known private element, None for an unknown one."""
    try:
        vr: str = private_dictionary_VR(tag, creator)
    except KeyError:
        return None
    return vr if len(vr) == 2 else _AMBIGUOUS.get(vr)


def keyword(tag: int) -> str:
    """The keyword of a public attribute, empty for one the dictionary does not know."""
    entry = DicomDictionary.get(tag)
    return str(entry[4]) if entry else ""


def keyword_of(target: str) -> str:
    """The keyword of what a change was made to; empty where that is no attribute but a part of another format."""
    number = parse_tag(target) if target.startswith("(") else None
    return "" if number is None else keyword(number)


def parse_tag(text: str) -> int | None:
    """A tag from a keyword (``PatientName``) or from its digits (``00100010``, ``(0010,0010)``); None for neither."""
    number = tag_for_keyword(text)
    if number is not None:
        return int(number)
    digits = text.strip().strip("()").replace(",", "")
    return int(digits, 16) if len(digits) == 8 and not set(digits) - _HEX else None


def tag_text(tag: int) -> str:
    """A tag as people write it: ``(0010,0020)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
