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

# Compound codes leave the choice to the Type of the attribute in its IOD. Where that is not looked up, the last code
# is the one that is always valid: an emptied Type 3 attribute is legal, a removed Type 1 attribute is not.
SAFEST = {
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "Z/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U*": Action.UID,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """An action and where it comes from (table and column, option, or profile)."""

    action: Action
    source: str


def parse_action(code: str) -> Action:
    """The action for a table cell; ValueError for a code the tables do not define."""
    return SAFEST[code] if code in SAFEST else Action(code)
