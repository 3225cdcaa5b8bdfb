"""Text of a data set under its Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1), in both directions."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator
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
_PIECES = re.compile(rb"([\\^=\s])")
_ESCAPE = 0x1B
_DECLARED = re.compile(rb" *(?:(?:ISO[ _-]?)?(?:2022[ _-]?)?(?:IR[ _-]?)?\d{1,3}|GB18030|GBK|) *")
_ONE_BYTE = ("latin_1", "iso8859", "iso_ir_1")
"""How the codecs begin that give every byte a meaning, so that a false declaration goes unnoticed."""
_WIDE = ("shift_jis", "gb18030", "big5", "euc_kr")
"""Codecs whose second bytes may be ASCII, or that write names without a space."""
_SEPARATORS, _READABLE_PARTS = re.compile(r"[\\^=\s]+"), re.compile(rb"[\\^=\s]+")
_NO_NAME = re.compile(rb"[:;<>?@\[\]{}|~%$!#&*+\"]")
"""ASCII no name is written with."""
_TO_ASCII = b"\x1b(B"
MIN_FORM = 4
"""Two characters of two bytes each: the shortest name that is looked for as bytes."""
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
        text = self._decoded(value)
        if text is None and _ESCAPE in value:
            # Some writers never switch back, and rely on delimiters to do so, even on those which do not.
            pieces = ((piece, self._decoded(piece)) for piece in _PIECES.split(value))
            return "".join(piece.decode("latin-1") if text is None else text for piece, text in pieces)
        return value.decode("latin-1") if text is None else text

    def explains(self, value: bytes) -> bool:
        """Whether a value is valid in this character set."""
        return self._decoded(value) is not None

    def _decoded(self, value: bytes) -> str | None:
        if value.isascii() and _ESCAPE not in value:
            return value.decode("ascii")
        try:
            with quiet():
                warnings.simplefilter("error")
                used = self.used_in(value)
                text = decode_bytes(value, list(used.codecs), _DELIMITERS if used._one_byte else set())
        except (UnicodeError, UserWarning, LookupError):
            return None
        return unicodedata.normalize("NFC", text.replace(_SWITCH_TO_GB, ""))

    def used_in(self, value: bytes) -> Charset:
        """The character set a value really is in.

        Escape sequences speak for themselves; without them the first set declared is in effect. UTF-8 is common under
        false declarations, and text of another character set is next to never valid UTF-8, unless it is ASCII.
        """
        if _ESCAPE in value:
            return Charset(_SWITCHED) if len(self.codecs) == 1 else self
        if value.isascii() or not self.codecs[0].startswith(_ONE_BYTE):
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


def byte_forms(value: bytes) -> Iterator[bytes]:
    """Parts of an identifying value as bytes to be looked for in texts nobody can read: whole components and words.

    Where a character set is not declared, or falsely, names are found by their bytes. Only parts are given that are
    too long to be met by chance and that are mostly no ASCII, or switched to by an escape sequence, or look like
    two-byte characters that lost theirs.
    """
    if value.isascii() and _ESCAPE not in value:
        yield from (part for part in _READABLE_PARTS.split(value) if len(part) >= MIN_FORM and _NO_NAME.search(part))
        return
    for part in (*_READABLE_PARTS.split(value), *_parts_in_wide_codecs(value)):
        form = part.strip(b" \0")
        if len(form) >= MIN_FORM and (_ESCAPE in form[:-3] or 2 * sum(byte > 0x7F for byte in form) >= len(form)):
            yield form.removesuffix(_TO_ASCII)


def _parts_in_wide_codecs(value: bytes) -> Iterator[bytes]:
    """The parts of a value as codecs see them in which a delimiter may be half of a character."""
    for codec in _WIDE:
        try:
            text = value.decode(codec)
            yield from (part.encode(codec) for part in _SEPARATORS.split(text))
            yield re.sub(r"[\^= ]", "", text.partition("=")[0]).encode(codec)
        except UnicodeError:
            continue


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
