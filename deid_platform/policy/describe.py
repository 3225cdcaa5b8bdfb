"""What profiles and options do, in words: for ``deid explain`` and for the tables of docs/policies.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from deid_platform.policy.heads import HeadOptions
from deid_platform.policy.listed import table_rows
from deid_platform.policy.options import Option
from deid_platform.policy.policy import Policy, load_policy
from deid_platform.policy.profile import Profile, load_profile, packaged
from deid_platform.policy.rule import SAFEST, settle

DATES = {
    "remove": "removed, or emptied where the Type demands the attribute",
    "shift": "moved back by 1 to 365 days, one number per subject; intervals and times of day stay",
    "year": "moved to the 1st of January of their year; times of day stay, years that tell of an age over 89 go",
    "keep": "kept; the date of birth goes",
}
"""What becomes of dates, by :attr:`Policy.dates`."""

EFFECTS = {
    Option.CLEAN_GRAPHICS: "annotations keep their shapes, their texts go; overlays of regions stay and are read "
                           "before release, other overlays and curves go",
    Option.CLEAN_STRUCTURED_CONTENT: "content items stay or go by concept (Table E.3.4-1), what stays is cleaned",
    Option.CLEAN_DESCRIPTORS: "descriptions and comments stay, identifiers are taken out word by word; bytes go",
    Option.RETAIN_FULL_DATES: "dates and times stay as they are; the date of birth goes, also from texts",
    Option.RETAIN_MODIFIED_DATES: "dates move by a number of days of the subject, or to their year (`dates`), also in "
                                  "texts and private elements; times of day stay",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "sex, age (at most 090Y), size, weight and the like stay; what is free text "
                                           "is cleaned",
    Option.RETAIN_DEVICE_IDENTITY: "names, numbers, UIDs and calibrations of devices stay; application entities if "
                                   "nothing in them may name a place",
    Option.RETAIN_UIDS: "all UIDs stay, in texts too; nothing goes to the crosswalk",
    Option.RETAIN_SAFE_PRIVATE: "private elements that a table or the profile vouches for stay, cleaned; the sender's "
                                "(0008,0300) only makes stricter",
    Option.RETAIN_INSTITUTION_IDENTITY: "institution, department, address and site stay, also in texts",
}  # fmt: skip
"""What this platform does for an option."""

_NONE = "–"


def private_words(policy: Policy, profile: Profile) -> str:
    """What becomes of private elements."""
    if Option.RETAIN_SAFE_PRIVATE not in policy.options:
        return "removed"
    tables = len(profile.private_tables)
    words = [f"kept where one of {tables} tables vouches for them" if tables else "kept where the profile says so"]
    words += [f"vendor headers cleaned: {', '.join(profile.vendor_headers)}"] if profile.vendor_headers else []
    return "; ".join(words)


def text_words(policy: Policy) -> str:
    """What becomes of free text."""
    if Option.CLEAN_DESCRIPTORS in policy.options:
        return "cleaned: identifiers go, the clinical rest stays"
    return "removed where Table E.1-1 lists them, else cleaned"


def pixel_words(policy: Policy) -> str:
    """What becomes of text in pixels, and how that is proven."""
    options = policy.pixels
    text = "text is masked, harmless marks stay" if options.keeps_marks else "all text is masked"
    rest = "" if options.proof == "all" else f", of routine slices a sample of {options.sample}"
    return f"{text}; {'results at risk' if rest else 'all results'} are read by Tesseract{rest}"


def head_words(policy: Policy) -> str:
    """What becomes of heads; the sites for which something else holds are named."""
    words = [_of_heads(policy.heads.general)]
    words += [f"{site}: {_of_heads(own)}" for site, own in sorted(policy.heads.sites.items())]
    return "; ".join(words)


def _of_heads(options: HeadOptions) -> str:
    if options.faces == "keep":
        return "not looked for"
    if options.faces == "quarantine":
        return "images that show a face are held back"
    what = "all but the brain" if options.strips else f"faces{' and ears' if options.ears == 'remove' else ''}"
    return f"{what} removed, filled with {options.fill}, and proven gone"


def slide_words(policy: Policy) -> str:
    """What becomes of labels of whole-slide images."""
    return "labels and macros removed" + (", a new label shows the pseudonym" if policy.slides.draws_label else "")


def by_type(code: str) -> str:
    """What a compound code means for each Type: ``Type 1 D, Type 2 Z, Type 3 X, unknown D``."""
    types = ", ".join(f"Type {kind} {settle(code, kind)}" for kind in "123")
    return f"{types}, unknown {SAFEST[code]}"


def options_table() -> str:
    """Markdown: every option of Annex E, its cells in Table E.1-1, what is done, and which profiles choose it."""
    profiles = [load_policy(name) for name in packaged()]
    header = ["option", "code", "cells", "what is done", *(f"`{policy.name}`" for policy in profiles)]
    return _table(header, (
        [
            f"`{option.label}`", option.code, _cells(option),
            EFFECTS[option],
            *("yes" if option in policy.options else "" for policy in profiles),
        ]
        for option in sorted(Option, key=lambda one: one.code)
    ))  # fmt: skip


def profiles_table() -> str:
    """Markdown: every packaged profile with its dates, texts, private elements, and how many attributes get what."""
    header = ["profile", "dates", "texts", "private elements", "D", "Z", "X", "K", "C", "U"]
    rows = []
    for name in packaged():
        policy = load_policy(name)
        counts = Counter(rule.action.value for _, rule in policy.listed())
        words = [DATES[policy.dates], text_words(policy), private_words(policy, load_profile(name))]
        rows.append([f"`{name}`", *words, *(str(counts[code]) for code in "DZXKCU")])
    return _table(header, rows)


@cache
def _counted() -> dict[Option, Counter[str]]:
    return {option: Counter(row[option.column] for row in table_rows()) for option in Option}


def _cells(option: Option) -> str:
    counts = _counted()[option]
    return ", ".join(f"{code} {counts[code]}" for code in "KC" if counts[code]) or _NONE


def _table(header: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
