"""Files that are broken, hostile or large."""

from __future__ import annotations

import os
import resource
import tracemalloc
from functools import partial
from pathlib import Path
from random import Random

import pytest
from pydicom import dcmread
from pydicom import uid as uids

from deid_platform.errors import DeidError, MalformedFile
from deid_platform.model import Reason
from deid_platform.policy import Policy, load_policy
from tests.builders import bad_files
from tests.builders.dicom import leaks, planted
from tests.builders.elements import element, pixels_at
from tests.builders.odd_structure import all_odd_structures
from tests.formats.dicom.cleaning import (
    FORMAT,
    IDENTITY,
    PROFILES,
    RETAINED,
    Laboratory,
    inflated,
    plain_image,
    with_elements,
)
from tests.formats.dicom.mutation import CORPUS, mutated

ENDINGS = {
    "empty": Reason.EMPTY,
    "not_dicom": Reason.MALFORMED,
    "truncated_header": Reason.TRUNCATED,
    "truncated_file_meta": Reason.MALFORMED,
    "truncated_pixels": Reason.TRUNCATED,
    "truncated_fragment": Reason.TRUNCATED,
    "unknown_vr": Reason.MALFORMED,
    "deep_nesting": Reason.NESTED_TOO_DEEP,
    "deep_nesting_explicit": Reason.NESTED_TOO_DEEP,
    "deep_nesting_private": Reason.NESTED_TOO_DEEP,
    "huge_length": Reason.TRUNCATED,
    "private_syntax": Reason.UNSUPPORTED_FORMAT,
    "broken_deflate": Reason.TRUNCATED,
    "dicomdir_alone": Reason.DICOMDIR,
    **{f"without_{keyword}": Reason.MISSING_UID for keyword in bad_files.REQUIRED_UIDS},
}
"""Bad files that are refused, and why; all others are cleaned."""
BAD = {**bad_files.all_bad(), "wide_sequence": partial(bad_files.wide_sequence, 10_000),
       "deflated_bomb": partial(bad_files.deflated_bomb, 2_000_000)}  # fmt: skip
"""The two largest made smaller; their size is another test's promise."""


# Objects that are refused


@pytest.mark.parametrize("text", ["1.2.840.10008.Zacharias", "1.2.840.10008.5\u00e9", "1.2.826.0.1.1", "CT"])
def test_a_class_or_syntax_that_is_none_of_the_standard_is_refused(lab: Laboratory, text: str) -> None:
    value = text.encode("latin-1")
    in_class, in_meta = (element(tag, b"UI", value) for tag in (0x00080016, 0x00020010))
    explicit = element(0x00020010, b"UI", uids.ExplicitVRLittleEndian.encode())
    for data in (with_elements(in_class), plain_image().replace(explicit, in_meta)):
        with pytest.raises(DeidError) as refused:
            lab.clean(data)
        assert refused.value.reason is Reason.UNSUPPORTED_FORMAT
        assert text not in str(refused.value)


def test_recorded_voices_are_refused(lab: Laboratory) -> None:
    for sop_class in ("1.2.840.10008.5.1.4.1.1.9.4.1", "1.2.840.10008.5.1.4.1.1.9.4.2"):
        with pytest.raises(DeidError) as refused:
            lab.clean(with_elements(element(0x00080016, b"UI", sop_class.encode())))
        assert refused.value.reason is Reason.UNSUPPORTED_FORMAT


def test_a_directory_is_refused_as_one(lab: Laboratory, tmp_path: Path) -> None:
    with pytest.raises(DeidError) as refused:
        lab.clean(bad_files.dicomdir(tmp_path).read_bytes())
    assert refused.value.reason is Reason.DICOMDIR


def test_a_uid_of_several_values_is_refused(lab: Laboratory) -> None:
    with pytest.raises(MalformedFile):
        lab.clean(with_elements(element(0x0020000D, b"UI", b"1.2.3\\1.2.4")))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_reason_or_comes_out_clean(lab: Laboratory, name: str, profile: str) -> None:
    data = BAD[name]()
    if name in ENDINGS:
        with pytest.raises(DeidError) as refused:
            lab.clean(data, profile)
        assert refused.value.reason is ENDINGS[name]
        assert not [token for token in planted(bad_files.PERSON) if token in str(refused.value)]
        return
    if name == "undecodable":
        with pytest.raises(MalformedFile) as refused:
            lab.clean(data, profile)
        assert refused.value.reason is Reason.PIXELS_UNDECODABLE
        return
    cleaned = lab.clean(data, profile)
    assert leaks(bad_files.PERSON, cleaned.data, without=RETAINED[profile]) == []
    assert dcmread(cleaned.output).PatientIdentityRemoved == "YES"


@pytest.mark.parametrize("name", ENDINGS)
def test_what_cannot_be_scrubbed_cannot_be_described_either(tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(BAD[name]())
    with pytest.raises(DeidError) as refused:
        FORMAT.describe(source, IDENTITY)
    assert refused.value.reason is ENDINGS[name]


# Size


def test_memory_does_not_grow_with_the_pixels(tmp_path: Path) -> None:
    source, output, size = tmp_path / "source", tmp_path / "output", 100_000_000
    head = plain_image()
    head = head[: pixels_at(head)] + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
    with source.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    FORMAT.scrub(_first(tmp_path), output, load_policy("tcia"), IDENTITY)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        FORMAT.scrub(source, output, load_policy("tcia"), IDENTITY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size < output.stat().st_size < size + len(head)
    assert peak < 8_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB
    output.unlink()


@pytest.mark.parametrize("size", [1 << 28, pytest.param(1 << 30, marks=pytest.mark.slow)])
def test_a_large_file_passes_in_the_memory_of_a_small_one(tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    head = plain_image()
    head = head[: pixels_at(head)] + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
    with source.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)  # a hole: no bytes are written here, and none below
    assert _peak(tmp_path, source) < 8_000_000


def test_thousands_of_items_take_little_more_memory_than_bytes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(all_odd_structures()["3000 items"].make())
    assert _peak(tmp_path, source) < 40 * source.stat().st_size


def _peak(folder: Path, source: Path) -> int:
    """Bytes of memory it takes to describe and clean a file; what comes of it is thrown away."""
    FORMAT.scrub(_first(folder), Path(os.devnull), load_policy("tcia"), IDENTITY)
    tracemalloc.start()
    try:
        FORMAT.describe(source, IDENTITY)
        FORMAT.scrub(source, Path(os.devnull), load_policy("tcia"), IDENTITY)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _first(folder: Path) -> Path:
    """A small file: what the engine loads once for all is loaded with it."""
    path = folder / "first"
    path.write_bytes(plain_image())
    return path


def test_a_deflated_data_set_is_inflated_and_deflated_piece_by_piece(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    source.write_bytes(bad_files.deflated_bomb(50_000_000))
    FORMAT.scrub(_first(tmp_path), output, load_policy("tcia"), IDENTITY)
    tracemalloc.start()
    try:
        FORMAT.scrub(source, output, load_policy("tcia"), IDENTITY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000
    assert output.stat().st_size < 200_000
    assert output.stat().st_size % 2 == 0


# Whatever comes in


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("share", range(3))
def test_a_file_broken_at_random_is_refused_or_leaks_nothing_the_audit_does_not_see(
    tmp_path: Path, profile: str, share: int
) -> None:
    """What stands in one place only cannot be told from other words once that place is broken: see CORPUS."""
    source, output, policy = tmp_path / "source", tmp_path / "output", load_policy(profile)
    survived = 0
    for seed in range(share * 110, (share + 1) * 110):
        base, who = CORPUS[seed % len(CORPUS)]
        data = mutated(base(), Random(seed))  # noqa: S311 - nothing secret
        source.write_bytes(data)
        message = _refusal(source, output, policy)
        if message is not None:
            assert not [token for token in planted(who) if token in message], seed
            continue
        survived += 1
        left = leaks(who, _before_pixels(output), without=(*RETAINED[profile], "institution"))
        if left:
            assert [*FORMAT.audit("item", source, output, policy, IDENTITY)], (seed, left)
        FORMAT.scrub(output, tmp_path / "again", policy, IDENTITY)
        assert [*FORMAT.crosswalk(source, IDENTITY, policy)], seed
    assert survived > 10


def _refusal(source: Path, output: Path, policy: Policy) -> str | None:
    """What is said against a file, None if it is cleaned."""
    try:
        FORMAT.describe(source, IDENTITY)
        FORMAT.scrub(source, output, policy, IDENTITY)
    except DeidError as error:
        return str(error)
    return None


def _before_pixels(output: Path) -> bytes:
    """All of an object but its pixels: bytes that turned into pixels are the pixel stage's."""
    data = inflated(output.read_bytes())
    at = max(data.rfind(b"\xe0\x7f\x10\x00"), data.rfind(b"\x7f\xe0\x00\x10"))
    return data[:at] if at > 0 else data
