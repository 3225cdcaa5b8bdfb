"""Names inside other values: where a length is wrong, a value takes in the elements that follow, headers and all."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Patient's, Referring, Performing and Reading Physician's, Operators' and Other Patient Names, in either byte order.
_TAGS = (0x00100010, 0x00080090, 0x00081050, 0x00081060, 0x00081070, 0x00101001)
_ENCODED_TAGS = b"|".join(
    re.escape((tag >> 16).to_bytes(2, order) + (tag & 0xFFFF).to_bytes(2, order))
    for tag in _TAGS
    for order in ("little", "big")
)
_EXPLICIT = re.compile(rb"....PN(..)", re.DOTALL)
_IMPLICIT = re.compile(rb"(?:%s)(..\0\0)" % _ENCODED_TAGS, re.DOTALL)


def swallowed_names(value: bytes) -> Iterator[bytes]:
    """The names that stand in a text together with their headers (PS3.5 7.1), whose NULs give them away."""
    if 0 not in value.rstrip(b" \0"):
        return
    for header in (*_EXPLICIT.finditer(value), *_IMPLICIT.finditer(value)):
        for length in {int.from_bytes(header[1], "little"), int.from_bytes(header[1], "big")}:
            if 0 < length <= len(value) - header.end():
                yield value[header.end() : header.end() + length]
