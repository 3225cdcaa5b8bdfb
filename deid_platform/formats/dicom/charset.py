"""Text of a data set under its Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1), in both directions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes, encode_string

_DELIMITERS = {"\\", "^", "=", "\r", "\n", "\t", "\f"}
_ESCAPE = 0x1B


@dataclass(frozen=True, slots=True)
class Charset:
    """How texts are encoded: the Python codecs of the values of (0008,0005), ('latin_1',) where none is usable."""

    codecs: tuple[str, ...] = ("latin_1",)

    def decode(self, value: bytes) -> str:
        """The text of a value.

        Bytes that contradict the declared character set are read as Latin-1, in which every byte is a letter, so that
        nothing is lost and what is left can be written back.
        """
        if value.isascii() and _ESCAPE not in value:
            return value.decode("ascii")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                text = decode_bytes(value, list(self.codecs), _DELIMITERS)  # type: ignore[arg-type]
        except (UnicodeError, UserWarning, LookupError):
            return value.decode("latin-1")
        return text

    def encode(self, text: str) -> bytes:
        """The bytes of a text that came from :meth:`decode`; characters no codec knows become question marks."""
        if text.isascii():
            return text.encode("ascii")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return encode_string(text, list(self.codecs))
        except (UnicodeError, UserWarning, LookupError):
            return text.encode("latin-1", "replace")


@lru_cache(maxsize=64)
def charset_of(value: bytes) -> Charset:
    """The character set a value of (0008,0005) declares; Latin-1 where it declares none that is known."""
    terms = [term.strip() for term in value.decode("latin-1").strip(" \0").split("\\")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            codecs = convert_encodings(terms)
    except (LookupError, ValueError):
        return Charset()
    # ASCII is declared by default and by mistake; its bytes above 127 are usually Latin-1.
    names = tuple("latin_1" if codec in ("ascii", "iso8859") else codec for codec in codecs)
    return Charset(names or ("latin_1",))
