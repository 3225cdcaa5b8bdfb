"""Bytes and texts of private elements that hold something else inside: a file, a document, a header, a data set.

A list of safe elements vouches for a number or a word, not for a container somebody put in its place. What is inside
cannot be cleaned as bytes or as one text, so the element has to go.
"""

from __future__ import annotations

import re
import zlib

_CONTAINERS = (
    b"DICM", b"<?xml", b"<!DOCTYPE", b"<html", b"<HTML", b"%PDF-", b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd", b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"RIFF", b"OggS",
    b"ftyp", b"\0\0\0\x0cjP  ", b"SV10", b"### ASCCONV", b"<XProtocol>", b"\xd0\xcf\x11\xe0", b"{\\rtf", b"SQLite fo",
    b"BEGIN:V", b"-----BEGIN",
)  # fmt: skip
_CONTAINER = re.compile(b"|".join(map(re.escape, _CONTAINERS)))
# A data set without preamble: Patient's Name, Patient ID or Study Date with its VR, or in Implicit VR with a length.
_ELEMENT = re.compile(rb"\x10\0\x10\0(?:PN|..\0\0)|\x10\0\x20\0(?:LO|..\0\0)|\x08\0\x20\0(?:DA|\x08\0\0\0)", re.DOTALL)
_MARKUP = re.compile(r"</?[A-Za-z][\w:.-]{0,60}(?:\s+[\w:.-]{1,60}\s*=\s*[\"'][^<>]{0,400})*\s*/?>|^\s*[\[{]\s*\"")
_CODED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
# Words amid bytes that are no text. Fewer letters in a row are met by chance.
_WORDS = re.compile(rb"[A-Za-z]{8}|[A-Za-z]{4,}[ ,._^-]{1,2}[A-Za-z]{3}|[A-Za-z]{2,}\^[A-Za-z]|(?:[A-Za-z]\0){6}")
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_LONG_TEXT = 40


def is_container(value: bytes) -> bool:
    """Whether bytes hold a file, a document or a data set, at their beginning or further in."""
    return _CONTAINER.search(value) is not None or _ELEMENT.search(value) is not None or _is_deflated(value)


def holds_words(value: bytes) -> bool:
    """Whether bytes that are no text as a whole have words in them, so that they are a record of several things."""
    return _WORDS.search(value) is not None


def holds_another(value: object) -> bool:
    """Whether the encoded text of an element is long enough to be a container or a document, and is one."""
    if not isinstance(value, bytes) or len(value) < _LONG_TEXT:
        return False
    return is_container(value) or is_document(value.decode("latin-1"))


def is_document(text: str) -> bool:
    """Whether a text has a structure of its own: markup, JSON, or bytes written in base64 or hexadecimal digits."""
    if len(text) < _LONG_TEXT:
        return False
    return _MARKUP.search(text) is not None or _CODED.fullmatch(re.sub(r"\s", "", text)) is not None


def _is_deflated(value: bytes) -> bool:
    if not value.startswith(_ZLIB):
        return False
    try:
        return bool(zlib.decompressobj().decompress(value, 64))
    except zlib.error:
        return False
