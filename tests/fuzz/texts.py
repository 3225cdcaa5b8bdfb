"""Texts at random around what identifies somebody, and what must be true of them after cleaning."""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import date, timedelta

from hypothesis import strategies as st

from deid_platform.dates import replace_in_text, shift_value
from deid_platform.formats.dicom.identifiers import name_words, numbers
from deid_platform.freetext import PLACEHOLDER, Identifiers, TextCleaner
from tests.builders.dicom import person

WHO = person(0)
NUMBERS = (WHO.patient_id, WHO.other_id, WHO.accession)
SECONDS_PER_CHARACTER, SECONDS_AT_LEAST = 50e-6, 1.0
"""No text may take longer, whatever stands in it, on a slow machine with other work."""
SHIFT = 1000

_CLEANER = TextCleaner(
    Identifiers(frozenset(name_words(WHO.name)), frozenset(), frozenset(n for text in NUMBERS for n in numbers(text))),
    lambda day: day - timedelta(days=SHIFT),
    lambda uid: "2.25.1",
)
_NASTY = (
    "((((((((((", "a" * 200, "1" * 200, "1.1.1.1.1.1.1.1.1", "- - - - - -", "Dr. Dr. Dr. Dr.", "@@@@a@a@a",
    "von der von der ", "\\\\", "www.www.www", "0 0 0 0 0 0 0 0 0 0 0", "+1+1+1+1+1+1", "12/12/12/12/12/12",
    "A.B.C.D.E.F.G.H.", "\u0130\u0130", "\ufb01\ufb02", "e\u0301\u0301\u0301", "\u202e", "\ud800", "\x00\x1b$B",
    "Mr " * 50, "_" * 300, "Haus Haus Haus", "seen by", "patient", "\t\r\n\f\v", "\u00df\u017f\u212a",
    "1st 2nd 3rd 4th of of of", "Jan Feb Mar 1 2 3",
)  # fmt: skip
"""What patterns trip over: repetition, half matches, letters that change their length with their case."""


def nasty_texts(most: int = 40) -> st.SearchStrategy[str]:
    """Texts without an identifier of :data:`WHO`."""
    return st.lists(st.one_of(st.text(max_size=12), st.sampled_from(_NASTY)), max_size=most).map("".join)


def planted_texts() -> st.SearchStrategy[tuple[str, str]]:
    """A text with one identifier that stands alone, and the identifier."""
    before = nasty_texts().filter(lambda text: not text or not _goes_on(text[-1]))
    after = nasty_texts().filter(lambda text: not text or not _goes_on(text[0]))
    planted = st.sampled_from((WHO.family, WHO.given, *NUMBERS))
    cases = st.sampled_from((str, str.lower, str.upper))
    return st.builds(lambda a, token, case, b: (a + case(token) + b, token), before, planted, cases, after)


def _goes_on(character: str) -> bool:
    """Whether a word or number does not end at this character; signs above letters belong to them."""
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def check_planted(planted: tuple[str, str]) -> None:
    """Raise AssertionError unless cleaning takes the identifier out, in reasonable time."""
    text, token = planted
    cleaned = check_time(text)
    assert token.lower() not in cleaned.lower()


def check_time(text: str) -> str:
    """The text cleaned; raises AssertionError when that takes too long, whatever comes up otherwise."""
    start = time.process_time()
    cleaned, count = _CLEANER.clean(text)
    assert time.process_time() - start < max(SECONDS_AT_LEAST, len(text) * SECONDS_PER_CHARACTER), "it took too long"
    assert (count > 0) == (cleaned != text) or PLACEHOLDER in text
    return cleaned


def dates_among_others() -> st.SearchStrategy[tuple[str, date]]:
    """A text with a date as people write it, and the date."""
    ends = nasty_texts(6)
    days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
    spellings = st.sampled_from(("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%d %B %Y", "%b %d, %Y"))
    return st.builds(lambda a, day, form, b: (f"{a} ({day.strftime(form)}) {b}", day), ends, days, spellings, ends)


def check_date(dated: tuple[str, date]) -> None:
    """Raise AssertionError unless the date goes, by moving and by being taken out; values of any form are let in."""
    text, day = dated
    moved, count = replace_in_text(text, lambda day: day - timedelta(days=SHIFT), PLACEHOLDER)
    removed, also = replace_in_text(text, None, PLACEHOLDER)
    assert count == also > 0
    written = re.escape(f"{day:%Y-%m-%d}")
    assert not re.search(rf"\({written}\)", moved + removed)
    assert shift_value(text[:40], SHIFT) is None or re.match(r"\s*\d{4}", text)
