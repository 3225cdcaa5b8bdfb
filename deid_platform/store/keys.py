"""Which keys a store takes, and how file names become keys and back.

A key is valid Unicode, so that it fits into Parquet; a file name on Linux is any bytes. The bytes of a name that
are not UTF-8 are written ``%XX``, and a '%' that happens to stand before two hexadecimal digits ``%25``, so that
every name has one key and every key one name.
"""

from __future__ import annotations

import os
import re

from deid_platform.errors import StoreError

_TO_ESCAPE = re.compile("[\udc80-\udcff]|%(?=[0-9A-Fa-f]{2})")
_ESCAPED = re.compile("%([0-9A-Fa-f]{2})")


def from_name(name: str) -> str:
    """The key segment of a file name as the operating system gives it."""
    return from_bytes(os.fsencode(name))


def from_bytes(name: bytes) -> str:
    """The key segment, or segments between '/', of the bytes of a name."""
    text = name.decode("utf-8", "surrogateescape")
    return _TO_ESCAPE.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", text)


def to_name(segment: str) -> str:
    """The file name behind a key segment.

    Raises
    ------
    StoreError
        The segment is not one that :func:`from_name` gives; taking it would give one file two keys.
    """
    text = _ESCAPED.sub(lambda match: _character(int(match[1], 16)), segment)
    try:
        name = os.fsdecode(text.encode("utf-8", "surrogateescape"))
    except UnicodeError:
        raise _refusal("is not valid Unicode") from None
    if from_name(name) != segment:
        raise _refusal("holds a '%' that is not escaped as this store does (%25)")
    return name


def check(key: str, *, gaps: bool = False) -> None:
    """Refuse a key that could leave the store or that stores disagree about.

    Parameters
    ----------
    key : str
        The key, relative to the store.
    gaps : bool
        Let empty segments pass ("a//b", "/a"), which S3 has and a folder has not.

    Raises
    ------
    StoreError
        The key is empty or absolute, holds NUL, a lone surrogate, or a segment that is empty, '.' or '..'.
    """
    segments = key.split("/")
    if not key or "\0" in key:
        raise _refusal("is empty or holds NUL")
    if any("\ud800" <= character <= "\udfff" for character in key):
        raise _refusal("is not valid Unicode")
    if "." in segments or ".." in segments or ("" in segments and not gaps):
        raise _refusal("is absolute or has a segment that is empty, '.' or '..'")


def as_folder(prefix: str) -> str:
    """The prefix of all keys in a folder: ``prefix`` with one closing '/', or '' for the whole store.

    Raises
    ------
    StoreError
        As :func:`check`.
    """
    if not prefix:
        return ""
    folder = prefix.removesuffix("/")
    check(folder)
    return f"{folder}/"


def check_folder(prefix: str) -> None:
    """Refuse a prefix that names no folder: it must be empty or end in '/'."""
    if prefix and not prefix.endswith("/"):
        raise StoreError("Folders are asked for under a prefix that does not end in '/': add the slash.")


def _character(value: int) -> str:
    return chr(value if value < 0x80 else 0xDC00 + value)


def _refusal(fault: str) -> StoreError:
    return StoreError(f"A key of the store {fault}: rename the object, or have the caller build another key.")
