"""What dcm2niix needs of private elements, and what of it a profile keeps: the table in docs/private-elements.md.

    python -m benchmarks.converters > docs/private-elements.md
    python -m benchmarks.converters FOLDER [PROFILE]      # which of them real files hold, and how many are left

``data/dcm2niix_elements.csv`` lists the elements that dcm2niix reads (nii_dicom.cpp of its version 1.0.2025, the group,
element and meaning of each), with the private creators vendors use for them.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.audit.private import step_of
from deid_platform.errors import DeidError
from deid_platform.formats.dicom.dicom import Dicom
from deid_platform.identity import Identity
from deid_platform.policy import Action, Policy, load_policy

ELEMENTS = Path(__file__).parent / "data/dcm2niix_elements.csv"
PROFILES = ("tcia", "research")
_HEAD = """# Private elements that converters read

dcm2niix turns series of slices into volumes, and takes from private elements what the standard has no place for:
directions of diffusion, times of slices, how slices lie in a mosaic. This table says which of them are left. Made by
`python -m benchmarks.converters`; the reasons are `deid explain PROFILE`'s.

- kept: a table of safe private elements knows it; texts in it are cleaned, numbers checked.
- clean header: taken apart, what is left is listed by name (see [policies](policies.md)).
- removed: the TCIA knowledge base says so, or no table knows it.

"""
_FOOT = """
Canon (Toshiba) scanners write diffusion into Image Comments (0020,4000), which stays as cleaned text.

Measured with dcm2niix 1.0.20220720 on 135 series of the vendors' quality assurance sets, one file each: with
`research` volumes are the same in 131 (of the others two had an overlay that goes, two a broken header without which
they come out better), with `tcia` in 126. b values and directions are the same in 15 of 16: those of some Philips
files lie in a sequence (2005,xx0F) that the knowledge base deletes.

What is lost under `tcia`: mosaics of Siemens whose slices were acquired from the other end may come out in the opposite
order, which only the CSA header tells; the polarity of the phase encoding of GE echo planar images is guessed. For
distortion correction of such images use `research`, which keeps the cleaned headers.
"""


def elements() -> list[dict[str, str]]:
    """The rows of the list."""
    with ELEMENTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fate(policy: Policy, row: dict[str, str]) -> str:
    """What a policy does to an element: 'kept', 'clean header' or 'removed'."""
    rule = policy.private_rule(row["signature"], row["vr"])
    if rule.action is not Action.REMOVE and (rule.action is not Action.KEEP or row["vr"] == "SQ"):
        return "kept"
    return "clean header" if policy.vendor_header(row["signature"].split("/")[-1]) else "removed"


def document() -> str:
    """The document, whole."""
    policies = [load_policy(name) for name in PROFILES]
    lines = ["| vendor | element | meaning | " + " | ".join(f"`{name}`" for name in PROFILES) + " |",
             "|---|---|---|" + "---|" * len(PROFILES)]  # fmt: skip
    for row in elements():
        fates = " | ".join(fate(policy, row) for policy in policies)
        lines.append(f"| {row['vendor']} | {_place(row['signature'])} | {row['meaning']} | {fates} |")
    return _HEAD + "\n".join(lines) + "\n" + _FOOT


def _place(signature: str) -> str:
    steps = [step.split(",") for step in signature.split("/")]
    return " / ".join(f"({s[0]},xx{s[-1].upper()}) {','.join(s[1:-1])}" if len(s) > 2 else f"({s[0]},{s[1]})"
                      for s in steps)  # fmt: skip


def survey(folder: Path, profile: str) -> Iterator[str]:
    """How many files under a folder hold each element, and how many still do after cleaning."""
    policy, identity, dicom = load_policy(profile), Identity(bytes(32), "survey"), Dicom()
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "output"
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            with path.open("rb") as file:
                if not dicom.accepts(file.read(1 << 16)):
                    continue
            try:
                dicom.scrub(path, output, policy, identity)
            except DeidError:
                continue
            before.update(_signatures(path))
            after.update(_signatures(output))
    for row in elements():
        signature = row["signature"]
        if before[signature]:
            yield f"{before[signature]:5} {after[signature]:5}  {signature}  {row['meaning']}"


def _signatures(path: Path) -> set[str]:
    return set(_walk(dcmread(path, stop_before_pixels=True, force=True), ""))


def _walk(data: Dataset, path: str) -> Iterator[str]:
    for element in data:
        step = path + step_of(data, element)
        if element.VR == "SQ":
            for item in element.value:
                yield from _walk(item, step + "/")
        yield step


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.writelines(f"{line}\n" for line in survey(Path(sys.argv[1]), (*sys.argv[2:], "tcia")[0]))
    else:
        sys.stdout.write(document())
