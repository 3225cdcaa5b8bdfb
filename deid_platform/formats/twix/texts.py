"""The texts of a measurement's header, cleaned without changing their length.

Text in quotes goes unless a list knows its key and what it may say; what stands for it are as many letters x. Numbers
stay, but for those under keys that tell of a person, a place, a device or a time. So do the names of keys, braces and
the marks of a protocol, and nothing else. What was taken out is then looked for
everywhere else.

Sources: the keys are those of real files (see docs), not of a published standard, so no list of what to remove is used
for texts.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources

from deid_platform.dates import valid
from deid_platform.formats.dicom.ascconv import KEYS
from deid_platform.policy.headers import kept_values

_TOKEN = re.compile(
    rb'<\w+\."(?P<tag>[^"\r\n]*)">|<(?P<attribute>\w+)>|^(?P<line>[A-Za-z_][\w.\[\]]*)[ \t]*=|'
    rb'""(?P<double>[^"\r\n{}]+)""|"(?P<text>[^"]*)"|'
    rb"(?P<number>[-+]?(?:0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))(?![^\s{}\0])|"
    rb'(?P<mark>### ASCCONV (?:BEGIN[\w@=.%/ ]*|END) ###)|(?P<other>[^\s{}\0"<]+|[^\s{}\0])',
    re.MULTILINE,
)
_TELLING = re.compile(
    r"patient|weight|height|age$|sex|birth|loid|serial|uid|date|time$|timeofday|institution|physician|operator|"
    r"accession|study|memory|address|comment|hostname|measid|fileid|register|identif|name$",
    re.IGNORECASE,
)
_TECHNICAL = re.compile(r"^(?:al|ad|s|d|l|uc|ul|a)?(?:T[ERI]|Scan|Total|Dwell|Delay|Rep|Trigger|Acq|Inv|Image|Slice|"
                        r"Coverage|Average|Voltage)\w*|Imageage|Average$", re.IGNORECASE)  # fmt: skip
_CHARACTERISTICS = re.compile(r"(?:Patient|Used)\w*(?:Sex|Weight|Height)$|flPatientHeight")
_DAY = re.compile(rb"(?<![\d.])((?:19|20)\d\d)(0[1-9]|1[0-2])([0-3]\d)(?:[0-2]\d[0-5]\d[0-5]\d)?(?![\d.])")
_ASCII = bytes(range(0x7F)) + b"x" * 129
_INDEX = re.compile(r"\[\d{1,6}\]")
_UID = re.compile(rb"\d+(?:\.\d+){5,}")
_WORD = re.compile(rb"[A-Za-z0-9.\x80-\xff]{5,}")
_CROSSED = bytes(code if code in b" \t\n\r\f\v" else ord("x") for code in range(256))
_ZEROED = bytes(ord("0") if code in b"0123456789" else code for code in range(256))
_DAY_DIGITS = len("YYYYMMDD")
_LEAST = 5
"""Characters from which on what was taken out is looked for elsewhere, as in the pattern of words above."""
_HARMLESS = frozenset(b"true false none null unknown normal default standard siemens".split())


@dataclass(slots=True)
class Texts:
    """Cleans the texts of one file; ``uid`` gives the replacement of a UID, ``date`` that of a day as YYYYMMDD."""

    uid: Callable[[str], str]
    date: Callable[[str, str], str | None]
    keep_characteristics: bool
    taken: set[bytes] = field(default_factory=set)
    count: int = 0

    def clean(self, text: bytes) -> bytes:
        """A text of the same length, nothing but what is known to be harmless left in it."""
        key, telling = "", False

        def replace(match: re.Match[bytes]) -> bytes:
            nonlocal key, telling
            group = match.lastgroup or ""
            if group == "number" and not telling and match.end() - match.start() < _DAY_DIGITS:
                return match[0]
            if group in ("tag", "attribute", "line"):
                key = match[group].decode("latin-1") or key
                telling = _telling(key)
                return match[0]
            if group == "mark":
                return match[0]
            if group == "other":
                return b"x" * len(match[0])
            if group == "number":
                return self._number(key, match[0])
            return self._quoted(key, match[0], match[group], quotes=b'""' if group == "double" else b'"')

        return _TOKEN.sub(replace, text).translate(_ASCII)

    def sweep(self, text: bytes) -> bytes:
        """What was taken out anywhere, crossed out wherever else it stands."""
        return _WORD.sub(lambda match: b"x" * len(match[0]) if match[0] in self.taken else match[0], text)

    def _quoted(self, key: str, whole: bytes, value: bytes, *, quotes: bytes) -> bytes:
        text = value.decode("latin-1")
        if not text.strip() or _kept(key, text):
            return whole
        self.count += 1
        new = self._replacement(key, text)
        if _telling(key) or _UID.search(value):
            self.taken.update(_words(value))
        if new is not None and len(new) <= len(value):
            # In front: readers of protocols take a line's value up to its end.
            return b" " * (len(value) - len(new)) + quotes + new.encode("ascii") + quotes
        return quotes + value.translate(_CROSSED) + quotes

    def _replacement(self, key: str, text: str) -> str | None:
        """A UID that is the same as in DICOM, or a moved date; None for anything else."""
        bare = text.strip()
        if _UID.fullmatch(bare.encode("latin-1")):
            return self.uid(bare)
        return self.date(key, bare) if len(bare) == _DAY_DIGITS and bare.isdecimal() and bare.isascii() else None

    def _number(self, key: str, number: bytes) -> bytes:
        kept = self.keep_characteristics and _CHARACTERISTICS.search(key)
        day = _DAY.fullmatch(number)
        if day and valid(int(day[1]), int(day[2]), int(day[3])):
            kept = False
        elif not _telling(key):
            return number
        if kept:
            return number
        self.count += 1
        if len(number) > _LEAST and number.isdigit():
            self.taken.add(number)
        return number.translate(_ZEROED)


@lru_cache(maxsize=8192)
def _telling(key: str) -> bool:
    """Whether a key may tell of a person, a place, a device or a time of day."""
    last = key.rpartition(".")[2]
    return bool(_TELLING.search(last)) and not (_TECHNICAL.match(last) and not re.search("patient", last, re.I))


def _words(value: bytes) -> set[bytes]:
    """The words of a value that may stand elsewhere, too: parts of a name alone, a number in another one."""
    found = (word.strip(b".") for word in _WORD.findall(value))
    return {word for word in found if len(word) >= _LEAST and word.lower() not in _HARMLESS}


@cache
def _kept_strings() -> dict[str, re.Pattern[str]]:
    text = resources.files("deid_platform.formats.twix").joinpath("data/kept_strings.csv").read_text("utf-8")
    return {row["key"]: re.compile(row["pattern"]) for row in csv.DictReader(io.StringIO(text))}


@lru_cache(maxsize=8192)
def _listed(key: str) -> tuple[re.Pattern[str], ...]:
    """What texts under a key may be."""
    own, protocol = _kept_strings().get(key.rpartition(".")[2]), kept_values(KEYS).get(_INDEX.sub("[]", key))
    return tuple(one for one in (own, protocol) if isinstance(one, re.Pattern))


def _kept(key: str, text: str) -> bool:
    """Whether a list knows that this text under this key says nothing of anybody."""
    return any(one.fullmatch(text) for one in _listed(key))
