"""Slidedat.ini: what is read of it, and the one a cleaned slide gets, written anew from what a list knows.

Source: what OpenSlide needs to open a slide of 3DHISTECH.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.model import Reason

LARGEST = 1 << 20
"""Bytes OpenSlide reads of the file at most."""
_LEVELS, _FILES, _RECORDS = 32, 4096, 4096
_SIDE, _IMAGES, _PIXELS, _EXPONENT = 1 << 16, 1 << 22, 1 << 26, 20
_POSITIONS, _STITCHING = "VIMSLIDE_POSITION_BUFFER", "StitchingIntensityLayer"
_IDENTIFIER = re.compile(r"[\x21-\x7e]{8,64}")
Sections = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Positions:
    """The record that tells where camera images lie: its number, and whether it is compressed."""

    record: int
    compressed: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """What stays of a slide: its own identifier, settings as text, file names, and where positions are told."""

    identifier: str
    index: str
    general: dict[str, str]
    levels: tuple[dict[str, str], ...]
    files: tuple[str, ...]
    positions: Positions | None

    @property
    def across(self) -> int:
        """Images of the first level side by side."""
        return int(self.general["IMAGENUMBER_X"])

    @property
    def down(self) -> int:
        """Images of the first level below each other."""
        return int(self.general["IMAGENUMBER_Y"])

    @property
    def camera_positions(self) -> int:
        """How many pictures the camera took."""
        divisions = int(self.general.get("CameraImageDivisionsPerSide", 1))
        return (self.across // divisions) * (self.down // divisions)

    def most_images(self, level: int) -> int:
        """How many images a level may have: each shows several of the first level."""
        joined = 1 << sum(int(one["IMAGE_CONCAT_FACTOR"]) for one in self.levels[: level + 1])
        return -(-self.across // joined) * -(-self.down // joined)


def read_sections(data: bytes) -> Sections:
    """Keys and values by section; a key or section that comes again adds to the first, as in GLib.

    Raises
    ------
    MalformedFile
        It is too large, or no UTF-8.
    """
    if len(data) > LARGEST:
        raise MalformedFile("The Slidedat.ini of the slide is larger than any real one.", Reason.TOO_LARGE)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedFile("The Slidedat.ini of the slide is not UTF-8.") from None
    found: Sections = {}
    section: dict[str, str] = {}
    for line in map(str.strip, text.replace("\r", "\n").split("\n")):
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
        elif "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            section[key.strip()] = value.strip()
    return found


def layout_of(sections: Sections) -> Layout:
    """What stays of a slide.

    Raises
    ------
    MalformedFile
        Something OpenSlide needs is missing, or is not what it should be.
    UnsupportedFormat
        The slide has several focus levels or filters, of which no reader is known.
    """
    general, tree = sections.get("GENERAL", {}), sections.get("HIERARCHICAL", {})
    identifier = general.get("SLIDE_ID", "")
    if not _IDENTIFIER.fullmatch(identifier):
        raise MalformedFile("The slide has no usable SLIDE_ID.")
    _refuse_further_dimensions(tree)
    names = [tree.get(f"HIER_0_VAL_{n}_SECTION", "") for n in range(_number(tree, "HIER_0_COUNT", 1, _LEVELS))]
    files = sections.get("DATAFILE", {})
    listed = [files.get(f"FILE_{number}", "") for number in range(_number(files, "FILE_COUNT", 1, _FILES))]
    if len(set(listed)) < len(listed):
        raise MalformedFile("The slide names a Data file twice.")
    layout = Layout(
        identifier,
        tree.get("INDEXFILE", ""),
        _kept("GENERAL", general),
        tuple(_kept("LEVEL", sections.get(name, {})) for name in names),
        tuple(listed),
        _positions(tree),
    )
    _check_sizes(layout)
    return layout


def written(layout: Layout, identifier: str, files: list[str]) -> bytes:
    """The Slidedat.ini of the cleaned slide."""
    tree = {"HIER_COUNT": "1", "NONHIER_COUNT": "1" if layout.positions else "0", "INDEXFILE": "Index.dat",
            "HIER_0_NAME": "Slide zoom level", "HIER_0_COUNT": str(len(layout.levels))}  # fmt: skip
    sections = {"GENERAL": {"SLIDE_ID": identifier, **layout.general}, "HIERARCHICAL": tree}
    for number, level in enumerate(layout.levels):
        name = f"LAYER_0_LEVEL_{number}_SECTION"
        tree[f"HIER_0_VAL_{number}"] = f"ZoomLevel_{number}"
        tree[f"HIER_0_VAL_{number}_SECTION"] = name
        sections[name] = level
    if layout.positions:
        tree["NONHIER_0_NAME"] = _STITCHING if layout.positions.compressed else _POSITIONS
        tree.update({"NONHIER_0_COUNT": "1", "NONHIER_0_VAL_0": "default"})
    sections["DATAFILE"] = {"FILE_COUNT": str(len(files)), **{f"FILE_{n}": name for n, name in enumerate(files)}}
    parts = (f"[{name}]\r\n" + "".join(f"{k} = {v}\r\n" for k, v in keys.items()) for name, keys in sections.items())
    return "".join(parts).encode("ascii")


def _refuse_further_dimensions(tree: dict[str, str]) -> None:
    if tree.get("HIER_0_NAME") != "Slide zoom level":
        raise MalformedFile("The slide does not tell its zoom levels first.")
    for number in range(1, _number(tree, "HIER_COUNT", 1, _LEVELS)):
        if _number(tree, f"HIER_{number}_COUNT", 0, _FILES) > 1:
            raise UnsupportedFormat("Slides with several focus levels or filters cannot be cleaned yet.")


def _positions(tree: dict[str, str]) -> Positions | None:
    """Which record of those outside of the pyramid tells positions; the one that OpenSlide takes."""
    first: dict[str, int] = {}
    record = 0
    for number in range(_number(tree, "NONHIER_COUNT", 0, _RECORDS)):
        first.setdefault(tree.get(f"NONHIER_{number}_NAME", ""), record)
        record += _number(tree, f"NONHIER_{number}_COUNT", 1, _RECORDS)
    if _POSITIONS in first:
        return Positions(first[_POSITIONS], compressed=False)
    return Positions(first[_STITCHING], compressed=True) if _STITCHING in first else None


def _check_sizes(layout: Layout) -> None:
    """Refuse numbers that no slide has and that a reader would try to follow."""
    divisions = int(layout.general.get("CameraImageDivisionsPerSide", 1))
    sides = [layout.across, layout.down, divisions]
    for level in layout.levels:
        width, height = int(level["DIGITIZER_WIDTH"]), int(level["DIGITIZER_HEIGHT"])
        sides += [width, height]
        if width * height > _PIXELS:
            raise MalformedFile("The images of the slide are larger than any real ones.", Reason.TOO_LARGE)
    exponents = [int(level["IMAGE_CONCAT_FACTOR"]) for level in layout.levels]
    if min(sides) < 1 or max(sides) > _SIDE or layout.across * layout.down > _IMAGES or sum(exponents) > _EXPONENT:
        raise MalformedFile("The slide tells an impossible number of images.", Reason.TOO_LARGE)
    if 0 in exponents[1:] or divisions > min(layout.across, layout.down):
        raise MalformedFile("The levels of the slide contradict each other.")


def _number(keys: dict[str, str], key: str, least: int, most: int) -> int:
    text = keys.get(key, "")
    if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
        raise MalformedFile("A count in the Slidedat.ini of the slide is missing or impossible.")
    return int(text)


def _kept(section: str, keys: dict[str, str]) -> dict[str, str]:
    """The keys of a section that a list knows, where they hold what they should."""
    found = {}
    for key, pattern, required in _listed()[section]:
        value = keys.get(key, "")
        if pattern.fullmatch(value):
            found[key] = value
        elif required:
            raise MalformedFile(f"The Slidedat.ini of the slide lacks {key}, or it is not what it should be.")
    return found


@cache
def _listed() -> dict[str, list[tuple[str, re.Pattern[str], bool]]]:
    text = resources.files("deid_platform.formats.mrxs").joinpath("data/kept.csv").read_text("utf-8")
    found: dict[str, list[tuple[str, re.Pattern[str], bool]]] = {"GENERAL": [], "LEVEL": []}
    for row in csv.DictReader(io.StringIO(text)):
        pattern = re.compile(row["pattern"], re.ASCII)
        found[row["section"]].append((row["key"], pattern, row["required"] == "yes"))
    return found
