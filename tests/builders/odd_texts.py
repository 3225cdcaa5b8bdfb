"""Files whose texts are in another character set than they say, or in one that is hard to read, as bytes.

Each names its subject in a PN and in a value of every VR of text, so that cleaning must find him under whatever he is
written in.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from tests.builders.dicom import Person, person
from tests.builders.elements import element
from tests.builders.odd import Odd, body, preliminaries

TEXTS: dict[bytes, int] = {
    b"LO": 0x00080070, b"SH": 0x00082120, b"ST": 0x00080115, b"LT": 0x00204000, b"UC": 0x00080119, b"UT": 0x0040A160,
}  # fmt: skip
"""An attribute of each VR of text which profiles keep and clean: nothing else removes what stands in it."""


Coded = Callable[[str], bytes]
"""Text as some sender writes it."""


def texts(who: Person, declared: bytes | None, coded: Coded) -> bytes:
    """A small image with name and texts ``coded``; (0008,0005) says ``declared``, or is not there (None)."""
    name = b"^".join(map(coded, (who.family, who.given)))
    parts = [element(0x00100010, b"PN", name)]
    if declared is not None:
        parts.append(element(0x00080005, b"CS", declared))
    lines = {
        b"LO": f"ACME {who.family}", b"SH": f"{who.family}", b"ST": f"{who.given} {who.family}, chest",
        b"LT": f"{who.family} {who.given}\r\nLiver of {who.family}.", b"UC": f"Knee\\{who.family}",
        b"UT": f"Seen by nobody: {who.given}\r\n{who.family}\r\nNo fracture.",
    }  # fmt: skip
    parts += [element(TEXTS[vr], vr, b"".join(map(coded, _kept_apart(text)))) for vr, text in lines.items()]
    return preliminaries() + body(*parts, without=_NAMED)


_NAMED = (
    0x00080005, 0x00080096, 0x00081030, 0x0008103E, 0x00101001, 0x00104000, 0x001021B0, 0x00400275,
    0x04000561,
)  # fmt: skip
"""The character set of the builders, and attributes in which they name somebody else."""


def _kept_apart(text: str) -> Iterator[str]:
    """Words and what stands between them, so that every word is coded on its own."""
    word = ""
    for character in text:
        if character.isascii() != (word[:1] or character).isascii():
            yield word
            word = ""
        word += character
    yield word


def _jis(text: str, back: bool = True) -> bytes:
    """ISO 2022 IR 87: with escape sequences, ``back`` to ASCII at the end or not."""
    coded = text.encode("iso2022_jp")
    return coded if back else coded.removesuffix(b"\x1b(B")


def _jis_bare(text: str) -> bytes:
    """JIS X 0208 as seven-bit bytes whose escape sequences got lost."""
    return text.encode("iso2022_jp").replace(b"\x1b$B", b"").replace(b"\x1b(B", b"")


def _escaped(escape: bytes, codec: str, text: str) -> bytes:
    return text.encode() if text.isascii() else escape + text.encode(codec)


def _codec(name: str) -> Coded:
    return lambda text: text.encode(name)


def _odd(who: Person, declared: bytes | None, coded: Coded) -> Odd:
    """A file in which no two characters of a name may be left that stand side by side in it, of Latin names none."""
    names = (who.family, who.given)
    pairs = [name[at : at + 2] for name in names for at in range(len(name) - 1) if name[0] >= _WITHOUT_SPACES]
    return Odd(partial(texts, who, declared, coded), who, tuple(map(coded, (*names, *pairs))))


GERMAN, POLE, RUSSIAN, GREEK = person(1), person(2), person(3), person(4)
JAPANESE = replace(person(5), family="山田桜木", given="太郎衛門", ideographic_family="", ideographic_given="")
BACKSLASHES = replace(JAPANESE, family="能登十表", given="噂予貼申")
"""Shift JIS writes every character of this name with a backslash for its second byte."""
KOREAN = replace(JAPANESE, family="홍길동", given="김철수")
CHINESE = replace(JAPANESE, family="欧阳诸葛", given="慕容令狐")
CHINESE_BACKSLASHES = replace(JAPANESE, family="乗俓侺", given="僜刓匼")
"""GBK writes every character of this name with a backslash for its second byte."""

_WITHOUT_SPACES = "\u2e80"
_LATIN_1, _LATIN_2 = b"ISO_IR 100", b"ISO_IR 101"
_TO_KANJI, _TO_HANGUL, _TO_HANZI = b"\\ISO 2022 IR 87", b"\\ISO 2022 IR 149", b"\\ISO 2022 IR 58"


def all_odd_texts() -> dict[str, Odd]:
    """Every file of this module by name: what it is written in, as what it is declared."""
    utf8, latin1 = _codec("utf-8"), _codec("latin-1")
    sjis, gbk, korean = _codec("shift_jis"), _codec("gbk"), _codec("euc_kr")
    hangul, hanzi = partial(_escaped, b"\x1b$)C", "euc_kr"), partial(_escaped, b"\x1b$)A", "gb2312")
    return {
        "utf-8 as latin-1": _odd(GERMAN, _LATIN_1, utf8),
        "utf-8 undeclared": _odd(GERMAN, None, utf8),
        "utf-8 as latin-2": _odd(POLE, _LATIN_2, utf8),
        "utf-8 as gb18030": _odd(CHINESE, b"GB18030", utf8),
        "utf-8 as gbk": _odd(GERMAN, b"GBK", utf8),
        "utf-8 as iso 2022 ir 87": _odd(JAPANESE, _TO_KANJI, utf8),
        "utf-8 as iso 2022 ir 149": _odd(KOREAN, _TO_HANGUL, utf8),
        "latin-1 as utf-8": _odd(GERMAN, b"ISO_IR 192", latin1),
        "latin-1 undeclared": _odd(GERMAN, None, latin1),
        "latin-1 as iso 2022 ir 87": _odd(GERMAN, _TO_KANJI, latin1),
        "latin-1 as gb18030": _odd(GERMAN, b"GB18030", latin1),
        "latin-2 as latin-1": _odd(POLE, _LATIN_1, _codec("iso8859-2")),
        "windows-1250 undeclared": _odd(POLE, None, _codec("cp1250")),
        "cyrillic as latin-1": _odd(RUSSIAN, _LATIN_1, _codec("iso8859-5")),
        "windows-1251 undeclared": _odd(RUSSIAN, None, _codec("cp1251")),
        "koi8-r as cyrillic": _odd(RUSSIAN, b"ISO_IR 144", _codec("koi8_r")),
        "dos cyrillic undeclared": _odd(RUSSIAN, None, _codec("cp866")),
        "greek undeclared": _odd(GREEK, None, _codec("iso8859-7")),
        "utf-8 as greek": _odd(GREEK, b"ISO_IR 126", utf8),
        "charset nobody knows": _odd(GERMAN, b"KLINGON 1", latin1),
        "charset misspelt": _odd(GERMAN, b"ISO IR 100", latin1),
        "charset declared as a name": _odd(GERMAN, GERMAN.family.encode("latin-1"), latin1),
        "shift jis undeclared": _odd(JAPANESE, None, sjis),
        "shift jis as ir 13": _odd(JAPANESE, b"ISO_IR 13", sjis),
        "shift jis as iso 2022 ir 87": _odd(JAPANESE, _TO_KANJI, sjis),
        "shift jis as utf-8": _odd(JAPANESE, b"ISO_IR 192", sjis),
        "shift jis with backslashes": _odd(BACKSLASHES, b"ISO_IR 13", sjis),
        "shift jis with backslashes undeclared": _odd(BACKSLASHES, None, sjis),
        "euc-jp undeclared": _odd(JAPANESE, None, _codec("euc_jp")),
        "ir 87": _odd(JAPANESE, _TO_KANJI, _jis),
        "ir 87 after ir 13": _odd(JAPANESE, b"ISO 2022 IR 13\\ISO 2022 IR 87", _jis),
        "ir 87 never back to ascii": _odd(JAPANESE, _TO_KANJI, partial(_jis, back=False)),
        "ir 87 undeclared": _odd(JAPANESE, None, _jis),
        "ir 87 as latin-1": _odd(JAPANESE, _LATIN_1, _jis),
        "ir 87 as utf-8": _odd(JAPANESE, b"ISO_IR 192", _jis),
        "ir 87 without escapes": _odd(JAPANESE, _TO_KANJI, _jis_bare),
        "ir 149": _odd(KOREAN, _TO_HANGUL, hangul),
        "ir 149 undeclared": _odd(KOREAN, None, hangul),
        "ir 149 without escapes": _odd(KOREAN, _TO_HANGUL, korean),
        "euc-kr undeclared": _odd(KOREAN, None, korean),
        "ir 58": _odd(CHINESE, _TO_HANZI, hanzi),
        "ir 58 undeclared": _odd(CHINESE, None, hanzi),
        "ir 58 without escapes": _odd(CHINESE, _TO_HANZI, _codec("gb2312")),
        "gbk": _odd(CHINESE, b"GBK", gbk),
        "gbk undeclared": _odd(CHINESE, None, gbk),
        "gbk as latin-1": _odd(CHINESE, _LATIN_1, gbk),
        "gbk as utf-8": _odd(CHINESE, b"ISO_IR 192", gbk),
        "gbk with backslashes": _odd(CHINESE_BACKSLASHES, b"GBK", gbk),
        "gb18030 with backslashes": _odd(CHINESE_BACKSLASHES, b"GB18030", gbk),
        "gbk with backslashes undeclared": _odd(CHINESE_BACKSLASHES, None, gbk),
        "big5 undeclared": _odd(replace(CHINESE, family="歐陽諸葛", given="慕容令狐"), None, _codec("big5")),
        "utf-16 as utf-8": _odd(GERMAN, b"ISO_IR 192", _codec("utf-16-le")),
        "utf-16 as latin-1": _odd(GERMAN, _LATIN_1, _codec("utf-16-le")),
        "escapes in the middle": _odd(
            GERMAN, _LATIN_1, lambda text: text.encode("latin-1")[:3] + b"\x1b-A" + text.encode("latin-1")[3:]
        ),
        "decomposed utf-8": _odd(GERMAN, b"ISO_IR 192", _decomposed),
    }


def _decomposed(text: str) -> bytes:
    return unicodedata.normalize("NFD", text).encode()
