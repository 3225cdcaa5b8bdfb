"""What cleaning slides, raw data and NIfTI costs, beside a plain copy of the same file in the same run.

    python -m benchmarks.formats --data FOLDER [--gigabytes 2] [--work FOLDER]

FOLDER holds real files, looked for by name: CMU-1-Small-Region.svs, gre.dat, chris_t1.nii.gz; what is missing is left
out. A slide is grown by repeating its level's tiles. Prints JSON: seconds, ratios and peak memory in MiB.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from deid_platform.formats.nifti.nifti import Nifti
from deid_platform.formats.protocol import Format
from deid_platform.formats.twix.twix import Twix
from deid_platform.formats.wsi.wsi import Slide
from deid_platform.identity import Identity
from deid_platform.policy import load_policy

IDENTITY, POLICY = Identity(bytes(range(32))), load_policy("tcia")
_PIECE = 1 << 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as scratch:
        found = dict(_measures(options.data, Path(scratch), options.gigabytes))
    sys.stdout.write(json.dumps(found | {"peak_mib": _peak()}, indent=2) + "\n")


def _measures(data: Path, scratch: Path, gigabytes: float) -> Iterator[tuple[str, dict[str, float]]]:
    for slide in data.rglob("CMU-1-Small-Region.svs"):
        grown = grow(slide, scratch / "grown.svs", int(gigabytes * 2**30))
        yield "slide", _beside(Slide(), grown, scratch, shutil.copyfile) | {"peak_mib": _peak()}
    for raw in data.rglob("gre.dat"):
        yield "raw_data", _beside(Twix(), raw, scratch, shutil.copyfile)
    for volume in data.rglob("chris_t1.nii.gz"):
        yield "nifti", _beside(Nifti(), volume, scratch, _packed_again)


def _beside(own: Format, source: Path, scratch: Path, copy: Callable[[Path, Path], Any]) -> dict[str, float]:
    """Seconds of scrubbing and of a copy, each after the file was read once, and their ratio."""
    output = scratch / "output"
    copied = _seconds(lambda: copy(source, output))
    cleaned = _seconds(lambda: own.scrub(source, output, POLICY, IDENTITY, "bench/drop/file"))
    size = source.stat().st_size / 2**20
    return {"mib": size, "copy_s": copied, "scrub_s": cleaned, "ratio": cleaned / copied, "s_per_mib": cleaned / size}


def _seconds(work: Callable[[], Any]) -> float:
    """The least of three."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _packed_again(source: Path, output: Path) -> None:
    """Unpack and pack, as any change of a compressed file asks for."""
    with gzip.open(source, "rb") as file, gzip.open(output, "wb", compresslevel=6) as sink:
        shutil.copyfileobj(file, sink, _PIECE)


def grow(slide: Path, output: Path, size: int) -> Path:
    """A pyramid of one level in BigTIFF, made of the tiles of a slide until it has ``size`` bytes."""
    data = slide.read_bytes()
    start = data.find(b"\xff\xd8")
    tile = data[start : data.find(b"\xff\xd9", start) + 2]
    count = max(size // len(tile), 1)
    width = int(count**0.5)
    count = width * width
    with output.open("wb") as sink:
        sink.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))
        for _ in range(count):
            sink.write(tile)
        lists = sink.tell() + sink.tell() % 2
        sink.seek(lists)
        sink.write(b"".join(struct.pack("<Q", 16 + number * len(tile)) for number in range(count)))
        sink.write(struct.pack("<I", len(tile)) * count)
        directory = sink.tell() + sink.tell() % 2
        sink.seek(directory)
        tags = [(256, 4, 1, width * 240), (257, 4, 1, width * 240), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 2),
                (277, 3, 1, 1), (322, 3, 1, 240), (323, 3, 1, 240), (324, 16, count, lists),
                (325, 4, count, lists + 8 * count)]  # fmt: skip
        sink.write(struct.pack("<Q", len(tags)) + b"".join(struct.pack("<HHQQ", *tag) for tag in tags) + bytes(8))
        sink.seek(8)
        sink.write(struct.pack("<Q", directory))
    return output


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
