"""Cleaning of free text: what identifies goes, the clinical rest stays word for word.

Layers, first to last: the identifiers of the subject as read from the header, in any order and spelling of case and
accents, with a mistake in them, or in part; dates, which move like all dates of the subject; forms that identify
whoever they belong to (telephone numbers, addresses, record numbers); people, told by a title, a cue or a list of
names. PS3.15 2026c E.3.5 asks for no more than the result.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from deid_platform.dates import ASIDE, Move, put_back, replace_in_text
from deid_platform.forms import (
    may_hold_forms,
    replace_addresses,
    replace_e_mail_addresses,
    replace_forms,
    replace_streets,
    text_patterns,
)
from deid_platform.labels import drop_before_labels
from deid_platform.names import PLACEHOLDER, clinical_words, drop_after_cues, fold, word_list
from deid_platform.own import Identifiers, Span, humped_spans, near_spans, own_spans
from deid_platform.people import drop_people

__all__ = ["PLACEHOLDER", "Identifiers", "TextCleaner", "clinical_words", "fold", "text_patterns", "word_list"]

_UID = re.compile(r"(?<![\d.])(?:\d+(?:\.\d+){5,}|2\.25\.\d{10,})(?!\.?\d)")
_SOME_WORDS = re.compile(r"[^\W\d_]{2,}")
_SPACE_FOR = "\x1f"
"""Stands for an underscore while a text is cleaned: white space to every pattern, and in no text (PS3.5 6.1.3)."""


@dataclass(frozen=True, slots=True)
class TextCleaner:
    """Cleans the texts of one item.

    Parameters
    ----------
    own : Identifiers
        The subject's own identifiers.
    move : callable or None
        Moves a date, or tells what to write in its place; None takes dates out.
    uid : callable
        Gives the replacement of a UID met in text.
    """

    own: Identifiers
    move: Move | None
    uid: Callable[[str], str]

    def clean(self, text: str) -> tuple[str, int]:
        """The text without identifiers, and how many were taken out or moved."""
        text, uids = self._with_other_uids(text)
        text, total = replace_addresses(text)
        joined = "_" in text and _SPACE_FOR not in text
        if joined:
            text = PLACEHOLDER.join(part.replace("_", _SPACE_FOR) for part in _between_placeholders(text, total))
        text, streets = replace_streets(text)
        text, count = self.redact_own(text)
        text, near = _cut(text, near_spans(self.own, fold(text)))
        total += uids + streets + count + near
        aside: dict[str, str] = {}
        if may_hold_forms(text):
            text, dates = replace_in_text(text, self.move, PLACEHOLDER, None if ASIDE.search(text) else aside)
            text, forms = replace_forms(text)
            total += dates + forms
        for drop in (drop_after_cues, drop_before_labels, drop_people):
            text, people = drop(text)
            total += people
        text = put_back(text, aside)
        return text.replace(_SPACE_FOR, "_") if joined else text, total

    def redact_known(self, text: str, *, spare: frozenset[str] = frozenset()) -> tuple[str, int]:
        """The text without the subject's identifiers but words in ``spare``, without e-mail addresses, other UIDs."""
        text, addresses = replace_e_mail_addresses(text)
        text, uids = self._with_other_uids(text)
        text, count = self.redact_own(text, spare=spare)
        count += addresses
        return text, count + uids

    def clean_descriptor(self, text: str) -> tuple[str, int]:
        """A text that is kept: cleaned if it is of several words, else known identifiers and dates are taken out.

        Letters and digits in one are no date but the number of a device.
        """
        if len(_SOME_WORDS.findall(text)) > 1:
            return self.clean(text)
        text, count = self.redact_known(text)
        if text.strip().isalnum():
            return text, count
        text, dates = replace_in_text(text, self.move, PLACEHOLDER)
        return text, count + dates

    def _with_other_uids(self, text: str) -> tuple[str, int]:
        """The text with its UIDs replaced: first of all, as their parts may look like the subject's numbers."""
        return _UID.subn(lambda match: self.uid(match[0]), text) if "." in text else (text, 0)

    def redact_own(self, text: str, *, spare: frozenset[str] = frozenset()) -> tuple[str, int]:
        """The text without the subject's own identifiers; words in ``spare`` (folded) stay all the same."""
        composed = unicodedata.normalize("NFC", text)
        spans = own_spans(self.own, fold(composed), spare)
        if not composed.islower() and not composed.isupper():
            spans = sorted([*spans, *humped_spans(self.own, composed)], key=lambda span: (span[0], -span[1]))
        cut, count = _cut(composed, spans)
        return (cut, count) if count else (text, 0)


def _between_placeholders(text: str, count: int) -> list[str]:
    """The parts of a text between the placeholders put there before."""
    return text.split(PLACEHOLDER) if count else [text]


def _cut(text: str, spans: list[Span]) -> tuple[str, int]:
    """A text with a placeholder for each span that does not overlap one before it."""
    kept, done, count = [], 0, 0
    for start, end in spans:
        if start >= done:
            kept += [text[done:start], PLACEHOLDER]
            done, count = end, count + 1
    return ("".join([*kept, text[done:]]), count) if count else (text, 0)
