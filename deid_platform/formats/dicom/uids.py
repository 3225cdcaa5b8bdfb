"""Which UIDs say what something is, and stay, and which say which one it is, and are replaced (PS3.5 section 9)."""

from __future__ import annotations

import re

from deid_platform.formats.dicom.elements import DataSet
from deid_platform.identity import Identity

# PS3.6 Annex A: below the root of the standard every registered UID has short components. Some senders make instance
# UIDs under this root, with dates, serial numbers or even letters in them.
_REGISTERED = re.compile(r"1\.2\.840\.10008\.\d{1,2}(?:\.\d{1,4}){1,9}")
_UID = re.compile(r"[0-9.]{1,64}")


def is_uid(value: str) -> bool:
    """Whether a value is made of what UIDs are made of."""
    return _UID.fullmatch(value) is not None


def is_registered(value: str) -> bool:
    """Whether a UID has the form of those the standard registers: classes, transfer syntaxes, coding schemes."""
    return _REGISTERED.fullmatch(value) is not None


def replacement(identity: Identity, value: str) -> str:
    """What stands for a UID after cleaning: itself if the standard registers it, else one made with the key."""
    value = value.strip(" \0")
    return value if not value or is_registered(value) else identity.keyed_uid(value)


def uid_in(data: DataSet, tag: int) -> str:
    """A UID, or another value in ASCII, as it stands in a data set, whatever its character set; empty without one."""
    element = data.get(tag)
    return element.value.decode("latin-1").strip(" \0") if element and isinstance(element.value, bytes) else ""
