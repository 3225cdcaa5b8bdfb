"""Content items of reports by concept name: PS3.15 2026c Table E.3.4-1, Clean Structured Content Option (E.3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from deid_platform.errors import PolicyError
from deid_platform.policy.options import Option
from deid_platform.policy.rule import Action, Rule, parse_action
from deid_platform.policy.tables import rows

Concept = tuple[str, str, str]
"""Coding scheme, code value, value type."""
_TABLE = "PS3.15 2026c Table E.3.4-1"
# A code that only modifies what another one keeps comes second: of several options the one that changes more counts.
_STRICTEST = (Action.REMOVE, Action.DUMMY, Action.CLEAN, Action.KEEP)


def content_rules(options: Iterable[Option]) -> Mapping[Concept, Rule] | None:
    """The rules for listed content items under these options; None where reports are not cleaned by content.

    The schemes of a table that names an edition behind them, such as 'NCDR [2.0b]', are met without it.
    """
    chosen = frozenset(options)
    return _rules(chosen) if Option.CLEAN_STRUCTURED_CONTENT in chosen else None


@cache
def _rules(options: frozenset[Option]) -> Mapping[Concept, Rule]:
    found: dict[Concept, Rule] = {}
    for row in rows("ps315_2026c/table_E.3.4-1.csv"):
        scheme, _, _ = row["Coding Scheme Designator"].partition(" ")
        rule = _rule(row, options)
        for known in ((scheme, row["Code Value"]), *_retired().get((scheme, row["Code Value"]), ())):
            found[(*known, row["Value Type"])] = rule
    return found


def _rule(row: Mapping[str, str], options: frozenset[Option]) -> Rule:
    cells = [(parse_action(row[option.column]), option.column) for option in options if row.get(option.column)]
    if not cells:
        return Rule(parse_action(row["Basic Prof."]), f"{_TABLE}, Basic Prof.")
    action, column = min(cells, key=lambda cell: (_STRICTEST.index(cell[0]), cell[1]))
    return Rule(action, f"{_TABLE}, {column}")


@cache
def _retired() -> Mapping[tuple[str, str], tuple[tuple[str, str], ...]]:
    """Scheme and code under which a concept was known before, by those it has now."""
    found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    for row in rows("dicom/retired_codes.csv"):
        now = (row["scheme"], row["code"])
        found[now] = (*found.get(now, ()), (row["retired_scheme"], row["retired_code"]))
    if not found:
        raise PolicyError("The table of retired codes is empty.")
    return found
