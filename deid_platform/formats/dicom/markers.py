"""What a released object says about itself: PS3.15 2026c E.1.1 markers and a File Meta group of our own.

Markers state what was satisfied here. What the sender claimed never decides.
"""

from __future__ import annotations

from deid_platform.formats.dicom.charset import Charset, charset_of
from deid_platform.formats.dicom.elements import CHARACTER_SET, PIXEL_TAGS, DataSet, Element
from deid_platform.formats.dicom.uids import uid_in
from deid_platform.model import ENGINE_VERSION
from deid_platform.policy import CLEAN_FACES_CODE, CLEAN_PIXEL_DATA_CODE, Policy

IMPLEMENTATION_CLASS_UID = "2.25.268419703287655812390424150276117421830"
IMPLEMENTATION_VERSION_NAME = f"DEID_PLATFORM_{ENGINE_VERSION}"
_METHOD_LIMIT = 64
_SOFTWARE = "deid-platform"
_PROFILE, _EXCEPTIONS = "Basic Profile", "exceptions"
_TEMPORAL = {"remove": "REMOVED", "shift": "MODIFIED", "year": "MODIFIED", "keep": "UNMODIFIED"}


def mark(data: DataSet, policy: Policy) -> tuple[str, ...]:
    """Write the markers into ``data``; gives the codes of CID 7050 that were claimed.

    Clean Pixel Data is claimed in advance of an object with pixels: the pixel stage looks at every frame of it and
    removes the text, or refuses the object, which then never leaves.
    """
    codes = claims(data, policy)
    # A profile that keeps more than the standard allows may well leave the patient's identity in place.
    _put(data, 0x00120062, "CS", "YES" if codes else "NO")
    _put(data, 0x00280303, "CS", _TEMPORAL[policy.dates])
    data[0x00120063] = Element(0x00120063, "LO", _method(data, policy))
    data.pop(0x00120064, None)
    if codes:
        data[0x00120064] = Element(0x00120064, "SQ", [_code(code, "DCM", meaning) for code, meaning in codes])
    # The sender's word on what the pixels show counts for nothing. Some IODs demand Burned In Annotation; 'NO' is what
    # the pixel stage makes true before the gate lets the item pass, and what it adds where it masked text. On faces the
    # word is 'YES', which claims nothing for us, until the pixel stage has taken one out (:func:`claim_no_face`).
    if 0x00280301 in data:
        _put(data, 0x00280301, "CS", "NO")
    if 0x00280302 in data:
        _put(data, 0x00280302, "CS", "YES")
    _contribute(data)
    return tuple(code for code, _ in codes)


def claim_no_face(data: DataSet) -> None:
    """Say that nobody can be recognised in the volume of an object; the gate refuses it unless that is proven.

    Among the codes of what was satisfied this is told only where any are: the profile as a whole may claim nothing.
    Source: PS3.15 2026c E.3.2.
    """
    _put(data, 0x00280302, "CS", "NO")
    codes = data.get(0x00120064)
    if codes is None or not isinstance(codes.value, list):
        return
    others = [item for item in codes.value if uid_in(item, 0x00080100) != CLEAN_FACES_CODE[0]]
    ordered = sorted([*others, _code(CLEAN_FACES_CODE[0], "DCM", CLEAN_FACES_CODE[1])], key=_code_value)
    data[0x00120064] = Element(0x00120064, "SQ", ordered)


def _code_value(item: DataSet) -> str:
    return uid_in(item, 0x00080100)


def claims(data: DataSet, policy: Policy) -> tuple[tuple[str, str], ...]:
    """Code and meaning (CID 7050) of what an object satisfies once all stages are done with it, ordered by code."""
    pixels = (CLEAN_PIXEL_DATA_CODE,) if policy.claims and PIXEL_TAGS & data.keys() else ()
    return tuple(sorted((*policy.claims, *pixels)))


def file_meta(data: DataSet, transfer_syntax: str) -> DataSet:
    """A File Meta group (PS3.10 7.1) that names this software and nothing of the sender."""
    meta = DataSet()
    meta[0x00020001] = Element(0x00020001, "OB", b"\0\x01")
    for tag, value in (
        (0x00020002, uid_in(data, 0x00080016)),
        (0x00020003, uid_in(data, 0x00080018)),
        (0x00020010, transfer_syntax),
        (0x00020012, IMPLEMENTATION_CLASS_UID),
    ):
        _put(meta, tag, "UI", value)
    _put(meta, 0x00020013, "SH", IMPLEMENTATION_VERSION_NAME)
    return meta


def _method(data: DataSet, policy: Policy) -> bytes:
    """(0012,0063), joined to what earlier de-identification wrote (already cleaned as text)."""
    ours = [
        f"DICOM PS3.15 {policy.edition} {_PROFILE if policy.claims else _EXCEPTIONS}, profile {policy.name}",
        f"{_SOFTWARE} {ENGINE_VERSION}, policy {policy.digest[:16]}",
    ]
    earlier = data.get(0x00120063)
    kept = earlier.value if earlier and isinstance(earlier.value, bytes) else b""
    charset = _charset(data).used_in(kept)
    values = [part.strip() for part in charset.decode(kept).strip(" \0").split("\\")]
    # Of an earlier pass of this software only its profile is told: the digest did not survive cleaning as text.
    kept_values = [value for value in values if value and not value.startswith(_SOFTWARE)]
    joined = [value[:_METHOD_LIMIT] for value in (*kept_values, *ours)]
    return charset.encode("\\".join(dict.fromkeys(joined)))


def _charset(data: DataSet) -> Charset:
    declared = data.get(CHARACTER_SET)
    return charset_of(declared.value) if declared and isinstance(declared.value, bytes) else Charset()


def _contribute(data: DataSet) -> None:
    """(0018,A001) with purpose 109104, De-identifying Equipment (PS3.3 C.12.1, good practice of E.1.1).

    Model name and software version are left out: converters that do not tell levels apart would take them for those of
    the scanner. (0012,0063) tells the version.
    """
    item = DataSet()
    _put(item, 0x00080070, "LO", _SOFTWARE)
    item[0x0040A170] = Element(0x0040A170, "SQ", [_code("109104", "DCM", "De-identifying Equipment")])
    earlier = data.get(0x0018A001)
    items = earlier.value if earlier and isinstance(earlier.value, list) else []
    data[0x0018A001] = Element(0x0018A001, "SQ", [*items, item])


def _code(value: str, scheme: str, meaning: str) -> DataSet:
    item = DataSet()
    _put(item, 0x00080100, "SH", value)
    _put(item, 0x00080102, "SH", scheme)
    _put(item, 0x00080104, "LO", meaning)
    return item


def _put(data: DataSet, tag: int, vr: str, value: str) -> None:
    data[tag] = Element(tag, vr, value.encode("ascii"))
