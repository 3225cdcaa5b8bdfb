"""The attributes a profile decides on one by one: its own rules, Table E.1-1, and the attribute tables it names.

PS3.15 sets no order among options, so two chosen options that disagree on an attribute are refused unless the profile
names the winner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from deid_platform.dictionary import keyword, public_vr, tag_text
from deid_platform.policy.options import Option
from deid_platform.policy.profile import Profile
from deid_platform.policy.rule import SAFEST, Action, Rule, parse_action
from deid_platform.policy.site_rules import AttributeRule
from deid_platform.policy.tables import document, rows

TABLE = "PS3.15 2026c Table E.1-1"
_FILE = "ps315_2026c/table_E.1-1.csv"
_CONCRETE = re.compile(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)", re.IGNORECASE)
_BUCKET = re.compile(r"\(0x([0-9A-F]{4}), 0x([0-9A-F]{4})\)", re.IGNORECASE)
_BUCKETS = {
    "remove": Action.REMOVE, "hashuid": Action.UID, "incrementdate": Action.CLEAN, "time": Action.CLEAN,
    "empty": Action.EMPTY, "keep": Action.CLEAN, "process": Action.CLEAN, "lookup": Action.DUMMY,
    "replace": Action.DUMMY, "hashname": Action.DUMMY,
}  # fmt: skip
_CURVES = "Curve Data"
_FAMILIES = {0x50: _CURVES, 0x60: "Overlay Data"}
# It speaks of private elements as they were, and those that are left need nobody's word.
_UNTRUE = {0x00080300: Rule(Action.REMOVE, "what is said of private elements is true of the original only")}
_SPEAKING = frozenset("AE LO LT PN SH ST UC UN UR UT".split())
"""VRs in which nobody knows what a sender wrote."""


def listed_attributes(profile: Profile) -> tuple[dict[int, Rule], dict[int, Rule], bool]:
    """Rules by tag, rules by the high byte of repeating groups, and whether the profile accepts a risk.

    Raises
    ------
    PolicyError
        Options disagree, or a rule keeps what no option allows, without accepting the risk.
    """
    listed: dict[int, Rule] = {}
    families: dict[int, Rule] = {}
    overrides = dict(_overrides(profile))
    for row in rows(_FILE):
        chosen = _chosen(profile, row)
        match = _CONCRETE.match(row["Tag"])
        if match:
            tag = int(match[1] + match[2], 16)
            override = overrides.pop(tag, None)
            listed[tag] = chosen or (_valid(override, row) if override else _basic(row))
        else:
            # Nothing proves that a curve draws no text, so none is cleaned, whatever option is chosen.
            rule = (row["Attribute Name"] != _CURVES and chosen) or _basic(row)
            families.update({high: rule for high, name in _FAMILIES.items() if row["Attribute Name"] == name})
    own = {rule.tag: _own(profile, rule) for rule in profile.attributes}
    risks = [_risk(profile, rule) for rule in profile.attributes]
    return overrides | listed | _UNTRUE | own, families, any(risks)


def table_rows() -> list[dict[str, str]]:
    """All rows of Table E.1-1."""
    return rows(_FILE)


def cells() -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of Table E.1-1 that stand for one attribute, by its tag."""
    for row in rows(_FILE):
        if match := _CONCRETE.match(row["Tag"]):
            yield int(match[1] + match[2], 16), row


def _basic(row: Mapping[str, str]) -> Rule:
    code = row["Basic Prof."]
    return Rule(parse_action(code), f"{TABLE}, Basic Prof.", code if code in SAFEST else "")


def _valid(override: Rule, row: Mapping[str, str]) -> Rule:
    """A rule that removes or empties, where the table knows what else to do if the Type forbids that."""
    _, action, rest = row["Basic Prof."].partition(override.action.value)
    code = action + rest
    return Rule(override.action, override.source, code) if code in SAFEST else override


def _chosen(profile: Profile, row: Mapping[str, str]) -> Rule | None:
    """The rule of the chosen options for one row, None where they are silent."""
    codes = _codes(profile, row)
    if len(set(codes.values())) > 1:
        names = " and ".join(sorted(option.label for option in codes))
        where = f"{row['Attribute Name']} {row['Tag']}"
        message = f"{names} disagree on {where}: drop one, or name the winner in a [[resolve]] block."
        raise profile.text.error(("options",), message)
    if not codes:
        return None
    option = min(codes, key=lambda one: one.label)
    return Rule(parse_action(codes[option]), f"{TABLE}, {option.column}")


def _codes(profile: Profile, row: Mapping[str, str]) -> dict[Option, str]:
    """The cells of the chosen options for one row, less those of options that lose."""
    codes = {option: row[option.column] for option in profile.options if row[option.column]}
    for resolution in profile.resolutions:
        if resolution.options <= codes.keys():
            codes = {o: code for o, code in codes.items() if o is resolution.winner or o not in resolution.options}
    return codes


def _own(profile: Profile, rule: AttributeRule) -> Rule:
    return Rule(rule.action, f"[[attribute]] of {profile.name}: {rule.why}")


def _risk(profile: Profile, rule: AttributeRule) -> bool:
    """Whether a rule of the profile keeps more than the Basic Profile and the chosen options allow.

    Such a rule is refused unless it accepts the risk.
    """
    row = dict(cells()).get(rule.tag)
    if not _keeps_more(profile, rule, row):
        return False
    if not rule.accept_risk:
        text, key = rule.place
        offers = [option.label for option in Option if row and row[option.column] in ("K", "C")]
        advice = f"choose the option {' or '.join(offers)}, or " if offers else ""
        kept = f"{rule.action} keeps {keyword(rule.tag)} {tag_text(rule.tag)}, which may identify"
        advice += "set accept_risk = true, and the Basic Profile is claimed no more."
        raise text.error((*key, "action"), f"{kept}: {advice}")
    return True


def _keeps_more(profile: Profile, rule: AttributeRule, row: Mapping[str, str] | None) -> bool:
    sequence = public_vr(rule.tag) == "SQ"
    if rule.action in (Action.REMOVE, Action.EMPTY) or (rule.action is Action.UID and not sequence):
        return False
    if row is None:
        return rule.action is Action.KEEP and public_vr(rule.tag) in _SPEAKING | {"UI", "DA", "DT", "OB", "OW"}
    allowed = {*_codes(profile, row).values(), _basic(row).action.value}
    if rule.action is Action.DUMMY:
        return sequence and not allowed & {"D", "U", "C", "K"}
    return not allowed & ({"K"} if rule.action is Action.KEEP else {"K", "C", "U"} if sequence else {"K", "C"})


def _overrides(profile: Profile) -> Iterator[tuple[int, Rule]]:
    for file in profile.attribute_tables:
        for bucket, tags in document(file).items():
            for match in filter(None, map(_BUCKET.fullmatch, tags)):
                if bucket in _BUCKETS and match[1] not in ("0000", "0002", "0004"):
                    yield int(match[1] + match[2], 16), Rule(_BUCKETS[bucket], f"MIDI-B attribute actions, {bucket}")
