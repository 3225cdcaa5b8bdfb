"""Siemens CSA headers (0029,xx10) and (0029,xx20): taken apart, cleaned by name, and written anew.

A header is a list of named elements, each with a VR and some items, as text in blocks of four bytes. Elements that
``vendor/siemens_csa_elements.csv`` lets pass stay with values of the form it gives, other known ones stay empty,
unknown ones go. Written anew, a header has nothing of the stale memory that stands behind names and values.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from deid_platform.formats.dicom.ascconv import Plausible, clean_protocol
from deid_platform.policy.headers import NUMBER, PROTOCOL, kept_values, known_names

ELEMENTS = "vendor/siemens_csa_elements.csv"
MAX_BYTES = 1 << 22
"""Headers are some hundred KiB at most."""
_SIGNATURE = b"SV10\4\3\2\1"
_TAG, _ITEM = struct.Struct("<64si4siii"), struct.Struct("<4i")
_CHECK, _CHECKS = 77, (77, 205)
_MOST_TAGS, _MOST_ITEMS = 1000, 10_000
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
_VR = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class CsaElement:
    """One element of a header: its values as they stand there, empty ones included."""

    name: str
    vm: int
    vr: str
    syngo_type: int
    items: tuple[bytes, ...]


def clean_csa(value: bytes, plausible: Plausible) -> bytes | None:
    """A header without what is not known to be harmless; None where the bytes are no header of the newer kind, SV10."""
    try:
        elements = list(read_csa(value))
    except (ValueError, struct.error):
        return None
    known = known_names(ELEMENTS)
    return write_csa([_cleaned(element, plausible) for element in elements if element.name in known])


def read_csa(value: bytes) -> Iterator[CsaElement]:
    """The elements of a header.

    Raises
    ------
    ValueError, struct.error
        The bytes are something else, or damaged.
    """
    if value[:4] != _SIGNATURE[:4]:
        raise ValueError("This is no CSA header of the second kind.")
    count, check = struct.unpack_from("<II", value, len(_SIGNATURE))
    if check not in _CHECKS or count > _MOST_TAGS:
        raise ValueError("The CSA header is damaged.")
    at = len(_SIGNATURE) + 8
    for _ in range(count):
        name, vm, vr, syngo_type, items, check = _TAG.unpack_from(value, at)
        at += _TAG.size
        if check not in _CHECKS or not 0 <= items <= _MOST_ITEMS:
            raise ValueError("The CSA header is damaged.")
        values = []
        for _ in range(items):
            _, length, check, _ = _ITEM.unpack_from(value, at)
            at += _ITEM.size
            if check not in _CHECKS or not 0 <= length <= len(value) - at:
                raise ValueError("The CSA header is damaged.")
            values.append(value[at : at + length])
            at += length + -length % 4
        yield CsaElement(_text(name), vm, _text(vr), syngo_type, tuple(values))


def write_csa(elements: list[CsaElement]) -> bytes:
    """A header of these elements; the same elements give the same bytes."""
    parts = [_SIGNATURE, struct.pack("<II", len(elements), _CHECK)]
    for one in elements:
        tag = _TAG.pack(one.name.encode(), one.vm, one.vr.encode(), one.syngo_type, len(one.items), _CHECK)
        parts.append(tag)
        for item in one.items:
            parts += [_ITEM.pack(len(item), len(item), _CHECK, len(item)), item, bytes(-len(item) % 4)]
    return b"".join([*parts, bytes(4)])


def _cleaned(element: CsaElement, plausible: Plausible) -> CsaElement:
    kept = kept_values(ELEMENTS).get(element.name)
    vr = element.vr if _VR.fullmatch(element.vr) else "UN"
    items = () if kept is None else tuple(_item(kept, item, plausible) for item in element.items)
    # An element never needs more values than it says it has; a number nobody could mean is one of stale memory.
    vm = element.vm if 0 <= element.vm <= _MOST_ITEMS else 0
    return CsaElement(element.name, vm, vr, min(max(element.syngo_type, 0), 99), items if any(items) else ())


def _item(kept: str | re.Pattern[str], item: bytes, plausible: Plausible) -> bytes:
    """One value, empty where it is not what it has to be."""
    text = _text(item)
    if kept == PROTOCOL:
        protocol = clean_protocol(item.decode("latin-1"), plausible)
        return protocol.encode("ascii") + b"\0" if protocol else b""
    text = text.strip()
    if kept == NUMBER:
        good = _NUMBER.fullmatch(text) is not None and plausible.harmless_number(text)
    else:
        good = not isinstance(kept, str) and kept.fullmatch(text) is not None and plausible.harmless(text)
    return text.encode("ascii") + b"\0" if good else b""


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode("latin-1")
