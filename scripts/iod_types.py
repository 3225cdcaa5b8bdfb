"""Write the tables of attribute Types: python scripts/iod_types.py HIGHDICOM_FOLDER

HIGHDICOM_FOLDER is the package `highdicom` as installed somewhere else (it is no dependency of this project). Its
`_standard` folder holds the modules of PS3.3 and which SOP class is made of which. Only what compound codes of
PS3.15 Table E.1-1 need is taken: the Type of attributes with such a code, by module and place. Prints the SHA-256 of
both tables for `tables/sources.json`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydicom.datadict import tag_for_keyword

TABLES = Path(__file__).parents[1] / "deid_platform/policy/tables"
TYPES = ("1", "1C", "2", "2C", "3")
Row = tuple[str, ...]


def compound_tags() -> set[int]:
    """Attributes whose Basic Profile cell leaves a choice."""
    with (TABLES / "ps315_2026c/table_E.1-1.csv").open(newline="", encoding="utf-8") as file:
        cells = [(row["Tag"], row["Basic Prof."]) for row in csv.DictReader(file)]
    return {int(tag[1:5] + tag[6:10], 16) for tag, code in cells if "/" in code}


def step(keyword: str) -> str:
    """A sequence as a step of a path."""
    tag = int(tag_for_keyword(keyword) or 0)
    return f"{tag >> 16:04x},{tag & 0xFFFF:04x}/"


def type_rows(modules: dict[str, list[dict[str, Any]]], used: set[str]) -> list[Row]:
    """Module, path, tag, Type; the strictest Type where a module gives several."""
    wanted, found = compound_tags(), defaultdict[Row, set[str]](set)
    for module in sorted(used):
        for attribute in modules[module]:
            tag = tag_for_keyword(attribute["keyword"])
            if tag in wanted and attribute["type"] in TYPES:
                found[module, "".join(map(step, attribute["path"])), f"{tag:08X}"].add(attribute["type"])
    return [(*key, min(types)) for key, types in sorted(found.items())]


def write(name: str, header: Row, rows: Iterable[Row]) -> None:
    """One table, and its SHA-256 on standard output."""
    path = TABLES / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    sys.stdout.write(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n")


def main(folder: Path) -> None:
    """Write `dicom/iod_types.csv` and `dicom/iod_modules.csv`."""
    modules = json.loads((folder / "_standard/module_attribute_map.json").read_text("utf-8"))
    iods = json.loads((folder / "_standard/iod_module_map.json").read_text("utf-8"))
    classes = json.loads((folder / "_standard/sop_class_iod_map.json").read_text("utf-8"))
    # An IOD whose modules are not all described is as good as unknown.
    classes = {uid: iod for uid, iod in classes.items() if {entry["key"] for entry in iods[iod]} <= modules.keys()}
    used = {entry["key"] for iod in classes.values() for entry in iods[iod]}
    rows = type_rows(modules, used)
    telling = {row[0] for row in rows}
    write("dicom/iod_types.csv", ("module", "path", "tag", "type"), rows)
    write("dicom/iod_modules.csv", ("sop_class", "iod", "modules"), [
        (uid, iod, " ".join(entry["key"] for entry in iods[iod] if entry["key"] in telling))
        for uid, iod in sorted(classes.items())
    ])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
