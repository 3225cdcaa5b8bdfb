"""What a profile says about heads: whether faces go, and what else.

    [heads]
    faces = "keep"      # or "remove"; "quarantine" holds back what shows one
    skull = "keep"      # or "strip": nothing but the brain stays
    ears = "remove"     # or "keep"
    fill = "air"        # or "noise": what takes the place of what goes

    [heads.sites.north]     # what differs for one site
    skull = "strip"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from deid_platform.policy.reading import ProfileText, choices

CHOICES: dict[str, tuple[str, ...]] = {
    "faces": ("keep", "remove", "quarantine"),
    "skull": ("keep", "strip"),
    "ears": ("remove", "keep"),
    "fill": ("air", "noise"),
}
"""What each key may be; the first is what holds where a profile is silent."""
_SITES = "sites"


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """What happens to heads."""

    faces: str = CHOICES["faces"][0]
    skull: str = CHOICES["skull"][0]
    ears: str = CHOICES["ears"][0]
    fill: str = CHOICES["fill"][0]

    @property
    def looks(self) -> bool:
        """Whether heads are looked for at all."""
        return self.faces != "keep"

    @property
    def strips(self) -> bool:
        """Whether nothing but the brain stays."""
        return self.skull == "strip"


@dataclass(frozen=True, slots=True)
class HeadPolicy:
    """The table ``[heads]`` of a profile: what holds everywhere, and what differs by site."""

    general: HeadOptions = HeadOptions()
    sites: Mapping[str, HeadOptions] = field(default_factory=dict)

    def at(self, site: str) -> HeadOptions:
        """What holds for a site."""
        return self.sites.get(site, self.general)

    @property
    def looks(self) -> bool:
        """Whether heads are looked for at any site."""
        return any(options.looks for options in (self.general, *self.sites.values()))

    @property
    def removes(self) -> bool:
        """Whether faces go at any site."""
        return any(options.faces == "remove" for options in (self.general, *self.sites.values()))

    def canonical(self) -> dict[str, Any]:
        """Plain values, for a digest."""
        return {**asdict(self.general), _SITES: {name: asdict(one) for name, one in sorted(self.sites.items())}}


def head_policy(text: ProfileText, data: dict[str, Any]) -> HeadPolicy:
    """The options ``data`` holds, with positions from ``text``. Raises PolicyError for what is not understood."""
    sites = data.get(_SITES, {})
    if not isinstance(sites, dict):
        raise text.error(("heads", _SITES), "must be a table of sites, as in [heads.sites.north].")
    general = _options(text, ("heads",), {key: value for key, value in data.items() if key != _SITES}, HeadOptions())
    return HeadPolicy(general, {name: _of_site(text, name, own, general) for name, own in sites.items()})


def _of_site(text: ProfileText, name: str, own: Any, general: HeadOptions) -> HeadOptions:
    if not isinstance(own, dict):
        raise text.error(("heads", _SITES, name), "must be a table, as in [heads.sites.north].")
    return _options(text, ("heads", _SITES, name), own, general)


def _options(text: ProfileText, path: tuple[str, ...], data: dict[str, Any], start: HeadOptions) -> HeadOptions:
    known = [one.name for one in fields(HeadOptions)]
    for name, value in data.items():
        if name not in known:
            raise text.error((*path, name), f"unknown key {name!r}: {choices(name, known)}")
        if value not in CHOICES[name]:
            raise text.error((*path, name), f"{value!r} is none of the choices: {choices(value, CHOICES[name])}")
    options = replace(start, **data)
    if options.strips and options.faces == "keep":
        raise text.error((*path, "skull"), 'skull = "strip" takes the face out, too: set faces = "remove".')
    return options
