"""Whether the private elements of a cleaned object may be there, by the policy and by what its sender said of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from deid_platform.audit.headers import is_clean
from deid_platform.dictionary import tag_text
from deid_platform.policy import Action, Option, Policy
from deid_platform.policy.private import private_segment, public_segment

Hit = tuple[str, str]
# Beginnings of files, documents and headers: whatever holds one has to be taken apart before anybody can vouch for it.
_FOREIGN = re.compile(
    rb"DICM|<\?xml|<!DOCTYPE|<html|%PDF-|PK\x03\x04|\x1f\x8b\x08|\x89PNG|\xff\xd8\xff[\xc0-\xfe]|GIF8[79]a|"
    rb"II\*\0|MM\0\*|SV10|### ASCCONV|<XProtocol>|\xd0\xcf\x11\xe0|\{\\rtf|BEGIN:V"
)


@dataclass(slots=True)
class Claims:
    """What the original says of its private elements: blocks that identify, and moments that have to move."""

    unsafe: list[tuple[int | None, str | None, frozenset[int]]] = field(default_factory=list)
    moments: set[tuple[str, str]] = field(default_factory=set)


def claims_of(original: Dataset, policy: Policy) -> Claims:
    """The claims of an original; what pydicom cannot read says nothing, and its elements are unsafe."""
    claims = Claims()
    for item in original.get("PrivateDataElementCharacteristicsSequence") or []:
        claims.unsafe.append(_claim(item))
    if policy.dates != "keep" and policy.private_rule("", "LO").action is Action.REMOVE:
        claims.moments.update(_moments(original, policy, ""))
    return claims


def _claim(item: Dataset) -> tuple[int | None, str | None, frozenset[int]]:
    status = str(item.get("BlockIdentifyingInformationStatus") or "").strip()
    bad = set(range(256)) if status != "SAFE" else set()
    if status == "MIXED":
        bad -= {number % 256 for number in _numbers(item.get("NonidentifyingPrivateElements"))}
    for action in item.get("DeidentificationActionSequence") or []:
        bad |= {number % 256 for number in _numbers(action.get("IdentifyingPrivateElements"))}
    group = next(iter(_numbers(item.get("PrivateGroupReference"))), None)
    creator = str(item.get("PrivateCreatorReference") or "").strip(" \0").casefold()
    return group, creator or None, frozenset(bad)


def _numbers(value: object) -> list[int]:
    values = [value] if isinstance(value, int) else value if hasattr(value, "__iter__") else []
    return [int(one) for one in values if isinstance(one, int)]


def _moments(data: Dataset, policy: Policy, path: str) -> Iterator[tuple[str, str]]:
    for tag in list(data.keys()):
        if not tag.group & 1 and data.get_item(tag).VR not in ("SQ", None, "UN"):
            continue
        element = _readable(data, tag)
        if element is None:
            continue
        step = step_of(data, element)
        if element.VR == "SQ":
            for item in element.value:
                yield from _moments(item, policy, path + step + "/")
        elif tag.group & 1 and policy.private_rule(path + step, element.VR).seconds and element.value:
            yield step, str(element.value)


def _readable(data: Dataset, tag: BaseTag) -> DataElement | None:
    try:
        return data[tag]
    except Exception:  # noqa: BLE001 - pydicom raises all kinds of errors on broken values
        return None


def step_of(data: Dataset, element: DataElement) -> str:
    """The step of an element in a signature."""
    tag = int(element.tag)
    if not tag >> 16 & 1:
        return public_segment(tag)
    return private_segment(tag >> 16, creator_of(data, element), tag & 0xFF)


def creator_of(data: Dataset, element: DataElement) -> str:
    """Who claims a private element; pydicom notes it for elements it converted only."""
    creator = data.get((element.tag.group, element.tag.element >> 8))
    return str(creator.value) if creator is not None else ""


def check_private(data: Dataset, element: DataElement, signature: str, policy: Policy, claims: Claims) -> Iterator[Hit]:
    """Why a private element may not be there: (place, kind)."""
    if element.tag.is_private_creator:
        kinds = _creator_kinds(data, int(element.tag))
    else:
        kinds = (*_claimed_kinds(data, element, claims), *_kinds(data, element, signature, policy))
    yield from ((tag_text(int(element.tag)), kind) for kind in kinds)


def _creator_kinds(data: Dataset, tag: int) -> tuple[str, ...]:
    block = (tag & 0xFFFF0000) | (tag & 0xFF) << 8
    owned = any(block <= int(other) < block + 0x100 for other in list(data.keys()))
    return () if owned else ("private_creator_of_nothing",)


def _claimed_kinds(data: Dataset, element: DataElement, claims: Claims) -> Iterator[str]:
    tag, name = int(element.tag), creator_of(data, element).strip(" \0").casefold()
    for group, owner, bad in claims.unsafe:
        if group in (None, tag >> 16) and owner in (None, name) and (tag & 0xFF) in bad:
            yield "sender_says_unsafe"
    if claims.moments and (step_of(data, element), str(element.value)) in claims.moments:
        yield "date"


def _kinds(data: Dataset, element: DataElement, signature: str, policy: Policy) -> Iterator[str]:
    action = policy.private_rule(signature, element.VR).action if creator_of(data, element) else Action.REMOVE
    if action is Action.REMOVE and element.VR != "SQ" and (form := policy.vendor_header(step_of(data, element))):
        yield from () if is_clean(form, element.value) else ("header_not_clean",)
    elif action is Action.REMOVE or (action is Action.KEEP and element.VR != "SQ"):
        yield "private_not_allowed"
    elif isinstance(element.value, bytes) and _FOREIGN.search(element.value):
        yield "unparsed_content"
    elif action is Action.UID and element.VR != "UI" and not _may_be_uid(element.value, policy):
        yield "uid_not_replaced"


def _may_be_uid(value: object, policy: Policy) -> bool:
    if Option.RETAIN_UIDS in policy.options:
        return True
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    return all(not part.strip(" \0") or part.startswith(("2.25.", "1.2.840.10008.")) for part in text.split("\\"))
