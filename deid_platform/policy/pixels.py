"""What a profile says about pixels: which text goes, and how the result is proven clean.

    [pixels]
    text = "mask_all"               # or "keep_marks": side marks, projections and scales stay where read with certainty
    proof = "risk"                  # or "all": which results the gate has read by Tesseract
    sample = 60                     # images of a batch that are read although nothing speaks for text in them
    match_identifiers = "sample"    # or "all", "none": whether masked text is compared with the subject's identifiers
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from deid_platform.policy.reading import ProfileText, choices

CHOICES: dict[str, tuple[str, ...]] = {
    "text": ("mask_all", "keep_marks"),
    "proof": ("risk", "all"),
    "match_identifiers": ("sample", "all", "none"),
}
"""What each key may be; the first is what holds where a profile is silent."""
SAMPLE = 60
"""Of so many images without text 95 % confidence is that under 5 % of the others have any."""
MAX_SAMPLE = 100_000


@dataclass(frozen=True, slots=True)
class PixelOptions:
    """The table ``[pixels]`` of a profile."""

    text: str = CHOICES["text"][0]
    proof: str = CHOICES["proof"][0]
    match_identifiers: str = CHOICES["match_identifiers"][0]
    sample: int = SAMPLE

    @property
    def keeps_marks(self) -> bool:
        """Whether what is read with certainty as a harmless mark stays."""
        return self.text == "keep_marks"

    def canonical(self) -> dict[str, str | int]:
        """Plain values, for a digest."""
        return asdict(self)


def pixel_options(text: ProfileText, data: dict[str, Any]) -> PixelOptions:
    """The options ``data`` holds, with positions from ``text``. Raises PolicyError for what is not understood."""
    for name, value in data.items():
        known = [*CHOICES, "sample"]
        if name not in known:
            raise text.error(("pixels", name), f"unknown key {name!r}: {choices(name, known)}")
        if name in CHOICES and value not in CHOICES[name]:
            raise text.error(("pixels", name), f"{value!r} is none of the choices: {choices(value, CHOICES[name])}")
    sample = data.get("sample", SAMPLE)
    if type(sample) is not int or not 0 <= sample <= MAX_SAMPLE:
        raise text.error(("pixels", "sample"), f"must be a whole number from 0 to {MAX_SAMPLE}.")
    return PixelOptions(**data)
