"""Steps of a signature, the path of an element from the top of the data set (see :mod:`..private`)."""

from __future__ import annotations


def private_segment(group: int, creator: str, low_byte: int) -> str:
    """One step of a signature for a private element."""
    return f"{group:04x},{creator.strip()},{low_byte:02x}"


def public_segment(tag: int) -> str:
    """One step of a signature for a public element."""
    return f"{tag >> 16:04x},{tag & 0xFFFF:04x}"
