"""What was lately done to the values of one subject: the slices of a series repeat most of them.

Answers live in the memory of one worker only, a few thousand short values of a few subjects.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

from deid_platform.formats.dicom.charset import Charset
from deid_platform.freetext import Identifiers
from deid_platform.identity import Identity
from deid_platform.policy import Action, Policy

SUBJECTS = 8
"""Sets of identifiers whose answers are kept: the studies of a batch come one after the other."""
ANSWERS = 2048
"""Answers kept of each."""
LONGEST = 256
"""Bytes of a value from which on it is unlikely to be met again."""

NO_DATES: tuple[int, frozenset[date]] = (0, frozenset())
"""No years and no dates that must not stay."""

Question = tuple[int, str, Action, bytes, Charset, bool]
"""Tag, VR, action, value, character set, and whether texts are replaced here."""


class Unasked:
    """The type of :data:`UNASKED`."""


UNASKED: Final = Unasked()
"""No answer, as None is one: to remove the element."""


class Answers(dict[Question, bytes | None]):
    """New values by question."""

    __slots__ = ()

    def keep(self, question: Question, answer: bytes | None) -> None:
        """Note an answer; when there are too many, all earlier ones go."""
        if len(question[3]) > LONGEST:
            return
        if len(self) >= ANSWERS:
            self.clear()
        self[question] = answer


@lru_cache(maxsize=SUBJECTS)
def answers_of(
    policy: Policy, identity: Identity, own: Identifiers, subject: str, unkept: tuple[int, frozenset[date]] = NO_DATES
) -> Answers:
    """The answers that hold under exactly these circumstances; ``unkept``: the first year to stay, and dates not to."""
    return Answers()
