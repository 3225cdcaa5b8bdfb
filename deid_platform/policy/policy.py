"""A policy: one answer for every attribute there is, listed or not.

Who answers, first to last: a rule of the profile for this attribute; the column of a chosen option in Table E.1-1; an
attribute table the profile names; the Basic Profile column; for an attribute no table lists, its VR. What even the
dictionary does not know is removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Literal

from deid_platform.dictionary import public_vr
from deid_platform.errors import PolicyError
from deid_platform.policy.content import Concept, content_rules
from deid_platform.policy.headers import header_forms
from deid_platform.policy.heads import HeadPolicy
from deid_platform.policy.iod import Iod, iod_of
from deid_platform.policy.listed import TABLE, listed_attributes
from deid_platform.policy.options import BASIC_PROFILE_CODE, CLEAN_FACES_CODE, Option
from deid_platform.policy.pixels import PixelOptions
from deid_platform.policy.private import PrivateRules, load_private_rules
from deid_platform.policy.profile import Profile, load_profile
from deid_platform.policy.rule import Action, Rule, settle
from deid_platform.policy.slides import SlideOptions
from deid_platform.policy.tables import rows, tables_digest

Dates = Literal["remove", "shift", "year", "keep"]
_UNKNOWN = Rule(Action.REMOVE, "not in the DICOM data dictionary")
_MISPLACED = Rule(Action.REMOVE, "PS3.15 2026c E.1.1: command, meta and directory elements do not belong in a data set")
_UNLISTED_DATES = {"remove": Action.EMPTY, "shift": Action.CLEAN, "year": Action.CLEAN, "keep": Action.KEEP}
_PRIVATE = Rule(Action.REMOVE, f"{TABLE}, Private Attributes, Basic Prof.")


@dataclass(frozen=True, slots=True)
class Policy:
    """Immutable, cheap to send to workers (pickled by reference), equal when the digests are equal."""

    name: str
    edition: str
    about: str
    options: frozenset[Option]
    dates: Dates
    digest: str
    reference: str = field(compare=False)
    pixels: PixelOptions = field(compare=False)
    heads: HeadPolicy = field(compare=False)
    slides: SlideOptions = field(compare=False)
    _listed: Mapping[int, Rule] = field(repr=False, compare=False)
    _families: Mapping[int, Rule] = field(repr=False, compare=False)
    _private: PrivateRules | None = field(repr=False, compare=False)
    _own: frozenset[int] = field(repr=False, compare=False)
    _accepts_risk: bool = field(repr=False, compare=False)
    _headers: Mapping[str, str] = field(repr=False, compare=False, default_factory=dict)
    _content: Mapping[Concept, Rule] | None = field(repr=False, compare=False, default=None)

    def __reduce__(self) -> tuple[Callable[[str, str], Policy], tuple[str, str]]:
        return _reload, (self.reference, self.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        """Code and meaning (CID 7050) of the profile and options an object satisfies that this policy was applied to.

        None when a rule keeps what the Basic Profile and the chosen options do not allow to be kept.
        """
        lost = {"keep": Option.RETAIN_MODIFIED_DATES}.get(self.dates, Option.RETAIN_FULL_DATES)
        options = sorted((option.code, option.meaning) for option in self.options if option is not lost)
        return () if self._accepts_risk else (BASIC_PROFILE_CODE, *options)

    @property
    def claims_of_faces(self) -> tuple[tuple[str, str], ...]:
        """What an object claims as well once a face was removed from it: nothing where faces stay."""
        return (CLEAN_FACES_CODE,) if self.claims and self.heads.removes else ()

    def vouches_for(self, tag: int, vr: str) -> bool:
        """Whether an identifying attribute is kept on purpose, so that what it says is no identifier elsewhere."""
        on_purpose = Option.RETAIN_INSTITUTION_IDENTITY in self.options or tag in self._own
        return on_purpose and self.rule(tag, vr).action is Action.KEEP

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

    def content_rule(self, scheme: str, code: str, value_type: str) -> Rule | None:
        """What happens to a content item by its concept; None where its elements alone decide."""
        return self._content.get((scheme, code, value_type)) if self._content else None

    def vendor_header(self, step: str) -> str | None:
        """The form of a vendor header that stays cleaned, by the last step of its signature; None where it goes."""
        return self._headers.get(step)

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
    if bool(profile.private_tables or profile.privates) != wants_private:
        key = ("options",) if wants_private else ("private_tables",) if profile.private_tables else ("private",)
        raise profile.text.error(key, "private_tables or [[private]] and the option retain_safe_private go together.")
    if profile.vendor_headers and not wants_private:
        raise profile.text.error(("vendor_headers",), "needs the option retain_safe_private.")
    listed, families, accepts_risk = listed_attributes(profile)
    return Policy(
        name=profile.name,
        edition=profile.edition,
        about=profile.about,
        options=frozenset(profile.options),
        dates=_dates(profile),
        digest=_digest(profile),
        reference=reference,
        pixels=profile.pixels,
        heads=profile.heads,
        slides=profile.slides,
        _listed=listed,
        _families=families,
        _private=load_private_rules(profile.private_tables, profile.privates) if wants_private else None,
        _own=frozenset(rule.tag for rule in profile.attributes),
        _accepts_risk=accepts_risk,
        _headers=header_forms(profile.vendor_headers),
        _content=content_rules(profile.options),
    )


def _dates(profile: Profile) -> Dates:
    """What becomes of dates; where both options on dates are chosen, the one that wins."""
    full, modified = Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES
    chosen = {option for option in (full, modified) if option in profile.options}
    for resolution in profile.resolutions:
        if resolution.options == chosen == {full, modified}:
            chosen = {resolution.winner}
    if full in chosen:
        return "keep"
    if modified not in chosen:
        return "remove"
    return "year" if profile.dates == "year" else "shift"


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
        "dates": profile.dates,
        "attribute_tables": profile.attribute_tables,
        "private_tables": profile.private_tables,
        "vendor_headers": profile.vendor_headers,
        "pixels": profile.pixels.canonical(),
        "heads": profile.heads.canonical(),
        "slides": profile.slides.canonical(),
        "resolutions": sorted((sorted(o.label for o in r.options), r.winner.label) for r in profile.resolutions),
        "attributes": sorted((rule.tag, rule.action, rule.why) for rule in profile.attributes),
        "privates": [(rule.signature, rule.vr, rule.action, rule.why) for rule in profile.privates],
        "tables": tables_digest(),
    }
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()


@cache
def _by_vr() -> dict[str, Rule]:
    return {row["vr"]: Rule(Action(row["action"]), f"unlisted {row['vr']}: {row['why']}")
            for row in rows("dicom/unlisted.csv")}


@cache
def _bulk() -> dict[int, Rule]:
    return {int(row["tag"], 16): Rule(Action.KEEP, f"binary data: {row['why']}") for row in rows("dicom/bulk.csv")}


@cache
def _removed() -> dict[int, Rule]:
    return {int(row["tag"], 16): Rule(Action.REMOVE, f"removed: {row['why']}") for row in rows("dicom/removed.csv")}


@cache
def _unlisted(tag: int, vr: str, dates: Dates) -> Rule:
    if tag in _removed():
        return _removed()[tag]
    if tag in _bulk() and (vr.startswith("O") or vr == "UN"):
        return _bulk()[tag]
    rule = _by_vr().get(vr, _UNKNOWN)
    if vr in ("DA", "DT", "TM"):
        return Rule(_UNLISTED_DATES[dates], rule.source)
    return rule
