"""Text of a data set under its Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1), in both directions."""

from __future__ import annotations

import re
import unicodedata
import warnings
from dataclasses import dataclass
from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes, encode_string

from deid_platform.pixels.layout import quiet

_DELIMITERS = set(b"\\^=\r\n\t\f")
"""What ends the effect of an escape sequence (PS3.5 6.1.2.5.3). Sets of several bytes hold ASCII as well, and some
writers forget to switch to them again, so they are left in effect."""
_SWITCH_TO_GB = "\x1b$)A"
"""An escape sequence pydicom neither takes out nor writes."""
_PARTS = re.compile(r"([\\^=\r\n\t\f])")
_ESCAPE = 0x1B
_DECLARED = re.compile(rb" *(?:(?:ISO[ _-]?)?(?:2022[ _-]?)?(?:IR[ _-]?)?\d{1,3}|GB18030|GBK|) *")
_ONE_BYTE = ("latin_1", "iso8859", "iso_ir_1")
"""How the codecs begin that give every byte a meaning, so that a false declaration goes unnoticed."""
_SWITCHED = ("latin_1", "iso2022_jp", "iso2022_jp_2", "euc_kr", "iso_ir_58", "iso_ir_144", "iso_ir_126", "iso8859_2")
"""The codecs escape sequences switch to (PS3.3 Table C.12-3, C.12-4)."""


@dataclass(frozen=True, slots=True)
class Charset:
    """How texts are encoded: the Python codecs of the values of (0008,0005), ('latin_1',) where none is usable."""

    codecs: tuple[str, ...] = ("latin_1",)

    def decode(self, value: bytes) -> str:
        """The text of a value, composed (Unicode NFC) so that names are spelled alike everywhere.

        Bytes that contradict the declared character set are read as Latin-1, in which every byte is a letter, so that
        nothing is lost and what is left can be written back.
        """
        if value.isascii() and _ESCAPE not in value:
            return value.decode("ascii")
        try:
            with quiet():
                warnings.simplefilter("error")
                used = self.used_in(value)
                text = decode_bytes(value, list(used.codecs), _DELIMITERS if used._one_byte else set())
        except (UnicodeError, UserWarning, LookupError):
            return value.decode("latin-1")
        return unicodedata.normalize("NFC", text.replace(_SWITCH_TO_GB, ""))

    def used_in(self, value: bytes) -> Charset:
        """The character set a value really is in, where one-byte sets or none are declared.

        Escape sequences speak for themselves. UTF-8 is common under false declarations, and text of another character
        set is next to never valid UTF-8, unless it is ASCII.
        """
        if not self._one_byte:
            return self
        if _ESCAPE in value:
            return Charset(_SWITCHED) if len(self.codecs) == 1 else self
        if value.isascii():
            return self
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            return self
        return Charset(("utf8",))

    def encode(self, text: str) -> bytes:
        """The bytes of a text that came from :meth:`decode`; characters no codec knows become question marks."""
        if len(self.codecs) == 1:
            return text.encode(self.codecs[0], "replace")
        return b"".join(map(self._encoded, _PARTS.split(text)))

    def _encoded(self, part: str) -> bytes:
        """A text without delimiters: every one of them ends the effect of an escape sequence."""
        try:
            return part.encode(self.codecs[0])
        except UnicodeError:
            pass
        try:
            with quiet():
                warnings.simplefilter("error")
                encoded = encode_string(part, list(self.codecs))
        except (UnicodeError, UserWarning, LookupError):
            return part.encode(self.codecs[0], "replace")
        switched = _ESCAPE in encoded or "iso_ir_58" not in self.codecs
        return encoded if switched else _SWITCH_TO_GB.encode() + encoded

    @property
    def _one_byte(self) -> bool:
        return all(codec.startswith(_ONE_BYTE) for codec in self.codecs)


def is_declaration(value: bytes) -> bool:
    """Whether a value of (0008,0005) says nothing but character sets, be they spelled as the standard does or not."""
    return all(_DECLARED.fullmatch(term) for term in value.strip(b" \0").split(b"\\"))


@lru_cache(maxsize=64)
def charset_of(value: bytes) -> Charset:
    """The character set a value of (0008,0005) declares; Latin-1 where it declares none that is known."""
    terms = [term.strip() for term in value.decode("latin-1").strip(" \0").split("\\")]
    try:
        with quiet():
            codecs = convert_encodings(terms)
    except (LookupError, ValueError):
        return Charset()
    return Charset(tuple(codecs) or ("latin_1",))
