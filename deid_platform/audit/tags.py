"""Whether a cleaned DICOM object holds only what the policy allows, read by pydicom instead of the code that wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from deid_platform.dictionary import public_vr, tag_text
from deid_platform.formats.dicom.markers import IMPLEMENTATION_CLASS_UID
from deid_platform.policy import Action, Option, Policy
from deid_platform.policy.private import private_segment, public_segment

Hit = tuple[str, str]
_META = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})
# Written by this platform itself, whatever the table says of the sender's.
_OURS = frozenset({0x00100010, 0x00100020, 0x00120062, 0x00120063, 0x00120064, 0x0018A001, 0x00280301, 0x00280303})
_TEMPORAL = {"remove": "REMOVED", "shift": "MODIFIED", "keep": "UNMODIFIED"}


def check(cleaned: Dataset, output: Path, policy: Policy) -> Iterator[Hit]:
    """What is there that may not be, or is missing that must be: (place, kind)."""
    yield from _preliminaries(cleaned, output)
    yield from _markers(cleaned, policy)
    yield from _elements(cleaned, policy, path="")


def _preliminaries(cleaned: Dataset, output: Path) -> Iterator[Hit]:
    with output.open("rb") as file:
        if any(file.read(128)):
            yield "preamble", "not_empty"
    meta = cleaned.file_meta
    for element in meta:
        if int(element.tag) not in _META:
            yield tag_text(int(element.tag)), "forbidden_meta"
    if meta.get("ImplementationClassUID") != IMPLEMENTATION_CLASS_UID:
        yield "(0002,0012)", "not_ours"
    if meta.get("MediaStorageSOPInstanceUID") != cleaned.get("SOPInstanceUID"):
        yield "(0002,0003)", "differs_from_data_set"


def _markers(cleaned: Dataset, policy: Policy) -> Iterator[Hit]:
    if cleaned.get("PatientIdentityRemoved") != "YES":
        yield "(0012,0062)", "marker_missing"
    if cleaned.get("LongitudinalTemporalInformationModified") != _TEMPORAL[policy.dates]:
        yield "(0028,0303)", "marker_wrong"
    codes = {item.get("CodeValue") for item in cleaned.get("DeidentificationMethodCodeSequence", [])}
    if codes != {"113100", *(option.code for option in policy.options)}:
        yield "(0012,0064)", "marker_wrong"


def _elements(data: Dataset, policy: Policy, path: str) -> Iterator[Hit]:
    for element in data:
        tag = int(element.tag)
        step = _step(data, element)
        if tag >> 16 & 1:
            yield from _private(element, _creator(data, element), path + step, policy)
        elif path or tag not in _OURS:
            yield from _public(element, policy)
        if element.VR == "SQ" and (path or tag not in _OURS):
            for item in element.value:
                yield from _elements(item, policy, path + step + "/")


def _step(data: Dataset, element: DataElement) -> str:
    tag = int(element.tag)
    if not tag >> 16 & 1:
        return public_segment(tag)
    return private_segment(tag >> 16, _creator(data, element), tag & 0xFF)


def _creator(data: Dataset, element: DataElement) -> str:
    """Who claims a private element; pydicom notes it for elements it converted only."""
    creator = data.get((element.tag.group, element.tag.element >> 8))
    return str(creator.value) if creator is not None else ""


def _private(element: DataElement, creator: str, signature: str, policy: Policy) -> Iterator[Hit]:
    if element.tag.is_private_creator:
        return
    if not creator or policy.private_rule(signature, element.VR).action is Action.REMOVE:
        yield tag_text(int(element.tag)), "private_not_allowed"


def _public(element: DataElement, policy: Policy) -> Iterator[Hit]:
    tag = int(element.tag)
    action = policy.rule(tag, element.VR).action
    if tag & 0xFFFF == 0:
        yield tag_text(tag), "group_length"
    elif action is Action.REMOVE or public_vr(tag) is None:
        yield tag_text(tag), "forbidden"
    elif action is Action.EMPTY and element.VR != "UI" and not _is_empty(element):
        yield tag_text(tag), "not_empty"
    elif element.VR == "UI" and Option.RETAIN_UIDS not in policy.options and not _uids_replaced(element):
        yield tag_text(tag), "uid_not_replaced"


def _is_empty(element: DataElement) -> bool:
    return element.value is None or len(str(element.value)) == 0 or (element.VR == "SQ" and len(element.value) == 0)


def _uids_replaced(element: DataElement) -> bool:
    values = element.value if isinstance(element.value, list) or hasattr(element.value, "append") else [element.value]
    return all(not value or str(value).startswith(("1.2.840.10008.", "2.25.")) for value in values)
