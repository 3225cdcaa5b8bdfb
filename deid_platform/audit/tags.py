"""Whether a cleaned DICOM object holds only what the policy allows, read by pydicom, not by the code that wrote it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from mmap import mmap

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from deid_platform.audit.bulk import pixel_hits
from deid_platform.audit.icc import profile_faults
from deid_platform.audit.private import Claims, check_private, claims_of, step_of
from deid_platform.audit.structured import check_content
from deid_platform.dictionary import tag_text
from deid_platform.formats.dicom.markers import IMPLEMENTATION_CLASS_UID
from deid_platform.policy import Action, ObjectRules, Option, Policy
from deid_platform.subjects import Pseudonym

Hit = tuple[str, str]
_META = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})
# Written by this platform itself, whatever the table says of the sender's.
_OURS = frozenset({0x00100010, 0x00100020, 0x00120062, 0x00120063, 0x00120064, 0x0018A001, 0x00280301, 0x00280303})
_CLEAN_PIXEL_DATA, _CLEAN_FACES = "113101", "113102"
_TEMPORAL = {"remove": "REMOVED", "shift": "MODIFIED", "year": "MODIFIED", "keep": "UNMODIFIED"}
_DUMMIES = frozenset("REMOVED 19000101 19000101000000 000000 000D 0 about:blank".split())
_ICC_PROFILE = 0x00282000
_PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"UN")


def check(
    cleaned: Dataset, original: Dataset, data: mmap, bulk_at: int, policy: Policy, named: Pseudonym
) -> Iterator[Hit]:
    """What is there that may not be, or is missing that must be: (place, kind).

    ``data`` are the bytes of the cleaned object, ``bulk_at`` is where its pixels begin, or its end.
    """
    yield from _preliminaries(cleaned, data)
    yield from _markers(cleaned, policy, named, pixels=bulk_at < len(data))
    rules, claims = policy.of(str(cleaned.get("SOPClassUID", ""))), claims_of(original, policy)
    yield from _elements(cleaned, rules, claims, path="")
    yield from _graphics(cleaned)
    yield from check_content(cleaned, policy)
    yield from _not_replaced(cleaned, original, policy)
    if bulk_at < len(data) and _end_of_pixels(data, bulk_at, cleaned) != len(data):
        yield "pixels", "followed_by_something"
    elif bulk_at < len(data):
        yield from pixel_hits(cleaned, data, bulk_at)


def _preliminaries(cleaned: Dataset, data: mmap) -> Iterator[Hit]:
    if any(data[:128]):
        yield "preamble", "not_empty"
    meta = cleaned.file_meta
    for element in meta:
        if int(element.tag) not in _META:
            yield tag_text(int(element.tag)), "forbidden_meta"
    if meta.get("ImplementationClassUID") != IMPLEMENTATION_CLASS_UID:
        yield "(0002,0012)", "not_ours"
    if meta.get("MediaStorageSOPInstanceUID") != cleaned.get("SOPInstanceUID"):
        yield "(0002,0003)", "differs_from_data_set"


def _markers(cleaned: Dataset, policy: Policy, named: Pseudonym, *, pixels: bool) -> Iterator[Hit]:
    claimed = {code for code, _ in policy.claims} | ({_CLEAN_PIXEL_DATA} if policy.claims and pixels else set())
    codes = {item.get("CodeValue") for item in cleaned.get("DeidentificationMethodCodeSequence", [])}
    right = {
        ("(0012,0062)", "marker_missing"): cleaned.get("PatientIdentityRemoved") == ("YES" if policy.claims else "NO"),
        ("(0012,0063)", "marker_missing"): bool(cleaned.get("DeidentificationMethod")),
        ("(0012,0064)", "marker_wrong"): codes - {_CLEAN_FACES} == claimed,
        ("(0028,0301)", "marker_wrong"): cleaned.get("BurnedInAnnotation", "NO") == "NO",
        ("(0028,0302)", "marker_wrong"): _says_of_faces(cleaned, codes, policy),
        ("(0028,0303)", "marker_wrong"): cleaned.get("LongitudinalTemporalInformationModified")
        == _TEMPORAL[policy.dates],
        ("(0010,0010)", "no_pseudonym"): str(cleaned.get("PatientName")) == named.patient_name,
        ("(0010,0020)", "no_pseudonym"): str(cleaned.get("PatientID")) == named.patient_id,
    }
    yield from (hit for hit, is_right in right.items() if not is_right)


def _says_of_faces(cleaned: Dataset, codes: set[str | None], policy: Policy) -> bool:
    """Whether marker and code agree, and claim nothing that the policy has nobody do.

    Whether this very object lost a face only its row tells (:func:`deid_platform.audit.heads.claims.faults`).
    """
    gone = cleaned.get("RecognizableVisualFeatures", "YES") == "NO"
    claimed = {code for code, _ in policy.claims_of_faces} if gone else set()
    return codes & {_CLEAN_FACES} == claimed and (policy.heads.removes or not gone)


def _elements(data: Dataset, rules: ObjectRules, claims: Claims, path: str) -> Iterator[Hit]:
    for element in data:
        tag = int(element.tag)
        step = step_of(data, element)
        if tag >> 16 & 1:
            yield from check_private(data, element, path + step, rules.policy, claims)
        elif path and tag in _PIXELS:
            yield tag_text(tag), "pixels_in_sequence"
        elif path or tag not in _OURS:
            yield from _public(element, rules, path)
        if element.VR in ("DA", "DT") and rules.policy.dates == "year" and not _only_years(element):
            yield tag_text(tag), "more_than_a_year"
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item, rules, claims, path + step + "/")


def _public(element: DataElement, rules: ObjectRules, path: str) -> Iterator[Hit]:
    tag = int(element.tag)
    action = rules.rule(tag, element.VR, path).action
    if tag & 0xFFFF == 0:
        yield tag_text(tag), "group_length"
    elif element.tag.group < 0x0008:
        yield tag_text(tag), "misplaced"
    elif action is Action.REMOVE:
        yield tag_text(tag), "forbidden"
    elif tag == _ICC_PROFILE:
        yield from ((tag_text(tag), fault) for fault in profile_faults(bytes(element.value or b"")))
    elif action is Action.EMPTY and element.VR != "UI" and not _is_empty(element):
        yield tag_text(tag), "not_empty"
    elif element.VR == "UI" and action is not Action.KEEP and not _uids_may_stand(element, rules.policy):
        yield tag_text(tag), "uid_not_replaced"


def _graphics(cleaned: Dataset) -> Iterator[Hit]:
    """Curves, and overlays that are no regions of interest: whatever an option says of them, they may show text."""
    for tag in list(cleaned.keys()):
        if tag.group >> 8 == 0x50 and not tag.group & 1:
            yield tag_text(int(tag)), "forbidden"
        elif tag.group >> 8 == 0x60 and tag.element in (0x3000, 0x4000):
            region = cleaned.get((tag.group, 0x0040))
            if tag.element == 0x4000 or region is None or region.value != "R":
                yield tag_text(int(tag)), "forbidden"


def _only_years(element: DataElement) -> bool:
    """Whether a date names a year and nothing else, as the 1st of January or alone."""
    texts = (re.sub("[-./]", "", str(value)[:10]) for value in _values(element))
    return all(text[4:8] in ("", "0101") for text in texts)


def _values(element: DataElement) -> Iterable[object]:
    return element.value if hasattr(element.value, "append") else [element.value or ""]


def _is_empty(element: DataElement) -> bool:
    return element.value is None or len(str(element.value)) == 0 or (element.VR == "SQ" and len(element.value) == 0)


def _uids_may_stand(element: DataElement, policy: Policy) -> bool:
    if Option.RETAIN_UIDS in policy.options:
        return True
    return all(not value or str(value).startswith(("1.2.840.10008.", "2.25.")) for value in _values(element))


def _not_replaced(cleaned: Dataset, original: Dataset, policy: Policy) -> Iterator[Hit]:
    """Attributes of the top level that were to be replaced and say what they said."""
    for tag, rule in policy.listed():
        if rule.action is not Action.DUMMY or tag not in cleaned or tag not in original or cleaned[tag].VR == "SQ":
            continue
        value = cleaned[tag].value
        if not _says_nothing(value) and value == _value(original, tag):
            yield tag_text(tag), "not_replaced"


def _says_nothing(value: object) -> bool:
    """Whether a value is a dummy, as it is where the original had been de-identified before."""
    if isinstance(value, bytes):
        return not any(value) or b"removed during de-identification" in value
    return not value or str(value) in _DUMMIES


def _value(data: Dataset, tag: int) -> object:
    try:
        return data[tag].value
    except Exception:  # noqa: BLE001 - pydicom raises all kinds of errors on broken values
        return None


def _end_of_pixels(data: mmap, at: int, cleaned: Dataset) -> int:
    """Where the pixel element that begins at ``at`` ends; -1 where it does not say so."""
    implicit, little = cleaned.original_encoding
    order = "<" if little else ">"
    long = implicit or data[at + 4 : at + 6] in _LONG_VRS
    if not long:
        return -1
    start = at + (8 if implicit else 12)
    (length,) = struct.unpack_from(order + "I", data, start - 4)
    return _end_of_fragments(data, start, order) if length == _UNDEFINED else start + length


def _end_of_fragments(data: mmap, at: int, order: str) -> int:
    while at + 8 <= len(data):
        group, number, length = struct.unpack_from(order + "HHI", data, at)
        at += 8 + (length if (group, number) == (0xFFFE, 0xE000) else 0)
        if (group, number) != (0xFFFE, 0xE000):
            return at if (group, number) == (0xFFFE, 0xE0DD) else -1
    return -1
