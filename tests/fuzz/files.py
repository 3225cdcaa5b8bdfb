"""DICOM files that went wrong at random, and what must be true of whatever comes of them."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from deid_platform.errors import DeidError
from deid_platform.formats.dicom.elements import DataSet
from deid_platform.formats.dicom.source import open_source
from deid_platform.pixels.layout import quiet
from deid_platform.policy import load_policy
from tests.builders.dicom import Person, leaks, planted
from tests.builders.elements import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED
from tests.builders.odd import PERSON, body, preliminaries
from tests.formats.dicom.cleaning import FORMAT, IDENTITY, PROFILES, RETAINED, inflated
from tests.formats.dicom.mutation import CORPUS, mutated

DATA = Path(__file__).parents[3] / "shared" / "data" / "dicom"
"""Real files, which serve as seeds where they are there."""
MAX_SEED_BYTES = 150_000
CONTRIBUTING_EQUIPMENT = 0x0018A001
"""Where every pass adds an item of its own."""
SECONDS = 20.0
"""No file of the size tried here may take longer, on a slow machine with other work."""

_VRS = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US OB OW UC UN UR UT".split()
_LONG = frozenset("OB OW SQ UC UN UR UT".split())
_TAGS = (
    0x00080005, 0x00080020, 0x00080031, 0x00080070, 0x00081030, 0x00081140, 0x00081199, 0x00082112, 0x00100010,
    0x00100020, 0x00100030, 0x00104000, 0x00189004, 0x00204000, 0x00290010, 0x00291008, 0x00291020,
    0x00400275, 0x0040A124, 0x0040A160, 0x0040A730, 0x00420011, 0x00540016, 0x00880200, 0x00990010, 0x00991001,
    0x04000561, 0x50003000, 0x60003000,
)  # fmt: skip
# Set apart by blanks: in one word with another, nobody tells a name from the rest.
_TOKENS = [
    f" {token} ".encode() for token in (PERSON.family, PERSON.given, PERSON.name, PERSON.patient_id, PERSON.other_id,
                                    PERSON.phone, PERSON.email, PERSON.birth_date, PERSON.sentence)
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Broken:
    """A file, and whom it is about."""

    data: bytes
    who: Person


def broken_files() -> st.SearchStrategy[Broken]:
    """Whole files with one to five changes, and files with trees of elements nobody would write."""
    return st.one_of(st.builds(_mutated, st.integers(0, len(CORPUS) - 1), _chances()), grown_files())


def real_files() -> st.SearchStrategy[Broken]:
    """Real files, their subject renamed to a person of the builders, with one to five changes."""
    return st.builds(_mutated_real, st.integers(0, len(seeds()) - 1), _chances())


def grown_files() -> st.SearchStrategy[Broken]:
    """A good file with elements grown from a grammar: sequences in sequences, either length, VRs and tags at will."""
    return st.lists(_elements(), min_size=1, max_size=8).map(_grown)


def _chances() -> st.SearchStrategy[Random]:
    return st.randoms(use_true_random=False)


def _mutated(number: int, random: Random) -> Broken:
    base, who = CORPUS[number]
    return Broken(mutated(base(), random), who)


def _mutated_real(number: int, random: Random) -> Broken:
    return Broken(mutated(seeds()[number], random), PERSON)


def _grown(elements: list[bytes]) -> Broken:
    return Broken(preliminaries() + body(*elements), PERSON)


def _elements() -> st.SearchStrategy[bytes]:
    leaf = st.builds(_leaf, st.sampled_from(_TAGS), st.sampled_from(_VRS), _values(), st.booleans())
    return st.recursive(
        leaf,
        lambda inner: st.builds(
            _sequence, st.sampled_from(_TAGS), st.sampled_from(("SQ", "SQ", "SQ", "UN", "OB", "LO")),
            st.lists(st.lists(inner, max_size=4), max_size=3), st.booleans(), st.booleans(),
        ),
        max_leaves=12,
    )  # fmt: skip


def _values() -> st.SearchStrategy[bytes]:
    separators = st.sampled_from((b"\\", b"\0", b" ", b"\x1b$B"))
    piece = st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=12), separators)
    return st.lists(piece, max_size=4).map(b"".join)


def _leaf(tag: int, vr: str, value: bytes, implicit: bool) -> bytes:
    value += b" " * (len(value) % 2)
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return start + struct.pack("<I", len(value)) + value
    length = struct.pack("<HI", 0, len(value)) if vr in _LONG else struct.pack("<H", len(value))
    return start + vr.encode() + length + value


def _sequence(tag: int, vr: str, items: list[list[bytes]], open_: bool, open_items: bool) -> bytes:
    content = b"".join(_item(b"".join(elements), open_items) for elements in items)
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr not in _LONG:
        return start + struct.pack("<H", len(content) & 0xFFFF) + content
    if open_:
        return start + struct.pack("<HI", 0, UNDEFINED) + content + SEQUENCE_END + bytes(4)
    return start + struct.pack("<HI", 0, len(content)) + content


def _item(content: bytes, open_: bool) -> bytes:
    if open_:
        return ITEM + struct.pack("<I", UNDEFINED) + content + ITEM_END + bytes(4)
    return ITEM + struct.pack("<I", len(content)) + content


@cache
def seeds() -> tuple[bytes, ...]:
    """Every seventh small real file, about :data:`~tests.builders.odd.PERSON` now; none where there are none."""
    paths = [p for p in sorted(DATA.rglob("*")) if p.is_file() and 0 < p.stat().st_size < MAX_SEED_BYTES]
    return tuple(renamed for path in paths[::7] if (renamed := _renamed(path)))


def _renamed(path: Path) -> bytes:
    """The file with another patient's name and number, also in its texts; nothing where it cannot be cleaned as is."""
    buffer = BytesIO()
    try:
        with quiet():
            FORMAT.describe(path, IDENTITY)
            ds = dcmread(path)
            ds.PatientName, ds.PatientID = PERSON.name, PERSON.patient_id
            ds.OtherPatientNames = ds.PatientBirthName = PERSON.name  # a name that stands once is lost with its place
            ds.ImageComments, ds.SeriesDescription = PERSON.sentence, f"Chest {PERSON.family}"
            dcmwrite(buffer, ds)
    except Exception:  # noqa: BLE001 - not every real file can be written by the library
        return b""
    return buffer.getvalue()


class Examination:
    """What must hold of any file. ``seen`` counts what became of them: refused, clean, held back by the gate."""

    def __init__(self, folder: Path, profiles: tuple[str, ...] = PROFILES) -> None:
        self.seen = {"refused": 0, "clean": 0, "held back": 0}
        self._folder = folder
        self._profiles = profiles

    def __call__(self, broken: Broken) -> None:
        """Raise AssertionError, or whatever came up, when a file is not dealt with as promised."""
        for profile in self._profiles:
            start = time.process_time()
            self.seen[self._outcome(broken, profile)] += 1
            assert time.process_time() - start < SECONDS, "it took too long"

    def _outcome(self, broken: Broken, profile: str) -> str:
        source, first, second = (self._folder / name for name in ("source", "first", "second"))
        policy = load_policy(profile)
        source.write_bytes(broken.data)
        try:
            FORMAT.describe(source, IDENTITY)
            FORMAT.scrub(source, first, policy, IDENTITY)
        except DeidError as error:
            if any(token in str(error) for token in planted(broken.who)):
                raise AssertionError("an error quotes the file") from error
            return "refused"
        FORMAT.scrub(source, second, policy, IDENTITY)
        assert first.read_bytes() == second.read_bytes(), "the same file gave other bytes"
        FORMAT.scrub(first, second, policy, IDENTITY)
        assert _shape(first) == _shape(second), "cleaning again changed the structure"
        left = leaks(broken.who, inflated(first.read_bytes()), without=(*RETAINED[profile], "institution"))
        if [*FORMAT.audit("item", source, first, policy, IDENTITY)]:
            return "held back"
        assert not left, f"{len(left)} identifiers left unseen"
        assert _is_readable(first), "the library cannot read it"
        return "clean"


def _is_readable(path: Path) -> bool:
    with quiet():
        ds: Dataset = dcmread(path)
        ds.decode()
        return all(element.tag for element in ds.iterall())


def _shape(path: Path) -> list[tuple[int, int, int]]:
    """Depth, tag and number of items of every element."""
    with open_source(path) as opened:
        return list(_walked(opened.data, 0))


def _walked(data: DataSet, depth: int) -> Iterator[tuple[int, int, int]]:
    for tag in sorted(data.keys() - {CONTRIBUTING_EQUIPMENT}):
        value = data[tag].value
        items = value if isinstance(value, list) else []
        yield depth, tag, len(items)
        for item in items:
            yield from _walked(item, depth + 1)
