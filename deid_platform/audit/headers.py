"""Whether a vendor header that stayed holds only what its table lets pass: read here by other code than cleaned it.

What is allowed is data both sides share (``vendor/*.csv``); how a header is taken apart is not.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from deid_platform.policy.headers import NUMBER, PROTOCOL, kept_values, known_names

_CSA, _PROTOCOL, _GE = (f"vendor/{name}.csv" for name in ("siemens_csa_elements", "siemens_protocol_keys",
                                                          "ge_protocol_keys"))  # fmt: skip
_NUMBER = re.compile(r"[+-]?(0x[0-9a-f]+|[0-9]*\.?[0-9]+(e[+-]?[0-9]+)?|[0-9]+\.)", re.IGNORECASE)
_MARKS = ("### ASCCONV BEGIN ###", "### ASCCONV END ###")
_INT: Literal["little"] = "little"


def is_clean(form: str, value: object) -> bool:
    """Whether a header is one, and nothing in it is there that may not be."""
    if not isinstance(value, bytes):
        return False
    try:
        return all(_JUDGES[form](value))
    except (ValueError, IndexError, UnicodeDecodeError, zlib.error):
        return False


def _csa(value: bytes) -> Iterator[bool]:
    yield value.startswith(b"SV10")
    count, at = int.from_bytes(value[8:12], _INT), 16
    for _ in range(count):
        name, after = value[at : at + 64].rstrip(b"\0").decode("ascii"), value[at + 68 : at + 72].rstrip(b"\0")
        items = int.from_bytes(value[at + 76 : at + 80], _INT)
        yield name in known_names(_CSA) and (after.isupper() and len(after) == 2)
        at += 84
        for _ in range(items):
            size = int.from_bytes(value[at + 4 : at + 8], _INT)
            text = value[at + 16 : at + 16 + size]
            yield not any(value[at + 16 + size : at + 16 + size + -size % 4])
            yield _csa_item(name, text.rstrip(b"\0"))
            at += 16 + size + -size % 4
    yield not any(value[at:])


def _csa_item(name: str, text: bytes) -> bool:
    kept = kept_values(_CSA).get(name)
    if not text:
        return True
    return all(_protocol(text)) if kept == PROTOCOL else _fits(kept, text.decode("ascii"))


def _protocol(value: bytes) -> Iterator[bool]:
    for line in value.rstrip(b" \0").decode("ascii").splitlines():
        if not line or line in _MARKS:
            continue
        key, equals, word = line.partition("\t = \t")
        kept = kept_values(_PROTOCOL).get(re.sub(r"\[[0-9]+\]", "[]", key))
        yield bool(equals) and _fits(kept, word.strip('"'))


def _ge(value: bytes) -> Iterator[bool]:
    size = int.from_bytes(value[:4], _INT)
    yield not any(value[4 + size :])
    # Ten bytes of gzip header without flags and time (RFC 1952): no file name, no comment, no moment.
    yield value[4:12] == b"\x1f\x8b\x08\0\0\0\0\0"
    text = zlib.decompress(value[4 : 4 + size], wbits=31).decode("ascii")
    for line in text.splitlines():
        key, _, word = line.partition(" ")
        yield not line or _fits(kept_values(_GE).get(key), word.strip('"'))


def _flags(value: bytes) -> Iterator[bool]:
    """At most eight bytes are not zero: where the header begins, its version, and three flags."""
    yield len(value) == 1056
    yield value[24:26] == b"\x20\0"
    yield sum(byte > 0 for byte in value) <= 8
    yield not any(byte for at, byte in enumerate(value) if byte not in (0, 1, 2, 3, 4, 8) and at not in range(24, 36))


def _fits(kept: str | re.Pattern[str] | None, word: str) -> bool:
    if kept == NUMBER:
        return _NUMBER.fullmatch(word) is not None
    return isinstance(kept, re.Pattern) and kept.fullmatch(word) is not None


_JUDGES: Mapping[str, Callable[[bytes], Iterator[bool]]] = {
    "csa": _csa,
    "ascconv": _protocol,
    "ge_protocol": _ge,
    "ge_flags": _flags,
}
