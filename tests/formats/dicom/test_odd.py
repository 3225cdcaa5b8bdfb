"""Every odd file the builders make, and what becomes of it: cleaned without a trace of its subject, or refused."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread

from deid_platform.errors import DeidError
from deid_platform.model import Reason
from deid_platform.pixels.layout import quiet
from deid_platform.policy import load_policy
from tests.builders.dicom import leaks
from tests.builders.elements import element
from tests.builders.odd import PERSON, Odd, holding
from tests.builders.odd_pixels import all_odd_pixels
from tests.builders.odd_structure import all_odd_structures
from tests.builders.odd_texts import TEXTS, all_odd_texts
from tests.builders.odd_values import all_odd_values
from tests.formats.dicom.cleaning import FORMAT, IDENTITY, RETAINED, inflated

ODD = all_odd_texts() | all_odd_values() | all_odd_structures() | all_odd_pixels()

REFUSED = {
    # The transfer syntax is not true, and readers would not notice.
    "says big endian, is little": Reason.MALFORMED,
    "says little endian, is big": Reason.MALFORMED,
    "says big endian, is implicit": Reason.MALFORMED,
    "says deflated, is not": Reason.MALFORMED,
    # Nothing tells where the data set begins.
    "meta in implicit vr": Reason.MALFORMED,
    "preamble without prefix": Reason.MALFORMED,
    "prefix in small letters": Reason.MALFORMED,
    # Readers differ on how long an element of an unknown VR is.
    "vr in small letters": Reason.MALFORMED,
    "vr of two question marks": Reason.MALFORMED,
    "vr of two blanks": Reason.MALFORMED,
    "vr of a later edition": Reason.MALFORMED,
    # Sequences that are none, or do not end where they say.
    "unknown vr holds an open explicit sequence": Reason.TRUNCATED,
    "sequence holds a text": Reason.MALFORMED,
    "item delimiter missing": Reason.MALFORMED,
    "sequence delimiter missing": Reason.MALFORMED,
    "item longer than its sequence": Reason.MALFORMED,
    "sequence longer than its items": Reason.MALFORMED,
    "element longer than its item": Reason.MALFORMED,
    "delimiter where an element should be": Reason.MALFORMED,
    "65 levels": Reason.NESTED_TOO_DEEP,
    # Pixels
    "pixels of text": Reason.MALFORMED,
    "pixels as a sequence": Reason.MALFORMED,
    "fragments without an end": Reason.TRUNCATED,
}
"""Files that are refused while they are read, and why."""

UNDECODABLE = frozenset({"fragments that name", "fragments in a native file", "says native, is rle"})
"""Files that are refused when they are cleaned: nobody knows what stands in their compressed frames."""

HELD_BACK = {
    "pixels that name": Reason.RESIDUAL_IDENTIFIER,
    # More bytes than the image has by its own words. The pixel stage, which comes first, cannot decode them.
    "7 bits allocated": Reason.FORBIDDEN_CONTENT,
    "frames below zero": Reason.FORBIDDEN_CONTENT,
}
"""Files whose pixel bytes are none: cleaning leaves pixels to the pixel stage, the gate looks into them."""

CLEANED = sorted(ODD.keys() - REFUSED.keys() - HELD_BACK.keys() - UNDECODABLE)
"""All others come out clean, whatever is odd about them."""

NEW_ERRORS = {
    "report": "type 2 attributes the profile removes",
    "rows of text": "Rows that spell a name are no Rows",
    "sequence under the vr of a text": "a sequence that is none goes",
    "terms, one of them a name": "the third value of Image Type was a name",
    "modality that is a name": "there is no Modality to be had",
}
"""Cleaned files in which a validator finds what it did not find before, and why."""


@dataclass(frozen=True, slots=True)
class Files:
    """A file before and after cleaning."""

    source: Path
    output: Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "source", tmp_path / "output")


def _clean(odd: Odd, files: Files, profile: str) -> bytes:
    """The bytes of the cleaned file, inflated."""
    files.source.write_bytes(odd.make())
    FORMAT.scrub(files.source, files.output, load_policy(profile), IDENTITY)
    return inflated(files.output.read_bytes())


def _rules(files: Files, profile: str) -> set[str]:
    return {f.rule for f in FORMAT.audit("item", files.source, files.output, load_policy(profile), IDENTITY)}


def test_the_tables_name_no_file_that_is_not_there() -> None:
    assert REFUSED.keys() | HELD_BACK.keys() | NEW_ERRORS.keys() | UNDECODABLE <= ODD.keys()


@pytest.mark.parametrize("name", CLEANED)
def test_an_odd_file_comes_out_clean(files: Files, name: str) -> None:
    _check_clean(files, ODD[name], "tcia")
    with quiet():
        cleaned = dcmread(files.output)
        cleaned.decode()
    assert cleaned.PatientIdentityRemoved == "YES"
    assert str(cleaned.PatientID) == FORMAT.describe(files.source, IDENTITY).subject
    if shutil.which("dciodvfy"):
        assert bool(_errors(files.output) - _errors(files.source)) == (name in NEW_ERRORS)


@pytest.mark.parametrize("name", CLEANED[1::6])
def test_the_profile_makes_no_difference(files: Files, name: str) -> None:
    _check_clean(files, ODD[name], "basic")


def _check_clean(files: Files, odd: Odd, profile: str) -> None:
    data = _clean(odd, files, profile)
    assert leaks(odd.who, data, without=RETAINED[profile]) == []
    assert [token for token in odd.hidden if token in data] == []
    assert _rules(files, profile) == set()


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_nobody_can_read_safely_is_refused_for_its_reason(files: Files, name: str) -> None:
    files.source.write_bytes(ODD[name].make())
    with pytest.raises(DeidError) as described:
        FORMAT.describe(files.source, IDENTITY)
    with pytest.raises(DeidError) as scrubbed:
        FORMAT.scrub(files.source, files.output, load_policy("tcia"), IDENTITY)
    assert described.value.reason is scrubbed.value.reason is REFUSED[name]
    assert leaks(ODD[name].who, f"{described.value} {scrubbed.value}".encode()) == []


@pytest.mark.parametrize("name", sorted(UNDECODABLE))
def test_compressed_frames_nobody_knows_are_refused(files: Files, name: str) -> None:
    with pytest.raises(DeidError) as refused:
        _clean(ODD[name], files, "tcia")
    assert refused.value.reason is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize("name", HELD_BACK)
def test_what_stands_among_pixel_bytes_is_seen_by_the_gate(files: Files, name: str) -> None:
    _clean(ODD[name], files, "tcia")
    assert _rules(files, "tcia") == {str(HELD_BACK[name])}


def _errors(path: Path) -> set[str]:
    """What dciodvfy finds wrong, without values."""
    found = subprocess.run(["dciodvfy", path], capture_output=True, check=False).stderr.decode("latin-1")
    return {re.sub(r"<[^>]*>|= <.*", "", line) for line in found.split("\n") if line.startswith("Error")}


def test_a_long_text_is_cleaned_in_a_time_in_keeping_with_its_length(files: Files) -> None:
    line = f"Axial T1 after contrast, 5 mm. {'No effusion. ' * 200}{PERSON.family} "
    seconds = []
    for size in (100_000, 400_000):
        text = (line * (size // len(line) + 1))[:size].encode()
        start = time.process_time()
        data = _clean(Odd(holding(element(TEXTS[b"UT"], b"UT", text))), files, "tcia")
        seconds.append(time.process_time() - start)
        assert leaks(PERSON, data, without=RETAINED["tcia"]) == []
        assert data.count(b"No effusion.") == text.count(b"No effusion.")
    assert seconds[1] < 10 * seconds[0]
