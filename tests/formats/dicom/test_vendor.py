"""Vendor headers from the inside: what is kept, what never gets through, and that the outcome is one still."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from deid_platform.errors import PolicyError
from deid_platform.formats.dicom.ascconv import clean_protocol
from deid_platform.formats.dicom.csa import CsaElement, clean_csa, read_csa, write_csa
from deid_platform.formats.dicom.elements import BULK_BYTES
from deid_platform.formats.dicom.ge_flags import clean_ge_flags
from deid_platform.formats.dicom.ge_protocol import clean_ge_protocol
from deid_platform.policy import load_policy
from deid_platform.policy.headers import kept_values, known_names
from tests.audit.tampering import audited
from tests.builders.elements import element
from tests.formats.dicom.cleaning import Laboratory, with_elements
from tests.formats.dicom.headers import CSA, PROTOCOL, csa, ge_flags, ge_protocol, research

NEEDLE = b"Zacharias"


@dataclass(frozen=True)
class Plausible:
    """Nothing identifies but the words it was given, and dates."""

    words: tuple[str, ...] = ("Zacharias",)
    numbers: tuple[str, ...] = ("20110523",)
    asked: list[str] = field(default_factory=list)

    def harmless_number(self, text: str) -> bool:
        return text not in self.numbers

    def harmless(self, text: str) -> bool:
        return not any(word in text for word in self.words)


def values(header: bytes | None, name: str) -> list[bytes]:
    assert header is not None
    return [item.rstrip(b"\0") for one in read_csa(header) if one.name == name for item in one.items]


def test_a_csa_header_keeps_numbers_and_terms_of_elements_the_table_lets_pass() -> None:
    times = ("MosaicRefAcqTimes", "FD", [b"0.5", b"7.25"])
    header = clean_csa(csa(("B_value", "IS", [b"1000"]), ("ICE_Dims", "LO", [b"X_1_1_2"]), times), Plausible())
    assert values(header, "B_value") == [b"1000"]
    assert values(header, "ICE_Dims") == [b"X_1_1_2"]
    assert values(header, "MosaicRefAcqTimes") == [b"0.5", b"7.25"]


@pytest.mark.parametrize(
    "planted",
    [
        ("Zacharias", "IS", [b"1"]),
        ("B_value", "IS", [b"Zacharias"]),
        ("ICE_Dims", "LO", [b"Zacharias"]),
        ("CoilForGradient2", "SH", [b"Zacharias"]),
        ("DataFileName", "LO", [b"Zacharias"]),
        ("PatReinPattern", "ST", [b"Zacharias"]),
        ("MrPhoenixProtocol", "UN", [PROTOCOL.encode()]),
        ("MrPhoenixProtocol", "UN", [b"Zacharias"]),
        ("B_value", "IS", [b"1", b"2\0Zacharias"]),
    ],
)
def test_nothing_else_of_a_csa_header_gets_through(planted: tuple[str, str, list[bytes]]) -> None:
    header = clean_csa(csa(planted, ("B_value", "IS", [b"1000"]), garbage=NEEDLE), Plausible())
    assert header is not None
    assert NEEDLE not in header
    assert b"1000" in values(header, "B_value")


def test_numbers_of_the_subject_and_dates_go_from_a_csa_header() -> None:
    header = clean_csa(csa(("EchoLinePosition", "IS", [b"20110523"]), ("B_value", "IS", [b"5"])), Plausible())
    assert values(header, "EchoLinePosition") == []
    assert values(header, "B_value") == [b"5"]


def test_emptied_elements_of_a_csa_header_stay_without_values() -> None:
    header = clean_csa(csa(("DataFileName", "LO", [b"Zacharias"])), Plausible())
    assert [(one.name, one.items) for one in read_csa(header or b"")] == [("DataFileName", ())]


def test_a_written_csa_header_reads_as_it_was() -> None:
    elements = [CsaElement("B_value", 1, "IS", 6, (b"1\0",)), CsaElement("ICE_Dims", 2, "LO", 19, ())]
    assert list(read_csa(write_csa(elements))) == elements
    assert write_csa(elements) == write_csa(elements)


@pytest.mark.parametrize("cut", [0, 3, 12, 20, 90, 110])
def test_a_damaged_csa_header_is_none(cut: int) -> None:
    assert clean_csa(csa(("B_value", "IS", [b"1000"]))[:cut], Plausible()) is None


def test_a_csa_header_that_lies_about_its_lengths_is_none() -> None:
    good = csa(("B_value", "IS", [b"1000"]))
    for at, value in ((8, 5000), (12, 1), (92, 99), (96, 1), (104, 1 << 30), (104, -4 & 0xFFFFFFFF)):
        assert clean_csa(good[:at] + struct.pack("<I", value) + good[at + 4 :], Plausible()) is None, at


def test_a_protocol_keeps_what_its_table_lets_pass_and_no_other_line() -> None:
    text = clean_protocol(PROTOCOL, Plausible())
    assert text is not None
    kept = [line for line in text.splitlines() if not line.startswith("###")]
    assert kept == [
        "ulVersion\t = \t0x14b44b6",
        'tSequenceFileName\t = \t"%SiemensSeq%\\ep2d_bold"',
        "sKSpace.lBaseResolution\t = \t64",
        "alTE[0]\t = \t3.0e4",
        'sTXSPEC.asNucleusInfo[0].tNucleus\t = \t"1H"',
    ]


def test_a_text_without_a_protocol_is_none() -> None:
    assert clean_protocol("Zacharias", Plausible()) is None
    assert clean_protocol("### ASCCONV BEGIN ###\nulVersion = 1\n", Plausible()) is None


@pytest.mark.parametrize("name", [b"", b"Zacharias_Kent"])
def test_a_ge_protocol_keeps_its_harmless_lines_and_an_even_length(name: bytes) -> None:
    text = 'SEDESC "Zacharias"\nVIEWORDER "1"\nZACHARIAS "1"\nset IMODE "2D"\nPSEQ "Zacharias"\nTE "Zacharias"\n'
    if name:
        # A name in the gzip header belongs to the compressed text.
        assert gzip.decompress(ge_protocol(text, name)[4:]).decode() == text
    block = clean_ge_protocol(ge_protocol(text, name), Plausible())
    assert block is not None
    assert len(block) % 2 == 0
    assert struct.unpack("<I", block[:4])[0] == len(block) - 4
    assert gzip.decompress(block[4:]).decode().split("\n")[:2] == ['VIEWORDER "1"', 'IMODE "2D"']
    assert name.lower() not in block.lower() or not name


@pytest.mark.parametrize("value", [b"", b"Zacharias", b"\0\0\0\0\x1f\x8b\x08Zacharias", ge_protocol("x")[:-9]])
def test_what_is_no_ge_protocol_is_none(value: bytes) -> None:
    assert clean_ge_protocol(value, Plausible()) is None


@pytest.mark.parametrize(("version", "polarity", "order"), [(24.0, 0x30, 0x394), (28.003, 0x30 + 0x4C, 0x394 - 0x40)])
def test_of_ge_user_data_three_flags_stay(version: float, polarity: int, order: int) -> None:
    check = polarity + 0x0A
    block = clean_ge_flags(ge_flags(version, {polarity: 0xFFFF, check: 0xFFFF, order: 2}))
    assert block is not None
    assert struct.unpack_from("<f", block, 32)[0] == pytest.approx(version)
    assert struct.unpack_from("<H", block, 32 + polarity)[0] == 4
    assert struct.unpack_from("<H", block, 32 + check)[0] == 0x800
    assert struct.unpack_from("<H", block, 32 + order)[0] == 2
    assert sum(map(bool, block)) <= 8


def test_what_are_no_ge_user_data_is_none() -> None:
    assert clean_ge_flags(b"Zacharias" * 200) is None
    assert clean_ge_flags(b"\0" * 100) is None


HEADERS = {
    "csa": (
        element(0x00290010, b"LO", b"SIEMENS CSA HEADER"),
        element(0x00291010, b"OB", csa(("B_value", "IS", [b"1000"]), ("DataFileName", "LO", [NEEDLE]), garbage=NEEDLE)),
        element(0x00291020, b"OB", csa(("MrPhoenixProtocol", "UN", [PROTOCOL.encode()]), garbage=NEEDLE)),
    ),
    "large csa": (
        element(0x00290010, b"LO", b"SIEMENS CSA HEADER"),
        element(0x00291010, b"OB", csa(("DataFileName", "LO", [NEEDLE * BULK_BYTES]), ("B_value", "IS", [b"1000"]))),
    ),
    "protocol": (
        element(0x00210010, b"LO", b"SIEMENS MR SDS 01"),
        element(0x00211019, b"OB", PROTOCOL.encode()),
    ),
    "ge": (
        element(0x00250010, b"LO", b"GEMS_SERS_01"),
        element(0x0025101B, b"OB", ge_protocol('SEDESC "Zacharias"\nVIEWORDER "1"\n', NEEDLE)),
        element(0x00430010, b"LO", b"GEMS_PARM_01"),
        element(0x0043102A, b"OB", ge_flags(28.0, {0x7C: 4, 0x86: 0x800, 0x354: 1})),
    ),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_profile_that_asks_keeps_headers_clean_and_the_audit_agrees(
    lab: Laboratory, tmp_path: Path, kind: str
) -> None:
    output = lab.clean(with_elements(*HEADERS[kind]), research(tmp_path))
    kept = [one for one in dcmread(BytesIO(output.data)) if one.VR == "OB" and one.tag.group & 1]
    assert len(kept) == sum(part[4:6] == b"OB" for part in HEADERS[kind])
    assert NEEDLE.lower() not in output.data.lower()
    assert audited(output) == set()


@pytest.mark.parametrize("kind", HEADERS)
def test_a_profile_that_does_not_ask_removes_headers(lab: Laboratory, kind: str) -> None:
    ds = dcmread(BytesIO(lab.clean(with_elements(*HEADERS[kind]), "tcia").data))
    assert not [one for one in ds if one.tag.group & 1 and one.VR == "OB"]


@pytest.mark.parametrize("value", [b"Zacharias", b"SV10Zacharias", b"\x1f\x8b\x08Zacharias"])
def test_what_is_no_header_goes_even_if_asked_for(lab: Laboratory, tmp_path: Path, value: bytes) -> None:
    places = (("SIEMENS CSA HEADER", 0x00291010), ("GEMS_SERS_01", 0x0025101B), ("GEMS_PARM_01", 0x0043102A))
    for creator, tag in places:
        block = element(tag & 0xFFFF0000 | 0x10, b"LO", creator.encode())
        output = lab.clean(with_elements(block, element(tag, b"OB", value)), research(tmp_path))
        assert not [one for one in dcmread(BytesIO(output.data)) if one.tag.group & 1 and one.VR == "OB"]


def test_a_header_nobody_knows_and_one_without_its_option_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('name = "x"\nedition = "2026c"\noptions = []\nvendor_headers = ["siemens"]\n')
    with pytest.raises(PolicyError, match="no such header 'siemens'"):
        load_policy(str(path))
    path.write_text('name = "x"\nedition = "2026c"\noptions = []\nvendor_headers = ["siemens_csa"]\n')
    with pytest.raises(PolicyError, match="needs the option retain_safe_private"):
        load_policy(str(path))


def test_what_a_csa_header_says_of_the_patient_is_known_and_emptied() -> None:
    kept = kept_values(CSA)
    assert {"UsedPatientWeight", "PatReinPattern", "DataFileName"} <= known_names(CSA) - kept.keys()
