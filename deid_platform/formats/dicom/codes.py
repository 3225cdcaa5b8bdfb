"""Coded concepts: what of a code sequence item may be trusted because its coding scheme is published."""

from __future__ import annotations

from functools import cache

from deid_platform.formats.dicom.elements import DataSet

CODE_MEANING, _CODING_SCHEME = 0x00080104, 0x00080102
CODE_TEXTS = frozenset({0x00080100, _CODING_SCHEME, 0x00080103, CODE_MEANING, 0x00080119, 0x00080120})
"""Code value, scheme, scheme version, meaning, long and URN code value."""

# PS3.16 section 8: schemes whose codes and meanings are published, so that they cannot hold a name of their own.
_PUBLISHED_SCHEMES = frozenset(
    "DCM SCT SRT SNM3 99SDM LN UCUM RADLEX FMA NCIt ICD10 I10 I9C ICDO3 MSH UMLS BI MDC SCPECG".split()
)
# Codes in these sequences stand for a person or a place, whatever scheme they claim.
_NAMING_SEQUENCES = ("0040,1101/", "0040,4009/", "0040,a088/", "0008,0082/", "0008,1072/")

INSTITUTION_CODES = ("0008,0082/", "0008,1041/")
"""Ends of paths whose items name an institution or a department of it."""


def is_published(data: DataSet, path: str) -> bool:
    """Whether an item's code comes from a published scheme; ``path`` says which sequence the item belongs to."""
    scheme = data.get(_CODING_SCHEME)
    if scheme is None or not isinstance(scheme.value, bytes) or path.endswith(_NAMING_SEQUENCES):
        return False
    return scheme.value.decode("latin-1").strip(" \0") in _PUBLISHED_SCHEMES


@cache
def published_meanings() -> frozenset[str]:
    """Meanings that the context groups of PS3.16 use, as pydicom carries them; loading them takes a while."""
    from pydicom.sr.codedict import codes

    concepts = (code for scheme in codes.schemes() for code in getattr(codes, scheme).concepts.values())
    return frozenset(str(code.meaning) for code in concepts)
