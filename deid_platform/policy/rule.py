"""What happens to one attribute, and on whose word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """The action codes of PS3.15 2026c Table E.1-1a."""

    DUMMY = "D"
    EMPTY = "Z"
    REMOVE = "X"
    KEEP = "K"
    CLEAN = "C"
    UID = "U"


MEANING = {
    Action.DUMMY: "replaced by a dummy or a pseudonym",
    Action.EMPTY: "emptied",
    Action.REMOVE: "removed",
    Action.KEEP: "kept; items of a sequence are cleaned one by one",
    Action.CLEAN: "cleaned: identifiers go, dates move, the rest stays",
    Action.UID: "replaced by a keyed UID",
}

# Compound codes leave the choice to the Type of the attribute in its IOD. Where that is not known, the last code is the
# one that is always valid: an emptied Type 3 attribute is legal, a removed Type 1 attribute is not.
SAFEST = {
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "Z/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U*": Action.UID,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """An action and where it comes from (table and column, option, or profile).

    ``code`` is the compound code of the table, empty where there is no choice; ``action`` then is what happens where
    the Type of the attribute is not known (see :func:`settle`). ``seconds`` tells that the value is no text but counts
    the seconds since 1970, so that it moves with all dates.
    """

    action: Action
    source: str
    code: str = ""
    seconds: bool = False


def parse_action(code: str) -> Action:
    """The action for a table cell; ValueError for a code the tables do not define."""
    return SAFEST[code] if code in SAFEST else Action(code)


def settle(code: str, kind: str) -> Action:
    """The action a compound code means for an attribute of a Type ('1', '1C', '2', '2C', '3').

    The first one that keeps the object valid (PS3.15 2026c Table E.1-1a). The condition of Types 1C and 2C is taken as
    met, as the attribute is there. A reference of Type 2 keeps its items (U): the Common Instance Reference module,
    which the table does not touch, goes on naming what they refer to and may only do so while they do.
    """
    if kind == "3":
        return Action(code[0])
    return Action.EMPTY if kind in ("2", "2C") and "Z" in code and "U" not in code else SAFEST[code]
