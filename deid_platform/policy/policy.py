"""A policy: one answer for every attribute there is, listed or not.

Who answers, first to last: the column of a chosen option in Table E.1-1; an attribute table the profile names; the
Basic Profile column; for an attribute no table lists, its VR. What even the dictionary does not know is removed.
PS3.15 sets no order among options, so two chosen options that disagree on an attribute are refused unless the
profile names the winner.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Literal

from deid_platform.dictionary import public_vr
from deid_platform.errors import PolicyError
from deid_platform.policy.iod import Iod, iod_of
from deid_platform.policy.options import Option
from deid_platform.policy.private import PrivateRules, load_private_rules
from deid_platform.policy.profile import Profile, load_profile
from deid_platform.policy.rule import SAFEST, Action, Rule, parse_action, settle
from deid_platform.policy.tables import document, rows, tables_digest

Dates = Literal["remove", "shift", "keep"]
_TABLE = "PS3.15 2026c Table E.1-1"
_CONCRETE = re.compile(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)", re.IGNORECASE)
_BUCKET = re.compile(r"\(0x([0-9A-F]{4}), 0x([0-9A-F]{4})\)", re.IGNORECASE)
_BUCKETS = {
    "remove": Action.REMOVE, "hashuid": Action.UID, "incrementdate": Action.CLEAN, "time": Action.CLEAN,
    "empty": Action.EMPTY, "keep": Action.CLEAN, "process": Action.CLEAN, "lookup": Action.DUMMY,
    "replace": Action.DUMMY, "hashname": Action.DUMMY,
}  # fmt: skip
_FAMILIES = {0x50: "Curve Data", 0x60: "Overlay Data"}
_UNKNOWN = Rule(Action.REMOVE, "not in the DICOM data dictionary")
_MISPLACED = Rule(Action.REMOVE, "PS3.15 2026c E.1.1: command, meta and directory elements do not belong in a data set")
_PRIVATE = Rule(Action.REMOVE, f"{_TABLE}, Private Attributes, Basic Prof.")


@dataclass(frozen=True, slots=True)
class Policy:
    """Immutable, cheap to send to workers (pickled by reference), equal when the digests are equal."""

    name: str
    edition: str
    about: str
    options: frozenset[Option]
    digest: str
    reference: str = field(compare=False)
    _listed: Mapping[int, Rule] = field(repr=False, compare=False)
    _families: Mapping[int, Rule] = field(repr=False, compare=False)
    _private: PrivateRules | None = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[[str, str], Policy], tuple[str, str]]:
        return _reload, (self.reference, self.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def dates(self) -> Dates:
        """What becomes of dates no table lists."""
        if Option.RETAIN_FULL_DATES in self.options:
            return "keep"
        return "shift" if Option.RETAIN_MODIFIED_DATES in self.options else "remove"

    def of(self, sop_class: str) -> ObjectRules:
        """The same policy for objects of one SOP class: ask for it once per object."""
        return _object_rules(self, sop_class)

    def rule(self, tag: int, vr: str) -> Rule:
        """What happens to a public attribute met with this VR in an object nothing is known of."""
        group = tag >> 16
        if group in (0x0000, 0x0002, 0x0004):
            return _MISPLACED
        listed = self._listed.get(tag)
        if listed is not None:
            return listed
        family = self._families.get(group >> 8)
        if family is not None:
            return family
        return _unlisted(tag, vr, self.dates) if public_vr(tag) else _UNKNOWN

    def private_rule(self, signature: str, vr: str) -> Rule:
        """What happens to a private element, by its nested signature (see :mod:`deid_platform.policy.private`)."""
        if vr == "UN":
            vr = self.private_vr(signature) or vr
        return (self._private and self._private.rule(signature, vr)) or _PRIVATE

    def private_vr(self, signature: str) -> str | None:
        """The VR the tables know for a private element whose file does not tell it."""
        return self._private.vr(signature) if self._private else None

    def listed(self) -> Iterator[tuple[int, Rule]]:
        """All attributes some table lists, ordered by tag."""
        return iter(sorted(self._listed.items()))


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """A policy for objects of one SOP class, which settles compound codes by the Type of the attribute."""

    policy: Policy
    iod: Iod | None = field(compare=False)

    def rule(self, tag: int, vr: str, path: str = "") -> Rule:
        """What happens to a public attribute met with this VR under ``path``, the sequences around it.

        An attribute the IOD does not define at its top gets the first action of its code, as PS3.15 2026c E.1 allows
        to remove it. Inside sequences the table may be older than the object, so there, as in an unknown IOD, the
        action counts that is valid for every Type.
        """
        rule = self.policy.rule(tag, vr)
        if not rule.code or self.iod is None:
            return rule
        kind = self.iod.types.get((path, tag))
        return rule if kind is None and path else _settled(rule, self.iod.name, kind)


@lru_cache(maxsize=256)
def _object_rules(policy: Policy, sop_class: str) -> ObjectRules:
    return ObjectRules(policy, iod_of(sop_class))


@lru_cache(maxsize=4096)
def _settled(rule: Rule, iod: str, kind: str | None) -> Rule:
    where = f"Type {kind} in {iod}" if kind else f"not defined in {iod}"
    return Rule(settle(rule.code, kind or "3"), f"{rule.source}, {rule.code}: {where}", rule.code)


@cache
def load_policy(reference: str) -> Policy:
    """The policy of a packaged profile, or of a site's own ``.toml`` file.

    Raises
    ------
    PolicyError
        The profile is unknown, malformed, or its options disagree.
    """
    profile = load_profile(reference)
    wants_private = Option.RETAIN_SAFE_PRIVATE in profile.options
    if bool(profile.private_tables) != wants_private:
        raise PolicyError(f"Profile {profile.name}: private_tables and the option retain_safe_private go together.")
    listed, families = _attributes(profile)
    return Policy(
        name=profile.name,
        edition=profile.edition,
        about=profile.about,
        options=frozenset(profile.options),
        digest=_digest(profile),
        reference=reference,
        _listed=listed,
        _families=families,
        _private=load_private_rules(profile.private_tables) if wants_private else None,
    )


def _reload(reference: str, digest: str) -> Policy:
    policy = load_policy(reference)
    if policy.digest != digest:
        raise PolicyError(f"Profile {policy.name} changed while a run was using it: run again.")
    return policy


def _digest(profile: Profile) -> str:
    canonical = {
        "name": profile.name,
        "edition": profile.edition,
        "options": sorted(option.label for option in profile.options),
        "attribute_tables": profile.attribute_tables,
        "private_tables": profile.private_tables,
        "resolutions": sorted((sorted(o.label for o in r.options), r.winner.label) for r in profile.resolutions),
        "tables": tables_digest(),
    }
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()


def _attributes(profile: Profile) -> tuple[dict[int, Rule], dict[int, Rule]]:
    listed: dict[int, Rule] = {}
    families: dict[int, Rule] = {}
    overrides = dict(_overrides(profile))
    for row in rows("ps315_2026c/table_E.1-1.csv"):
        chosen = _chosen(profile, row)
        match = _CONCRETE.match(row["Tag"])
        if match:
            tag = int(match[1] + match[2], 16)
            override = overrides.pop(tag, None)
            listed[tag] = chosen or (_valid(override, row) if override else _basic(row))
        else:
            rule = chosen or _basic(row)
            families.update({high: rule for high, name in _FAMILIES.items() if row["Attribute Name"] == name})
    return overrides | listed, families


def _basic(row: Mapping[str, str]) -> Rule:
    code = row["Basic Prof."]
    return Rule(parse_action(code), f"{_TABLE}, Basic Prof.", code if code in SAFEST else "")


def _valid(override: Rule, row: Mapping[str, str]) -> Rule:
    """A rule that removes or empties, where the table knows what else to do if the Type forbids that."""
    _, action, rest = row["Basic Prof."].partition(override.action.value)
    code = action + rest
    return Rule(override.action, override.source, code) if code in SAFEST else override


def _chosen(profile: Profile, row: Mapping[str, str]) -> Rule | None:
    """The rule of the chosen options for one row, None where they are silent."""
    cells = {option: row[option.column] for option in profile.options if row[option.column]}
    for resolution in profile.resolutions:
        if resolution.options <= cells.keys():
            cells = {o: code for o, code in cells.items() if o is resolution.winner or o not in resolution.options}
    if len(set(cells.values())) > 1:
        names = " and ".join(sorted(option.label for option in cells))
        raise PolicyError(f"Profile {profile.name}: {names} disagree on {row['Attribute Name']} {row['Tag']}; "
                          "drop one, or name the winner in a [[resolve]] block.")
    if not cells:
        return None
    option = min(cells, key=lambda one: one.label)
    return Rule(parse_action(cells[option]), f"{_TABLE}, {option.column}")


def _overrides(profile: Profile) -> Iterator[tuple[int, Rule]]:
    for file in profile.attribute_tables:
        for bucket, tags in document(file).items():
            for match in filter(None, map(_BUCKET.fullmatch, tags)):
                if bucket in _BUCKETS and match[1] not in ("0000", "0002", "0004"):
                    yield int(match[1] + match[2], 16), Rule(_BUCKETS[bucket], f"MIDI-B attribute actions, {bucket}")


@cache
def _by_vr() -> dict[str, Rule]:
    return {row["vr"]: Rule(Action(row["action"]), f"unlisted {row['vr']}: {row['why']}")
            for row in rows("dicom/unlisted.csv")}


@cache
def _bulk() -> dict[int, Rule]:
    return {int(row["tag"], 16): Rule(Action.KEEP, f"binary data: {row['why']}") for row in rows("dicom/bulk.csv")}


@cache
def _unlisted(tag: int, vr: str, dates: Dates) -> Rule:
    if tag in _bulk() and (vr.startswith("O") or vr == "UN"):
        return _bulk()[tag]
    rule = _by_vr().get(vr, _UNKNOWN)
    if vr in ("DA", "DT", "TM"):
        return Rule({"remove": Action.EMPTY, "shift": Action.CLEAN, "keep": Action.KEEP}[dates], rule.source)
    return rule
