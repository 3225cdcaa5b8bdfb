"""How much burned-in text is found, how much else is masked, and what it costs, beside other ways.

    python -m benchmarks.text --images DATA [--fonts DIR] [--every 1] [--peers tesseract rapidocr] [--json FILE]

DATA holds the public DICOM files that ``deid_platform/training/text/data/frames.csv`` lists; only those marked as held
out are used, with fonts no training image showed. Each contender gets every image with text and the same without.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import text_peers
from benchmarks.text_scenes import HIDDEN, Image, images, write
from deid_platform.pixels.inference import choose_detector, open_detector
from deid_platform.pixels.text import find_text

Contender = Callable[[NDArray[Any]], NDArray[np.bool_]]


@dataclass(slots=True)
class Tally:
    """What one contender did over all images."""

    hidden: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    all: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    clean_area: list[float] = field(default_factory=list)
    seconds: float = 0.0
    looked_at: int = 0

    def take(self, image: Image, mask: NDArray[np.bool_], clean: NDArray[np.bool_], seconds: float) -> None:
        """Count one image."""
        flat = mask.reshape(-1)
        for character in image.characters:
            found = bool(flat[character.ink].mean() >= HIDDEN)
            for group in (("all", "all"), *character.groups):
                self.all[group] += 1
                self.hidden[group] += found
        self.clean_area.append(float(clean.mean()))
        self.seconds += seconds
        self.looked_at += 2

    def as_row(self, name: str) -> dict[str, object]:
        """Figures for the report, in per cent."""
        groups: dict[str, dict[str, str]] = defaultdict(dict)
        for group, value in sorted(self.all):
            share = 100 * self.hidden[group, value] / self.all[group, value]
            groups[group][value] = f"{share:.2f} of {self.all[group, value]}"
        areas = np.array(self.clean_area) * 100
        return {
            "contender": name,
            "characters_hidden_percent": groups,
            "text_free_images": {
                "area_masked_percent": round(float(areas.mean()), 3),
                "worst_percent": round(float(areas.max()), 2),
                "touched_percent": round(float((areas > 0).mean() * 100), 1),
            },
            "cpu_ms_per_image": round(1000 * self.seconds / max(self.looked_at, 1), 1),
        }


def ours(precision: str) -> Contender:
    """The shipped detector, through a DICOM file as in the pixel stage."""
    net = open_detector(choose_detector(precision, "cpu"))

    def find(samples: NDArray[Any]) -> NDArray[np.bool_]:
        with tempfile.TemporaryDirectory() as folder:
            (mask,) = find_text(write(samples, Path(folder, "image.dcm")), net)
        return np.zeros(samples.shape[:2], np.bool_) if mask is None else mask.pixels()

    return find


def contenders(peers: Sequence[str]) -> dict[str, Contender]:
    """All that are asked for; ours in both precisions."""
    found: dict[str, Contender] = {"ours fp32": ours("fp32"), "ours int8": ours("int8")}
    if "tesseract" in peers:
        found["Tesseract as in Presidio"] = text_peers.tesseract
    if "rapidocr" in peers:
        found["PP-OCR through rapidocr"] = text_peers.RapidOcr()
    return found


def run(given: argparse.Namespace) -> dict[str, object]:
    """Let every contender look at every image."""
    named = contenders(given.peers)
    tallies = {name: Tally() for name in named}
    count = 0
    for number, image in enumerate(images(given.images, given.fonts, given.seed)):
        if number % given.every:
            continue
        count += 1
        for name, contender in named.items():
            start = _cpu()
            mask, clean = contender(image.samples), contender(image.clean)
            tallies[name].take(image, mask, clean, _cpu() - start)
    return {"images": count, "seed": given.seed, "contenders": [tally.as_row(name) for name, tally in tallies.items()]}


def _cpu() -> float:
    """Seconds of CPU of this process and of the programs it ran."""
    return sum(os.times()[:4])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    parser.add_argument("--every", type=int, default=1, help="use every nth image only")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--peers", nargs="*", default=["tesseract"], choices=("tesseract", "rapidocr"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    if given.images is None:
        sys.stderr.write("benchmarks.text is left out: it needs public DICOM files, --images DATA.\n")
        return
    report = json.dumps(run(given), indent=2)
    sys.stdout.write(report + "\n")
    if given.json:
        given.json.write_text(report + "\n")


if __name__ == "__main__":
    main()
