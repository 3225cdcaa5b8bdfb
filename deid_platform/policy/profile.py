"""A profile as people write it: a TOML file naming options and, where tables disagree, who wins.

    name = "tcia"
    edition = "2026c"
    about = "..."
    options = ["clean_descriptors", ...]
    attribute_tables = ["tcia/midi_b_attribute_actions.json"]   # asked where the chosen options are silent
    private_tables = ["tcia/private_tag_kb_2024-02-01.csv"]     # needs retain_safe_private

    [[resolve]]                                                  # two options that disagree on an attribute
    options = ["retain_device_identity", "retain_modified_dates"]
    winner = "retain_modified_dates"
    why = "..."
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from deid_platform.errors import PolicyError
from deid_platform.policy.options import BY_LABEL, UNAVAILABLE, Option

EDITION = "2026c"
_KEYS = {"name", "edition", "about", "options", "attribute_tables", "private_tables", "resolve"}
_RESOLVE_KEYS = {"options", "winner", "why"}


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
    attribute_tables: tuple[str, ...] = ()
    private_tables: tuple[str, ...] = ()
    resolutions: tuple[Resolution, ...] = ()


def packaged() -> list[str]:
    """Names of the profiles that come with the platform."""
    folder = resources.files("deid_platform.policy").joinpath("profiles")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_profile(name: str) -> Profile:
    """Read a packaged profile by name, or a site's own by the path of its ``.toml`` file.

    Raises
    ------
    PolicyError
        There is no such profile, or it says something this engine does not understand.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise PolicyError(f"There is no profile file {path.name}.")
        text = path.read_text("utf-8")
    elif name in packaged():
        text = resources.files("deid_platform.policy").joinpath("profiles", f"{name}.toml").read_text("utf-8")
    else:
        raise PolicyError(f"There is no profile {name!r}: choose one of {', '.join(packaged())}, or give a .toml file.")
    try:
        return _check(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"Profile {name}: not valid TOML, {error}.") from None
    except PolicyError as error:
        raise PolicyError(f"Profile {name}: {error}") from None


def _check(data: dict[str, Any]) -> Profile:
    _refuse_unknown(data, _KEYS, "profile")
    for key in ("name", "edition", "options"):
        if key not in data:
            raise PolicyError(f"the key {key!r} is missing.")
    if data["edition"] != EDITION:
        raise PolicyError(f"edition {data['edition']!r} is not the one of the tables here, {EDITION!r}.")
    return Profile(
        name=str(data["name"]),
        edition=data["edition"],
        about=str(data.get("about", "")).strip(),
        options=tuple(_option(label) for label in data["options"]),
        attribute_tables=tuple(data.get("attribute_tables", ())),
        private_tables=tuple(data.get("private_tables", ())),
        resolutions=tuple(_resolution(entry) for entry in data.get("resolve", ())),
    )


def _resolution(entry: dict[str, Any]) -> Resolution:
    _refuse_unknown(entry, _RESOLVE_KEYS, "[[resolve]]")
    if missing := sorted(_RESOLVE_KEYS - set(entry)):
        raise PolicyError(f"[[resolve]] lacks the key {missing[0]!r}.")
    options = frozenset(_option(label) for label in entry["options"])
    winner = _option(entry["winner"])
    if len(options) != 2 or winner not in options:
        raise PolicyError("[[resolve]] names two options, one of them the winner.")
    return Resolution(options, winner, str(entry["why"]))


def _option(label: object) -> Option:
    option = BY_LABEL.get(str(label))
    if option is None:
        raise PolicyError(f"unknown option {label!r}: known are {', '.join(sorted(BY_LABEL))}.")
    if option in UNAVAILABLE:
        raise PolicyError(f"option {label!r} is not available in this version.")
    return option


def _refuse_unknown(data: dict[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(data) - known):
        raise PolicyError(f"unknown key {unknown[0]!r} in the {where}: known are {', '.join(sorted(known))}.")
