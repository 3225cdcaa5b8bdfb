from __future__ import annotations

from datetime import date
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.audit.needles import Needles, collect_needles, dates_in, plain, readable_values
from deid_platform.policy import load_policy
from tests.builders.dicom import encode, person, report, study_date
from tests.builders.elements import element
from tests.formats.dicom.cleaning import small, with_elements
from tests.formats.dicom.test_elements import undefined

pytestmark = pytest.mark.filterwarnings("ignore")
"""pydicom warns of what is odd here on purpose."""


def needles(ds: Dataset, profile: str = "tcia", shift: int = 10) -> Needles:
    return collect_needles(ds, load_policy(profile), shift)


def of(*elements: bytes, profile: str = "tcia") -> Needles:
    return needles(dcmread(BytesIO(with_elements(*elements))), profile)


@pytest.mark.parametrize("number", range(7))
def test_everything_planted_is_looked_for(number: int) -> None:
    who = person(number)
    for ds in (dcmread(BytesIO(encode(make(who)))) for make in (small, report)):
        found = needles(ds)
        assert {plain(word) for word in (who.family, who.given, who.physician)} <= found.words
        assert {who.family, who.given, who.physician} <= found.spellings
        assert {plain(n) for n in (who.patient_id, who.accession, who.phone)} <= found.numbers
        assert plain(who.institution.split()[1]) in found.words
        assert str(ds.SOPInstanceUID) in found.uids
        assert {*dates_in(study_date(who, 1))} <= found.dates


def test_names_are_looked_for_under_any_vr_and_in_any_depth() -> None:
    assert "zacharias" in of(element(0x00100010, b"LO", b"Zacharias^Kent")).words
    inner = undefined(0x00081110, b"SQ", undefined(0x00081110, b"SQ", element(0x00101005, b"PN", b"Deepname")))
    assert "deepname" in of(inner).words


def test_names_in_another_character_set_than_the_declared_one_are_looked_for() -> None:
    name = "Тихонравова"
    for declared in (b"", b"ISO_IR 100"):
        found = of(element(0x00080005, b"CS", declared), element(0x00100010, b"PN", name.encode()))
        assert name in found.spellings
        assert plain(name) in found.words


def test_names_of_two_ideographs_are_long_enough() -> None:
    found = of(element(0x00080005, b"CS", b"ISO_IR 192"), element(0x00100010, b"PN", "Li^Ming=李^小明".encode()))
    assert {"小明", "李小明"} <= found.words
    assert "李" not in found.words


def test_common_words_and_short_ones_are_not_looked_for_alone() -> None:
    found = of(element(0x00100010, b"PN", b"Chest^Li"), element(0x00080080, b"LO", b"General Hospital"))
    assert not found.words & {"chest", "li", "general", "hospital"}
    assert ("chest", "li") in found.pairs
    assert ("li", "chest") in found.pairs


def test_nobody_is_not_looked_for() -> None:
    assert not of(element(0x00100010, b"PN", b"Anonymous^Patient")).words & {"anonymous", "patient"}


def test_registered_and_retained_uids_are_not_looked_for() -> None:
    found = of(element(0x00181002, b"UI", b"1.2.826.77"))
    assert "1.2.840.10008.5.1.4.1.1.4" not in found.uids
    assert "1.2.826.77" not in found.uids
    assert "1.2.826.77" in of(element(0x00181002, b"UI", b"1.2.826.77"), profile="basic").uids
    assert "1.2.840.10008.5.20110523" in of(element(0x00080014, b"UI", b"1.2.840.10008.5.20110523")).uids


def test_a_date_another_one_may_have_become_proves_nothing() -> None:
    ds = Dataset()
    ds.StudyDate, ds.SeriesDate, ds.PatientBirthDate = "20110523", "20110513", "19310314"
    assert needles(ds).dates == {date(2011, 5, 23), date(1931, 3, 14)}
    assert needles(ds, "basic").dates == {date(2011, 5, 23), date(2011, 5, 13), date(1931, 3, 14)}


def test_dummy_dates_are_not_looked_for() -> None:
    ds = Dataset()
    ds.StudyDate = "19000101"
    assert needles(ds).dates == frozenset()


@pytest.mark.parametrize(
    ("text", "day"),
    [("20110523", date(2011, 5, 23)), (" 2011.05.23", date(2011, 5, 23)), ("20110523101500+0100", date(2011, 5, 23)),
     ("2011", None), ("20111301", None), ("Easter", None), ("", None)],
)  # fmt: skip
def test_dates_are_read_from_the_beginning_of_a_value(text: str, day: date | None) -> None:
    assert list(dates_in(text)) == ([day] if day else [])


def test_values_that_cannot_be_decoded_are_read_as_letters() -> None:
    ds = dcmread(BytesIO(with_elements(element(0x00380010, b"IS", b"7 Zacharias"))))
    values = {tag: texts for tag, _, texts, _ in readable_values(ds)}
    assert "Zacharias" in values[0x00380010][0]


def test_plain_text_has_no_capitals_and_no_accents() -> None:
    assert plain("Séléphine ŻÓŁ") == "selephine zoł"
    assert plain("Се\u0301") == "се"
