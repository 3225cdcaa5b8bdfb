"""What a profile says about whole-slide images.

    [slides]
    label = "remove"    # or "pseudonym": where a label went, one with the pseudonym of the subject is drawn
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from deid_platform.policy.reading import ProfileText, choices

CHOICES: dict[str, tuple[str, ...]] = {"label": ("remove", "pseudonym")}
"""What each key may be; the first is what holds where a profile is silent."""


@dataclass(frozen=True, slots=True)
class SlideOptions:
    """The table ``[slides]`` of a profile."""

    label: str = CHOICES["label"][0]

    @property
    def draws_label(self) -> bool:
        """Whether a new label takes the place of the old one."""
        return self.label == "pseudonym"

    def canonical(self) -> dict[str, str]:
        """Plain values, for a digest."""
        return asdict(self)


def slide_options(text: ProfileText, data: dict[str, Any]) -> SlideOptions:
    """The options ``data`` holds, with positions from ``text``. Raises PolicyError for what is not understood."""
    for name, value in data.items():
        if name not in CHOICES:
            raise text.error(("slides", name), f"unknown key {name!r}: {choices(name, list(CHOICES))}")
        if value not in CHOICES[name]:
            raise text.error(("slides", name), f"{value!r} is none of the choices: {choices(value, CHOICES[name])}")
    return SlideOptions(**data)
