"""Moments counted in seconds since 1970, which GE writes into private elements as integers, floats or digits."""

from __future__ import annotations

import re
import struct

SECONDS_A_DAY = 86_400
_FIRST, _LAST = 10 * 365 * SECONDS_A_DAY, 130 * 365 * SECONDS_A_DAY
"""1980 and 2100: numbers outside are no moments of an examination."""
_DIGITS = re.compile(r"\d{9,10}")


def moved_seconds(value: bytes, days: int, *, little: bool) -> bytes | None:
    """The moment ``days`` earlier, encoded as it was; zeros as they are; None where the bytes are no moment.

    The VR is not asked for, because devices write these under several: four bytes are an integer, eight a float if
    they are not digits.
    """
    text = value.decode("latin-1").strip(" \0")
    if not text:
        return value
    if _DIGITS.fullmatch(text):
        return _moved_digits(text, days)
    code = {4: "i", 8: "d"}.get(len(value))
    if code is None:
        return None
    order = "<" if little else ">"
    (moment,) = struct.unpack(order + code, value)
    if not _FIRST <= moment <= _LAST:
        return None
    return struct.pack(order + code, moment - days * SECONDS_A_DAY)


def _moved_digits(text: str, days: int) -> bytes | None:
    return str(int(text) - days * SECONDS_A_DAY).encode() if _FIRST <= int(text) <= _LAST else None
