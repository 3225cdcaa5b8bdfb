"""GE's protocol data block (0025,xx1B): compressed lines of ``KEY "value"``, of which the harmless ones stay."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Iterator

from deid_platform.formats.dicom.ascconv import Plausible
from deid_platform.policy.headers import NUMBER, kept_values

KEYS = "vendor/ge_protocol_keys.csv"
MAX_TEXT = 1 << 20
_LINE = re.compile(r'^(?:set )?([A-Z][A-Z0-9_]{0,40})[ \t]+"([^"\r\n]{0,1000})"[ \t\r]*$', re.MULTILINE)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")


def clean_ge_protocol(value: bytes, plausible: Plausible) -> bytes | None:
    """The block with its harmless lines, compressed anew; None where it is none.

    Four bytes tell the length of the compressed text, which begins behind them.
    """
    if value[4:6] != b"\x1f\x8b":
        return None
    engine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = engine.decompress(value[4:], MAX_TEXT)
    except zlib.error:
        return None
    if not engine.eof:
        return None
    lines = "".join(_lines(text.decode("latin-1"), plausible))
    packed = gzip.compress(lines.encode("ascii"), mtime=0)
    while len(packed) % 2:
        # No padding may follow: readers find the length of the text in the last four bytes.
        lines += "\n"
        packed = gzip.compress(lines.encode("ascii"), mtime=0)
    return struct.pack("<I", len(packed)) + packed


def _lines(text: str, plausible: Plausible) -> Iterator[str]:
    allowed = kept_values(KEYS)
    for match in _LINE.finditer(text):
        kept, word = allowed.get(match[1]), match[2].strip()
        if kept == NUMBER:
            good = _NUMBER.fullmatch(word) is not None and plausible.harmless_number(word)
        else:
            good = isinstance(kept, re.Pattern) and kept.fullmatch(word) is not None and plausible.harmless(word)
        if good:
            yield f'{match[1]} "{word}"\n'
