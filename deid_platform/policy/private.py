"""Private elements that are known to be safe, by nested signature.

A signature is the path of an element from the top of the data set: ``0019,SIEMENS MR HEADER,0c`` for a private element
(group, creator, low byte), ``0008,1140`` for a public one, joined by ``/``. Block numbers and item numbers are left
out, because they say nothing about meaning. Creators are told apart by case, as the knowledge base does; one met in
another case gets the strictest rule of all its spellings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from deid_platform.errors import PolicyError
from deid_platform.policy.rule import Action, Rule
from deid_platform.policy.signature import private_segment, public_segment
from deid_platform.policy.site_rules import PrivateRule
from deid_platform.policy.tables import rows, sources

# Dispositions of the TCIA knowledge base: keep, delete, hash UID, offset date, offset integer date, not applicable.
_DISPOSITIONS = {
    "k": Action.CLEAN, "h": Action.UID, "o": Action.CLEAN, "oi": Action.CLEAN, "na": Action.KEEP, "d": Action.REMOVE,
}  # fmt: skip
__all__ = ["PrivateRules", "load_private_rules", "private_segment", "public_segment"]
_STRICTEST = (Action.REMOVE, Action.UID, Action.CLEAN, Action.KEEP)
_SEGMENT = re.compile(r'\(([0-9a-f]{4}),(?:([0-9a-f]{4})|"?(.*?)"?,([0-9a-f]{2}))\)', re.IGNORECASE)
_STANDARD_TAG = re.compile(r"\(([0-9A-F]{4}),xx([0-9A-F]{2})\)", re.IGNORECASE)


class PrivateRules:
    """Rules for private elements. Unknown signatures are removed (PS3.15 2026c E.3.10)."""

    __slots__ = ("_rules", "_vrs")

    def __init__(self, entries: Iterable[tuple[str, str, Rule]]) -> None:
        self._rules: dict[tuple[str, str], Rule] = {}
        self._vrs: dict[str, set[str]] = {}
        for signature, vr, rule in entries:
            for spelling in {signature, signature.casefold()}:
                for key in ((spelling, vr), (spelling, "")):
                    _keep_strictest(self._rules, key, rule)
                if vr != "UN":
                    self._vrs.setdefault(spelling, set()).add(vr)

    def vr(self, signature: str) -> str | None:
        """The one VR the tables know for a signature; None when they know none or several."""
        known = self._vrs.get(signature) or self._vrs.get(signature.casefold(), set())
        return next(iter(known)) if len(known) == 1 else None

    def rule(self, signature: str, vr: str) -> Rule | None:
        """The rule for a signature, by the VR met in the file where the tables know it, else the strictest."""
        for spelling in (signature, signature.casefold()):
            for key in ((spelling, vr), (spelling, "")):
                if key in self._rules:
                    return self._rules[key]
        return None


def _keep_strictest(table: dict[tuple[str, str], Rule], key: tuple[str, str], rule: Rule) -> None:
    known = table.get(key)
    if known is None or _STRICTEST.index(rule.action) < _STRICTEST.index(known.action):
        table[key] = rule


@cache
def load_private_rules(files: tuple[str, ...], own: tuple[PrivateRule, ...] = ()) -> PrivateRules:
    """Rules from a profile and the tables it names; what an earlier one knows is not asked of a later one."""
    entries = [(rule.signature, rule.vr, Rule(rule.action, f"[[private]]: {rule.why}")) for rule in own]
    known = {rule.signature for rule in own}
    for file in files:
        found = list(_READERS[_reader(file)](file))
        entries += [entry for entry in found if entry[0] not in known]
        known |= {signature for signature, _, _ in found}
    return PrivateRules(entries)


def _reader(file: str) -> str:
    for name in _READERS:
        if file.startswith(name):
            return name
    raise PolicyError(f"Table {file} is no table of private elements.")


def _knowledge_base(file: str) -> Iterable[tuple[str, str, Rule]]:
    title = sources()[file].title
    source = f"{'TCIA private tag knowledge base' if file.startswith('tcia') else title} {sources()[file].edition}"
    for row in rows(file):
        signature = _signature(row["element_sig_pattern"])
        disposition = row["private_disposition"].strip().lower()
        action = _DISPOSITIONS.get(disposition, Action.REMOVE)
        if signature:
            yield signature, row["vr"], Rule(action, source, seconds=disposition == "oi")


def _signature(pattern: str) -> str:
    steps = []
    for match in _SEGMENT.finditer(pattern):
        group, element, creator, low_byte = match.groups()
        private = private_segment(int(group, 16), creator or "", int(low_byte or "0", 16))
        steps.append(f"{group},{element}".lower() if element else private)
    return "/".join(steps)


def _safe_attributes(file: str) -> Iterable[tuple[str, str, Rule]]:
    source = f"PS3.15 {sources()[file].edition} Table E.3.10-1"
    for row in rows(file):
        match = _STANDARD_TAG.match(row["Data Element"])
        if match:
            signature = private_segment(int(match[1], 16), row["Private Creator"], int(match[2], 16))
            yield signature, row["VR"], Rule(Action.CLEAN, source)


_READERS: Mapping[str, Callable[[str], Iterable[tuple[str, str, Rule]]]] = {
    "tcia/private_tag_kb": _knowledge_base,
    "vendor/safe_private": _knowledge_base,
    "ps315_2026c/table_E.3.10": _safe_attributes,
}
