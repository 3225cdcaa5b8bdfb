"""Value representations (PS3.5 6.2): their kinds, and which one to go by where file and dictionary differ."""

from __future__ import annotations

from functools import lru_cache

from deid_platform.dictionary import public_vr

SHORT_VRS = frozenset("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VRS = frozenset("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
BINARY_VRS = frozenset("OB OD OF OL OV OW UN".split())
STRING_VRS = frozenset("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())


@lru_cache(maxsize=1 << 13)
def vr_of(tag: int, declared: str) -> str:
    """The VR of a public attribute: the declared one ('' for none) where it can be true, else the dictionary's."""
    known = "UL" if tag & 0xFFFF == 0 else public_vr(tag)
    return _plausible(declared, known or "UN") if declared and declared != "UN" else known or "UN"


def _plausible(declared: str, known: str) -> str:
    """A text under another VR is the same text, and treated as what the dictionary says; numbers need their own VR."""
    if declared in (known, "SQ"):
        return declared
    if known == "SQ":
        return "UN"
    return known if known in STRING_VRS else declared
