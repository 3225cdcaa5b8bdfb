"""Speed and memory of pixel cleaning: decoding, finding text, masking it.

    python -m benchmarks.pixels [--images 60] [--frames 200] [--json FILE]

Synthetic CT, 512 x 512 x 16 bit with noise, native; the same with a line of text in every image; a cine of that many
frames of 512 x 512 x 8 bit, and a quarter of it, to show that memory does not follow the number of frames. One process
each, the detector on one thread. Decoding alone is the floor.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import as_row, measure
from benchmarks.text_scenes import write
from deid_platform.pixels.cleaning import PixelWork, clean_file
from deid_platform.pixels.frames import frames
from deid_platform.pixels.inference import DetectorSpec, choose_detector, open_detector
from tests.builders.dicom import image, person, text_box
from tests.builders.dicom import write as write_object
from tests.builders.pixels import text_mask

_TEXT = "DOE^JANE 1961-02-03"


def make(folder: Path, count: int, *, text: bool) -> list[Path]:
    """Slices of a round, noisy body in air, with or without a line of text in the corner."""
    folder.mkdir()
    down, right = np.mgrid[-1:1:512j, -1:1:512j]
    noise = np.random.default_rng(1)
    paths = []
    for number in range(count):
        body = np.where(down**2 + right**2 * 1.4 < 0.5 + number / count / 4, 1050.0, 20.0)
        samples = np.clip(body + noise.normal(0, 18, body.shape), 0, 4095).astype(np.uint16)
        if text:
            samples[text_mask(512, 512, _TEXT)] = 4095
        paths.append(write(samples, folder / f"{number:04}.dcm", "CT"))
    return paths


def make_cine(path: Path, count: int) -> Path:
    """A cine with text in every frame, whose builder also moves what is behind it."""
    right, bottom = text_box(_TEXT)[2:]
    size = max(512, right, bottom)
    return write_object(
        image(person(1), modality="US", rows=size, columns=size, bits=8, frames=count, text=_TEXT), path
    )


def decode(paths: Iterable[Path]) -> None:
    """Decode every frame, nothing else."""
    for path in paths:
        for _ in frames(path):
            pass


def clean(paths: Iterable[Path], spec: DetectorSpec, output: Path) -> None:
    """What the pixel stage does with each file, but for fetching and storing it."""
    work = PixelWork(open_detector(spec))
    for path in paths:
        clean_file(path, output, work)


def run(images: int, frames_of_cine: int) -> dict[str, object]:
    """All measurements."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = make(folder / "plain", images, text=False)
        written = make(folder / "written", images, text=True)
        cines = {count: make_cine(folder / f"{count}.dcm", count) for count in (frames_of_cine // 4, frames_of_cine)}
        warm_up = partial(decode, plain[:2])
        rows.append(as_row("decode", measure(partial(decode, plain), warm_up), images))
        for precision in ("int8", "fp32"):
            spec = choose_detector(precision, "cpu")
            ready = partial(clean, plain[:2], spec, folder / "output")
            for label, paths in (("without text", plain), ("with text", written)):
                cost = measure(partial(clean, paths, spec, folder / "output"), ready)
                rows.append(as_row(f"clean, {precision}, {label}", cost, images))
        spec = choose_detector("auto", "cpu")
        for count, path in cines.items():
            cost = measure(partial(clean, [path], spec, folder / "output"), warm_up)
            rows.append(as_row(f"clean a cine of {count} frames", cost, count))
    return {"contenders": rows}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    report = json.dumps(run(given.images, given.frames), indent=2)
    sys.stdout.write(report + "\n")
    if given.json:
        given.json.write_text(report + "\n", "utf-8")


if __name__ == "__main__":
    main()
