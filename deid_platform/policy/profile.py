"""A profile as people write it: a TOML file naming options and, where tables disagree, who wins.

    name = "our-research"
    base = "tcia"                                                # what is not said here is as there
    edition = "2026c"
    about = "..."
    options = ["clean_descriptors", ...]
    dates = "shift"                                              # or "year"; needs retain_modified_dates
    attribute_tables = ["tcia/midi_b_attribute_actions.json"]   # asked where the chosen options are silent
    private_tables = ["tcia/private_tag_kb_2024-02-01.csv"]     # needs retain_safe_private
    vendor_headers = ["siemens_csa"]                             # kept, cleaned from the inside; the same option

    [pixels]                                                     # see deid_platform.policy.pixels
    [heads]                                                      # see deid_platform.policy.heads
    [slides]                                                     # see deid_platform.policy.slides
    text = "keep_marks"

    [[resolve]]                                                  # two options that disagree on an attribute
    options = ["retain_device_identity", "retain_modified_dates"]
    winner = "retain_modified_dates"
    why = "..."

    [[attribute]]                                                # one attribute, whatever the tables say
    tag = "StationName"
    action = "X"
    why = "..."

    [[private]]                                                  # one private element; needs retain_safe_private
    signature = "0019,SIEMENS MR HEADER,0c"
    action = "C"
    why = "..."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from deid_platform.errors import PolicyError
from deid_platform.policy.headers import known_headers
from deid_platform.policy.heads import HeadPolicy, head_policy
from deid_platform.policy.options import BY_LABEL, Option
from deid_platform.policy.pixels import PixelOptions, pixel_options
from deid_platform.policy.reading import Key, ProfileText, choices, read
from deid_platform.policy.site_rules import AttributeRule, PrivateRule, attribute_rule, private_rule
from deid_platform.policy.slides import SlideOptions, slide_options

EDITION = "2026c"
_TYPES: dict[str, type] = {
    "name": str, "base": str, "edition": str, "about": str, "dates": str, "options": list, "attribute_tables": list,
    "private_tables": list, "vendor_headers": list, "pixels": dict, "heads": dict, "slides": dict, "resolve": list,
    "attribute": list, "private": list,
}  # fmt: skip
_CALLED: dict[type, str] = {str: "text", list: "list", dict: "table"}
_REQUIRED = ("name", "edition", "options")
_ADDED = ("resolve", "attribute", "private")
_RESOLVE_KEYS = ("options", "winner", "why")
_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-_"
MAX_NAME = 20
"""Characters of a name, which is part of De-identification Method (0012,0063)."""
MODIFIED = ("shift", "year")
"""How dates may be modified: moved by days of the subject, or to the first day of their year."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Which of two options wins on the attributes where their columns differ, and why."""

    options: frozenset[Option]
    winner: Option
    why: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile file."""

    name: str
    edition: str
    about: str
    options: tuple[Option, ...]
    dates: str = "shift"
    attribute_tables: tuple[str, ...] = ()
    private_tables: tuple[str, ...] = ()
    vendor_headers: tuple[str, ...] = ()
    pixels: PixelOptions = field(default_factory=PixelOptions)
    heads: HeadPolicy = field(default_factory=HeadPolicy)
    slides: SlideOptions = field(default_factory=SlideOptions)
    resolutions: tuple[Resolution, ...] = ()
    attributes: tuple[AttributeRule, ...] = ()
    privates: tuple[PrivateRule, ...] = ()
    text: ProfileText = field(default=ProfileText("", "", {}), compare=False, repr=False)


def packaged() -> list[str]:
    """Names of the profiles that come with the platform."""
    folder = resources.files("deid_platform.policy").joinpath("profiles")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_profile(name: str) -> Profile:
    """Read a packaged profile by name, or a site's own by the path of its ``.toml`` file.

    Raises
    ------
    PolicyError
        There is no such profile, or it says something this engine does not understand: with file, line and key.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise PolicyError(f"There is no profile file {path.name}.")
        return _check(read(path.name, path.read_text("utf-8")))
    return _check(_packaged(name))


def _packaged(name: str) -> ProfileText:
    if name not in packaged():
        known = ", ".join(packaged())
        raise PolicyError(f"There is no profile {name!r}: choose one of {known}, or give a .toml file.")
    file = resources.files("deid_platform.policy").joinpath("profiles", f"{name}.toml")
    return read(f"{name}.toml", file.read_text("utf-8"))


def _check(text: ProfileText) -> Profile:
    _refuse_unknown(text, (), _TYPES)
    for key, kind in _TYPES.items():
        if not isinstance(text.data.get(key, kind()), kind):
            raise text.error((key,), f"must be a {_CALLED[kind]}.")
    data = _merged(text)
    if missing := [key for key in _REQUIRED if key not in (text.data if key == "name" else data)]:
        raise text.error((), f"the key {missing[0]!r} is missing.")
    if data["edition"] != EDITION:
        raise text.error(("edition",), f"{data['edition']!r} is not the edition of the tables here, {EDITION!r}.")
    return Profile(
        name=_name(text),
        edition=EDITION,
        about=data.get("about", "").strip(),
        options=tuple(_option(text, ("options", n), label) for n, label in enumerate(data["options"])),
        dates=_dates(text, data),
        attribute_tables=tuple(map(str, data.get("attribute_tables", ()))),
        private_tables=tuple(map(str, data.get("private_tables", ()))),
        vendor_headers=tuple(_header(text, n, name) for n, name in enumerate(data.get("vendor_headers", ()))),
        pixels=pixel_options(text, data.get("pixels", {})),
        heads=head_policy(text, data.get("heads", {})),
        slides=slide_options(text, data.get("slides", {})),
        resolutions=tuple(_resolution(*entry) for entry in _entries(text, "resolve")),
        attributes=tuple(attribute_rule(*entry) for entry in _entries(text, "attribute")),
        privates=tuple(private_rule(*entry) for entry in _entries(text, "private")),
        text=text,
    )


def _header(text: ProfileText, number: int, name: object) -> str:
    if name not in known_headers():
        raise text.error(("vendor_headers", number), f"no such header {name!r}: {choices(name, known_headers())}")
    return str(name)


def _merged(text: ProfileText) -> dict[str, Any]:
    """What the file says, and of what it does not say what its base says."""
    base = text.data.get("base")
    if base is None:
        return text.data
    if base not in packaged():
        raise text.error(("base",), f"there is no profile {base!r}: {choices(base, packaged())}")
    below = _packaged(base).data
    tables = ("pixels", "heads", "slides")
    return below | text.data | {key: below.get(key, {}) | text.data.get(key, {}) for key in tables}


def _entries(text: ProfileText, kind: str) -> list[tuple[ProfileText, Key, dict[str, Any]]]:
    """The tables ``[[kind]]`` of a file after those of its base, each with the file and the key it is from."""
    base = text.data.get("base")
    texts = [text] if base is None else [_packaged(base), text]
    found: list[tuple[ProfileText, Key, dict[str, Any]]] = []
    for one in texts:
        for number, entry in enumerate(one.data.get(kind, ())):
            if not isinstance(entry, dict):
                raise one.error((kind, number), f"must be a table: write [[{kind}]] and its keys below.")
            found.append((one, (kind, number), entry))
    return found


def _name(text: ProfileText) -> str:
    name: str = text.data.get("name", "")
    if not 0 < len(name) <= MAX_NAME or set(name) - set(_NAME):
        raise text.error(("name",), f"use lower-case letters, digits, '-' and '_', at most {MAX_NAME}.")
    return name


def _dates(text: ProfileText, data: dict[str, Any]) -> str:
    dates: str = data.get("dates", MODIFIED[0])
    if dates not in MODIFIED:
        raise text.error(("dates",), f"unknown way {dates!r} with dates: {choices(dates, MODIFIED)}")
    if "dates" in data and Option.RETAIN_MODIFIED_DATES.label not in data["options"]:
        raise text.error(("dates",), "needs the option 'retain_modified_dates'.")
    return dates


def _resolution(text: ProfileText, key: Key, entry: dict[str, Any]) -> Resolution:
    _refuse_unknown(text, key, _RESOLVE_KEYS)
    if missing := [name for name in _RESOLVE_KEYS if name not in entry]:
        raise text.error(key, f"lacks the key {missing[0]!r}.")
    options = frozenset(_option(text, (*key, "options", n), label) for n, label in enumerate(entry["options"]))
    winner = _option(text, (*key, "winner"), entry["winner"])
    if len(options) != 2 or winner not in options:
        raise text.error((*key, "winner"), "two options are to be named, one of them the winner.")
    return Resolution(options, winner, str(entry["why"]))


def _option(text: ProfileText, key: Key, label: object) -> Option:
    option = BY_LABEL.get(str(label))
    if option is None:
        raise text.error(key, f"unknown option {label!r}: {choices(label, BY_LABEL)}")
    return option


def _refuse_unknown(text: ProfileText, key: Key, known: Sequence[str] | dict[str, type]) -> None:
    data: Any = text.data
    for part in key:
        data = data[part]
    for name in data:
        if name not in known:
            raise text.error((*key, name), f"unknown key {name!r}: {choices(name, known)}")
