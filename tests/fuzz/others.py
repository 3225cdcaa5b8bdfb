"""Slides, raw data, volumes and files beside them that went wrong at random, and what must be true of the outcome."""

from __future__ import annotations

import gzip
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from deid_platform.errors import DeidError
from deid_platform.formats.protocol import Format
from deid_platform.formats.registry import format_of_file
from deid_platform.identity import Identity
from deid_platform.policy import load_policy
from tests.builders.makers import leica, ome_stack, philips, ventana
from tests.builders.mirax import Mirax
from tests.builders.nifti import analyze_bytes, archived, nifti_bytes, pair_bytes, ramp
from tests.builders.pictures import grey, saved, tiff_picture
from tests.builders.rda import rda_file
from tests.builders.slides import aperio, tiff_bytes
from tests.builders.twix import raw_file

NEEDLES = (b"DOE^JANE", b"JANE DOE", b"DOE JANE", b"Dr Roe", b"Elsewhere")
NAME = "north/drop/sub-DOE77/anat/sub-DOE77_T1w"
SECONDS = 20.0
_IDENTITY = Identity(bytes(range(32)))
_MARKS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\1\0", b'"', b"\n", b"{", b"<")
_SIDECAR = b'''{"EchoTime": 0.03, "PatientName": "DOE^JANE", "SeriesDescription": "T1 of Dr Roe",
"X": [1, {"y": "Elsewhere"}]}'''
_TABLE = b"participant_id\tage\tsex\tnote\nsub-DOE77\t93\tF\tDOE JANE\nsub-2\t4\tM\tn/a\n"


@dataclass(frozen=True, slots=True)
class Other:
    """A broken file and what it is called."""

    data: bytes
    name: str


@cache
def seeds() -> tuple[Other, ...]:
    """Good files of every format but DICOM, with planted identifiers."""
    volume = nifti_bytes(ramp(6, 5, 4, 2), extension=b"DOE JANE 19700101" * 3, tail=b"DOE JANE")
    return (
        Other(volume, NAME + ".nii"),
        Other(gzip.compress(nifti_bytes(ramp(6, 5, 4), version=2), mtime=0), NAME + ".nii.gz"),
        Other(archived(*analyze_bytes(ramp(6, 5, 4), planted=b"DOE JANE")), NAME + ".hdr"),
        Other(archived(*pair_bytes(volume)), NAME + ".hdr"),
        Other(raw_file(2), "north/drop/meas.dat"),
        Other(rda_file(InstanceComments="seen by Dr Roe", Unheard="JANE DOE"), "north/drop/svs.rda"),
        Other(tiff_bytes(aperio()), "north/drop/slide.svs"),
        Other(tiff_bytes(aperio(), big=True, order=">"), "north/drop/slide.svs"),
        Other(tiff_bytes(philips(), big=True), "north/drop/slide.tiff"),
        Other(tiff_bytes(leica(areas=2), big=True), "north/drop/slide.scn"),
        Other(tiff_bytes(ventana(), big=True), "north/drop/slide.bif"),
        Other(tiff_bytes(ome_stack()), "north/drop/stack.ome.tiff"),
        Other(Mirax().archive(), "north/drop/slide.mrxs"),
        Other(Mirax(form="PNG", positions="StitchingIntensityLayer").archive(), "north/drop/slide.mrxs"),
        Other(saved(grey("RGB")), "north/drop/snapshot.png"),
        Other(saved(grey(), "JPEG"), "north/drop/snapshot.jpg"),
        Other(tiff_picture(grey("RGB"), "tiff_lzw"), "north/drop/snapshot.tif"),
        Other(tiff_picture(grey(), "raw"), "north/drop/snapshot.tif"),
        Other(_SIDECAR, NAME + ".json"),
        Other(_TABLE, "north/drop/participants.tsv"),
    )


def other_files() -> st.SearchStrategy[Other]:
    """Good files with one to six changes: bytes, numbers, cuts, pieces put elsewhere."""
    numbers = st.integers(0, len(seeds()) - 1)
    return st.builds(_mutated, numbers, st.randoms(use_true_random=False))


def _mutated(number: int, random: Random) -> Other:
    chosen = seeds()[number]
    return Other(changed(chosen.data, random), chosen.name)


def changed(good: bytes, random: Random) -> bytes:
    """The bytes with one to six changes, most of them in front."""
    data = bytearray(good)
    for _ in range(random.randint(1, 6)):
        random.choice((_flip, _mark, _cut, _move))(data, random)
    return bytes(data)


def _place(data: bytearray, random: Random) -> int:
    """Mostly in front, where structure is told."""
    return int(len(data) * random.random() ** random.choice((1, 3, 8)))


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[min(_place(data, random), len(data) - 1)] ^= 1 << random.randrange(8)


def _mark(data: bytearray, random: Random) -> None:
    at, mark = _place(data, random), random.choice(_MARKS)
    data[at : at + len(mark)] = mark


def _cut(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    del data[at : at + random.choice((1, 4, 512, len(data)))]


def _move(data: bytearray, random: Random) -> None:
    at, to = _place(data, random), _place(data, random)
    data[to:to] = data[at : at + random.choice((2, 4, 7))]


@dataclass(slots=True)
class OtherExamination:
    """Cleans a file; it must be refused, held back by the judge, or hold none of what was planted, in little time."""

    folder: Path
    seen: Counter[str] = field(default_factory=Counter)

    def __call__(self, other: Other) -> None:
        """Raise AssertionError when it is none of these, or whatever error no one expects."""
        start = time.monotonic()
        source, output = self.folder / "source", self.folder / "output"
        source.write_bytes(other.data)
        accepted = format_of_file(source, other.name)
        outcome = "no format" if accepted is None else self._cleaned(accepted, source, output, other.name)
        self.seen[outcome] += 1
        assert time.monotonic() - start < SECONDS

    def _cleaned(self, accepted: Format, source: Path, output: Path, name: str) -> str:
        policy = load_policy("tcia")
        try:
            accepted.describe(source, _IDENTITY, name)
            accepted.scrub(source, output, policy, _IDENTITY, name)
        except DeidError as refusal:
            told = str(refusal)
        else:
            return self._judged(accepted, source, output, name)
        assert not any(needle.decode() in told for needle in NEEDLES)
        return "refused"

    def _judged(self, accepted: Format, source: Path, output: Path, name: str) -> str:
        if not any(needle in inflated(output) for needle in NEEDLES):
            return "clean"
        assert list(accepted.audit("item", source, output, load_policy("tcia"), _IDENTITY, name))
        return "held back"


def inflated(path: Path) -> bytes:
    """What a file says once unpacked."""
    data = path.read_bytes()
    unpack: Callable[[bytes], bytes] = gzip.decompress if data.startswith(b"\x1f\x8b") else bytes
    return unpack(data)
