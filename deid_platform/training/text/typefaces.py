"""The fonts of a folder, by the script they are good for, split into those to train with and those to measure with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont

HELD_OUT = (
    "LiberationMono", "DejaVuSansMono", "FreeMono", "RobotoCondensed", "3270", "NimbusSansNarrow", "NotoSerifCJK",
    "NotoKufiArabic", "Hack", "FreeSerif",
)  # fmt: skip
"""Families that no training image shows: what is measured with them says how unseen fonts fare."""

_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otb"})
# Fonts of symbols, of scripts nobody labels images in, or that are pictures rather than outlines.
_USELESS = ("Symbol", "Math", "Music", "D050000L", "Emoji", "Unjoined", "LastResort", "Fallback", "SignWriting")
_BITMAP = ".otb"


class Script(StrEnum):
    """A writing system the detector is trained on."""

    LATIN = "latin"
    CYRILLIC = "cyrillic"
    GREEK = "greek"
    CJK = "cjk"
    ARABIC = "arabic"


JOINED = frozenset({Script.ARABIC})
"""Scripts whose letters join."""

_SAMPLES = {
    Script.LATIN: "Ag9", Script.CYRILLIC: "Жя", Script.GREEK: "Ωψ", Script.CJK: "山あ", Script.ARABIC: "بي",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typeface:
    """One font file. ``sizes`` are the only heights in pixels of a bitmap font, empty for outlines."""

    path: str
    scripts: frozenset[Script]
    sizes: tuple[int, ...] = ()

    @property
    def held_out(self) -> bool:
        """Whether the font is kept for measuring."""
        return any(family in Path(self.path).stem.replace(" ", "") for family in HELD_OUT)

    def at(self, size: int, script: Script) -> Font:
        """The font at about ``size`` pixels: bitmap fonts come in few sizes."""
        if self.sizes:
            size = min(self.sizes, key=lambda own: abs(own - size))
        return _loaded(self.path, size, joined=script in JOINED)


@lru_cache(maxsize=2000)
def _loaded(path: str, size: int, *, joined: bool = False) -> Font:
    # Only scripts whose letters join or stack need the slow layout.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.RAQM if joined else ImageFont.Layout.BASIC)


def typefaces(folder: Path) -> list[Typeface]:
    """Every usable font under ``folder``, in the order of their paths.

    Raises
    ------
    ValueError
        There is no font for Latin letters.
    """
    found = [face for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES for face in _typeface(path)]
    if not any(Script.LATIN in face.scripts for face in found):
        raise ValueError("The folder of fonts has none for Latin letters: install some, such as fonts-dejavu.")
    return found


def _typeface(path: Path) -> Iterator[Typeface]:
    if any(word in path.stem for word in _USELESS):
        return
    sizes = tuple(size for size in range(8, 40) if _opens(path, size)) if path.suffix == _BITMAP else ()
    if path.suffix == _BITMAP and not sizes:
        return
    try:
        font = _loaded(str(path), sizes[0] if sizes else 24)
        scripts = frozenset(script for script, sample in _SAMPLES.items() if all(map(_covers(font), sample)))
    except OSError:
        return
    if scripts:
        yield Typeface(str(path), scripts, sizes)


def _opens(path: Path, size: int) -> bool:
    try:
        ImageFont.truetype(str(path), size)
    except OSError:
        return False
    return True


def _covers(font: Font) -> Callable[[str], bool]:
    """Whether the font draws a character as something else than what it draws for unknown ones."""
    unknown = bytes(font.getmask("\U000f1234"))

    def covers(character: str) -> bool:
        drawn = bytes(font.getmask(character))
        return bool(drawn) and any(drawn) and drawn != unknown

    return covers


def by_script(faces: list[Typeface]) -> dict[Script, list[Typeface]]:
    """The fonts for each script that any font covers."""
    table = {script: [face for face in faces if script in face.scripts] for script in Script}
    return {script: found for script, found in table.items() if found}
