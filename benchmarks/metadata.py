"""Speed and memory of metadata cleaning on CT slices, beside another tool and pydicom's own reading and writing.

    python -m benchmarks.metadata [--files 300] [--many 3000] [--large 40] [--json FILE]

Synthetic CT, 512 x 512 x 16 bit, about 160 elements, a third of them private, nested sequences, planted identifiers;
30 slices to a study. One process each. The peer is dicom-anonymizer of PyPI with its default rules, which removes
private elements; pydicom's copies are the floor. ``many`` and ``large`` repeat one measurement with that many files,
and with that many times the pixels of a file, to show that memory follows neither.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import pydicom
from dicomanonymizer.simpledicomanonymizer import anonymize_dicom_file
from pydicom.dataset import Dataset

from benchmarks.measure import as_row, measure
from deid_platform.formats.dicom.dicom import Dicom
from deid_platform.identity import Identity
from deid_platform.policy import load_policy
from tests.builders.dicom import image, person, write

FLOOR, PEER, OURS = "pydicom copy, elements left raw", "dicom-anonymizer", "scrub, profile tcia"
SLICES = 30
"""Slices of a study."""

_IDENTITY = Identity(bytes(range(32)), "bench")
_SAME = (0x03, 0x04, 0x0F, 0x1E, 0x23, 0x27, *range(0x41, 0x53))
_BY_SLICE = (0x19, 0x1B, 0x24, 0x2A, 0x2B)


def make(folder: Path, files: int, rows: int = 512) -> None:
    """Write the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        owner = person(number // SLICES)
        data = image(owner, instance=number % SLICES + 1, modality="CT", rows=rows, columns=512, graphics=False)
        _add_scanner_block(data, number)
        write(data, folder / f"{number:05d}.dcm")


def _add_scanner_block(data: Dataset, number: int) -> None:
    """Settings as a scanner notes them in a private block, most of them the same in every slice of a series."""
    block = data.private_block(0x0019, "GEMS_ACQU_01", create=True)
    for element in _SAME:
        block.add_new(element, "DS", f"{element * 1.25}")
    for element in _BY_SLICE:
        block.add_new(element, "DS", f"{number * 3.75 + element}")


def copy(folder: Path, output: Path, decode: bool) -> None:
    """The floor: pydicom reads and writes, every element decoded or left raw."""
    for path in sorted(folder.iterdir()):
        data = pydicom.dcmread(path)
        if decode:
            data.decode()
            for _ in data.iterall():
                pass
        data.save_as(output)


def anonymize(folder: Path, output: Path) -> None:
    """The peer, with its default rules."""
    for path in sorted(folder.iterdir()):
        anonymize_dicom_file(str(path), str(output))


def scrub(folder: Path, output: Path, profile: str) -> None:
    """This platform's cleaning."""
    policy, dicom = load_policy(profile), Dicom()
    for path in sorted(folder.iterdir()):
        dicom.scrub(path, output, policy, _IDENTITY)


def audit(folder: Path, output: Path, profile: str) -> None:
    """This platform's cleaning and the gate's look at the result."""
    policy, dicom = load_policy(profile), Dicom()
    for path in sorted(folder.iterdir()):
        dicom.scrub(path, output, policy, _IDENTITY)
        list(dicom.audit("item", path, output, policy, _IDENTITY))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--many", type=int, default=3000)
    parser.add_argument("--large", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        report = run(Path(scratch), options.files, options.many, options.large)
    text = json.dumps(report, indent=2)
    if options.json:
        options.json.write_text(text + "\n", "utf-8")
    sys.stdout.write(text + "\n")


def run(scratch: Path, files: int, many: int, large: int) -> dict[str, object]:
    """All measurements: each contender on the same files, then cleaning of more files, and of larger ones."""
    corpus, few, output = scratch / "corpus", scratch / "few", scratch / "out.dcm"
    make(corpus, files)
    make(few, 3)
    contenders = {
        FLOOR: partial(copy, output=output, decode=False),
        "pydicom copy, every element decoded": partial(copy, output=output, decode=True),
        PEER: partial(anonymize, output=output),
        OURS: partial(scrub, output=output, profile="tcia"),
        "scrub, profile basic": partial(scrub, output=output, profile="basic"),
        "scrub and audit, profile tcia": partial(audit, output=output, profile="tcia"),
    }
    costs = {name: measure(partial(work, corpus), partial(work, few)) for name, work in contenders.items()}
    rows = [as_row(name, cost, files) for name, cost in costs.items()]
    shutil.rmtree(corpus)
    warm_up = partial(scrub, few, output, "tcia")
    for name, count, taller in ((f"{OURS}, {many} files", many, 1), (f"{OURS}, {large} times the pixels", 3, large)):
        make(scratch / "more", count, rows=512 * taller)
        rows.append(as_row(name, measure(partial(scrub, scratch / "more", output, "tcia"), warm_up), count))
        shutil.rmtree(scratch / "more")
    times = {name: round(costs[name].user_s / costs[OURS].user_s, 2) for name in (PEER, FLOOR)}
    return {"rows": rows, "times_faster_than": times}


if __name__ == "__main__":
    main()
