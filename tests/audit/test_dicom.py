"""The audit of whole objects: silent on what is clean, whatever the object; never without an answer."""

from __future__ import annotations

import logging
import tracemalloc
from pathlib import Path

import pytest
from pydicom import uid as uids

from deid_platform.errors import DeidError
from deid_platform.policy import load_policy
from tests.audit.tampering import audited, patched, tampered
from tests.builders import bad_files
from tests.builders.dicom import SCRIPTS
from tests.builders.elements import element, pixels_at
from tests.formats.dicom.cleaning import (
    FORMAT,
    IDENTITY,
    OBJECTS,
    PROFILES,
    Laboratory,
    plain_image,
    with_elements,
)

DATA = Path(__file__).parents[3] / "shared" / "data" / "dicom"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", OBJECTS)
def test_clean_outputs_of_every_kind_raise_no_alarm(lab: Laboratory, name: str, profile: str) -> None:
    assert audited(lab.built(name, profile)) == set()


@pytest.mark.parametrize("number", range(1, len(SCRIPTS)))
def test_clean_outputs_in_every_script_raise_no_alarm(lab: Laboratory, number: int) -> None:
    for name in ("CT", "report", "document"):
        assert audited(lab.built(name, "tcia", number)) == set()


@pytest.mark.parametrize(
    "name", ["no_preamble", "wrong_vr", "out_of_order", "trailing_junk", "group_0004", "odd_length"]
)
def test_clean_outputs_of_odd_files_raise_no_alarm(lab: Laboratory, name: str) -> None:
    for profile in PROFILES:
        assert audited(lab.clean(bad_files.all_bad()[name](), profile)) == set()


def test_an_output_cleaned_again_raises_no_alarm(lab: Laboratory) -> None:
    for profile in PROFILES:
        for name in ("PT", "report", "document"):
            assert audited(lab.clean(lab.built(name, profile).output.read_bytes(), profile)) == set()


def test_a_retained_device_raises_no_alarm(lab: Laboratory) -> None:
    device = element(0x00181002, b"UI", b"1.2.826.77") + element(0x00181000, b"LO", b"77123456")
    assert audited(lab.clean(with_elements(device))) == set()


def test_rewriting_an_output_unchanged_raises_no_alarm(lab: Laboratory, tmp_path: Path) -> None:
    for name in ("MR", "report", uids.RLELossless.name):
        assert tampered(lab.built(name), tmp_path, lambda ds: None) == set()


@pytest.mark.skipif(not DATA.is_dir(), reason="the real DICOM files are not here")
@pytest.mark.parametrize("every", [21, pytest.param(3, marks=pytest.mark.slow)])
def test_real_files_are_cleaned_without_alarm_or_refused_for_a_reason(tmp_path: Path, every: int) -> None:
    output, policy = tmp_path / "output", load_policy("tcia")
    files = [path for path in sorted(DATA.rglob("*")) if path.is_file() and 0 < path.stat().st_size < 1_000_000]
    passed = 0
    for path in files[::every]:
        with path.open("rb") as file:
            if not FORMAT.accepts(file.read(4096)):
                continue
        try:
            FORMAT.scrub(path, output, policy, IDENTITY)
        except DeidError:
            continue
        assert list(FORMAT.audit("item", path, output, policy, IDENTITY)) == [], path
        passed += 1
    assert passed > 200 // every


def test_an_output_nobody_can_read_is_found(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.built("MR")
    data = cleaned.output.read_bytes()
    for broken in (b"", data[:200], b"no DICOM", data[: pixels_at(data) - 30] + b"\x99\0\x01\x10SQ\0\0\xff\0\0\0abcd"):
        assert patched(cleaned, tmp_path, broken) != set()


def test_the_audit_takes_little_memory_whatever_the_size_of_the_pixels(lab: Laboratory, tmp_path: Path) -> None:
    cleaned, size = lab.clean(plain_image()), 100_000_000
    head = cleaned.output.read_bytes()
    head = head[: pixels_at(head)] + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
    output = tmp_path / "large"
    with output.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    assert audited(cleaned) == set()
    tracemalloc.start()
    try:
        assert audited(cleaned, output) == {("pixels", "behind_image", "forbidden_content")}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


def test_nothing_is_logged_of_what_an_object_says(lab: Laboratory, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    strange = element(0x00080005, b"CS", b"Zacharias"), element(0x0020000E, b"UI", b"Zacharias")
    cleaned = lab.clean(with_elements(*strange, element(0x00081030, b"LO", "Я Quintrellebaba".encode("cp1251"))))
    audited(cleaned)
    audited(lab.clean(bad_files.wrong_vr()))
    assert caplog.records == []


def test_auditing_changes_nothing(lab: Laboratory) -> None:
    cleaned = lab.built("MR")
    before = cleaned.source.read_bytes(), cleaned.output.read_bytes()
    audited(cleaned)
    assert before == (cleaned.source.read_bytes(), cleaned.output.read_bytes())
