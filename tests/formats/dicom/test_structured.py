"""Content items by concept: every row of Table E.3.4-1, retired codes, unknown concepts, and trees that stay whole."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from deid_platform.policy.options import BY_LABEL
from deid_platform.policy.tables import rows
from tests.audit.tampering import audited, tampered
from tests.builders.dicom import encode, person, report
from tests.formats.dicom.cleaning import IDENTITY, Laboratory, small

TABLE = rows("ps315_2026c/table_E.3.4-1.csv")
OPTIONS: dict[str, tuple[str, ...]] = {
    "nothing else": (),
    "dates": ("retain_modified_dates",),
    "all": ("clean_descriptors", "retain_patient_characteristics", "retain_device_identity",
            "retain_institution_identity", "retain_modified_dates"),
}  # fmt: skip
RESOLVE = """
[[resolve]]
options = ["retain_device_identity", "retain_modified_dates"]
winner = "retain_modified_dates"
why = "all dates move"
"""


def profile(folder: Path, *options: str) -> str:
    path = folder / "content.toml"
    labels = ", ".join(f'"{label}"' for label in ("clean_structured_content", *options))
    path.write_text(f'name = "content"\nedition = "2026c"\noptions = [{labels}]\n' + (RESOLVE if options else ""))
    return str(path)


def code(value: str, scheme: str, meaning: str = "Meaning") -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return ds


def values(kind: str, text: str) -> dict[str, object]:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4.6"
    return {
        "TEXT": {"TextValue": text},
        "PNAME": {"PersonName": f"{text}^Kent"},
        "DATE": {"Date": "20110523"},
        "TIME": {"Time": "101500"},
        "DATETIME": {"DateTime": "20110523101500"},
        "UIDREF": {"UID": "1.2.3.4.5"},
        "NUM": {"MeasuredValueSequence": [measured("42", "1")]},
        "CODE": {"ConceptCodeSequence": [code("F", "DCM")]},
    }.get(kind, {} if kind == "CONTAINER" else {"ReferencedSOPSequence": [reference]})


def item(kind: str, concept: Dataset, *below: Dataset, text: str = "Zacharias") -> Dataset:
    """A content item with a value of its type."""
    ds = Dataset()
    ds.RelationshipType, ds.ValueType, ds.ConceptNameCodeSequence = "CONTAINS", kind, [concept]
    for keyword, value in values(kind, text).items():
        setattr(ds, keyword, value)
    if below:
        ds.ContentSequence = list(below)
    return ds


def measured(number: str, unit: str) -> Dataset:
    ds = Dataset()
    ds.NumericValue, ds.MeasurementUnitsCodeSequence = number, [code(unit, "UCUM")]
    return ds


def sr(*items: Dataset) -> bytes:
    ds = report(person(0))
    ds.ContentSequence = Sequence(items)
    return encode(ds)


def row_item(row: dict[str, str]) -> Dataset:
    scheme = row["Coding Scheme Designator"].split()[0]
    return item(row["Value Type"], code(row["Code Value"], scheme, row["Code Meaning"][:64]))


def expected(row: dict[str, str], labels: tuple[str, ...]) -> str:
    cells = [row[BY_LABEL[label].column] for label in labels if row.get(BY_LABEL[label].column)]
    return ("C" if "C" in cells else cells[0]) if cells else row["Basic Prof."]


def key(ds: Dataset) -> tuple[str, str, str]:
    concept = ds.ConceptNameCodeSequence[0]
    return concept.CodeValue, concept.CodingSchemeDesignator, ds.ValueType


def all_items(ds: Dataset) -> Iterator[Dataset]:
    for one in ds.get("ContentSequence", []):
        yield one
        yield from all_items(one)


@pytest.mark.parametrize("choice", OPTIONS)
def test_every_row_of_the_table_is_obeyed(lab: Laboratory, tmp_path: Path, choice: str) -> None:
    output = lab.clean(sr(*map(row_item, TABLE)), profile(tmp_path, *OPTIONS[choice]))
    left = {key(ds): ds for ds in all_items(dcmread(BytesIO(output.data)))}
    for row in TABLE:
        action = expected(row, OPTIONS[choice])
        ds = left.get(key(row_item(row)))
        assert (ds is None) == (action == "X"), row
        if ds is None:
            continue
        if row["Value Type"] in ("TEXT", "PNAME") and action in ("D", "X/D"):
            assert str(ds.get("TextValue", ds.get("PersonName"))) == "REMOVED", row
        if row["Value Type"] == "UIDREF":
            assert IDENTITY.uid("1.2.3.4.5") == ds.UID
        if row["Value Type"] in ("IMAGE", "COMPOSITE", "WAVEFORM"):
            assert ds.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == IDENTITY.uid("1.2.3.4.6")
        if row["Value Type"] in ("DATE", "DATETIME"):
            moved = str(ds.get("Date", ds.get("DateTime")))
            assert moved.startswith("19000101") or (action == "C" and not moved.startswith("20110523")), row
    assert b"Zacharias^Kent" not in output.data
    assert audited(output) == set()


def test_a_retired_code_means_what_the_new_one_means(lab: Laboratory, tmp_path: Path) -> None:
    for retired in rows("dicom/retired_codes.csv"):
        row = next(row for row in TABLE if row["Code Value"] == retired["code"])
        old = item(row["Value Type"], code(retired["retired_code"], retired["retired_scheme"]))
        new = row_item(row)
        output = lab.clean(sr(old, new), profile(tmp_path))
        kept = len(dcmread(BytesIO(output.data)).get("ContentSequence", []))
        assert kept in (0, 2)
        assert (kept == 0) == (row["Basic Prof."] == "X")


def test_an_item_that_goes_takes_what_is_below_it_along(lab: Laboratory, tmp_path: Path) -> None:
    below = item("TEXT", code("1", "99X"), text="Lesion in liver")
    output = lab.clean(sr(item("TEXT", code("121022", "DCM"), below)), profile(tmp_path))
    assert not list(all_items(dcmread(BytesIO(output.data))))


def test_concepts_no_table_lists_are_cleaned_by_their_values(lab: Laboratory, tmp_path: Path) -> None:
    items = (
        item("TEXT", code("1", "99X"), text="Lesion in liver, seen by Dr Zacharias Kent"),
        item("PNAME", code("2", "99X")),
        item("UIDREF", code("3", "99X")),
        item("DATE", code("4", "99X")),
        item("CONTAINER", code("5", "99X"), item("NUM", code("6", "99X"))),
    )
    output = lab.clean(sr(*items), profile(tmp_path, *OPTIONS["all"]))
    text, name, uid, date, container = dcmread(BytesIO(output.data)).ContentSequence
    assert text.TextValue.startswith("Lesion in liver, seen by")
    assert "Zacharias" not in text.TextValue
    assert str(name.PersonName) == "REMOVED"
    assert IDENTITY.uid("1.2.3.4.5") == uid.UID
    assert date.Date not in ("20110523", "19000101")
    assert container.ContentSequence[0].MeasuredValueSequence[0].NumericValue == 42


def reference(*numbers: int) -> Dataset:
    ds = Dataset()
    ds.RelationshipType, ds.ReferencedContentItemIdentifier = "SELECTED FROM", list(numbers)
    return ds


def test_references_between_items_follow_them_and_go_with_them(lab: Laboratory, tmp_path: Path) -> None:
    gone = item("TEXT", code("121022", "DCM"))
    holder = item("CONTAINER", code("5", "99X"), reference(1, 3), reference(1, 1), reference(1, 4, 1))
    kept = item("NUM", code("6", "99X"), text="kept")
    deep = item("CONTAINER", code("7", "99X"), item("NUM", code("8", "99X")))
    output = lab.clean(sr(gone, holder, kept, deep), profile(tmp_path))
    first, *_ = dcmread(BytesIO(output.data)).ContentSequence
    assert [list(ds.ReferencedContentItemIdentifier) for ds in first.ContentSequence] == [[1, 2], [1, 3, 1]]


@pytest.mark.parametrize("number", ["90", "93", "104.5"])
def test_an_age_above_89_years_is_one_category_in_reports_too(lab: Laboratory, number: str) -> None:
    ages = []
    for concept in (code("121033", "DCM"), code("397669002", "SCT")):
        age = item("NUM", concept)
        age.MeasuredValueSequence = [measured(number, "a")]
        ages.append(age)
    other = item("NUM", code("1", "99X"))
    other.MeasuredValueSequence = [measured(number, "a")]
    output = lab.clean(sr(*ages, other), "tcia")
    values = [ds.MeasuredValueSequence[0].NumericValue for ds in dcmread(BytesIO(output.data)).ContentSequence]
    assert values == [90, 90, float(number)]
    assert audited(output) == set()


def test_acquisition_context_and_specimen_steps_are_content_too(lab: Laboratory, tmp_path: Path) -> None:
    ds = small(person(0), modality="MR")
    accession = item("TEXT", code("121022", "DCM"))
    ds.AcquisitionContextSequence = [accession, item("TEXT", code("1", "99X"), text="resting")]
    specimen, step = Dataset(), Dataset()
    step.SpecimenPreparationStepContentItemSequence = [item("PNAME", code("1", "99X")), item("NUM", code("2", "99X"))]
    specimen.SpecimenIdentifier, specimen.SpecimenPreparationSequence = "S", [step]
    ds.SpecimenDescriptionSequence = [specimen]
    output = lab.clean(encode(ds), profile(tmp_path))
    cleaned = dcmread(BytesIO(output.data))
    assert [one.TextValue for one in cleaned.AcquisitionContextSequence] == ["resting"]
    assert audited(output) == set()
    assert b"Zacharias" not in output.data


def test_without_the_option_the_tree_of_a_report_is_replaced(lab: Laboratory) -> None:
    output = lab.clean(sr(item("TEXT", code("1", "99X"), text="Lesion in liver")), "basic")
    assert dcmread(BytesIO(output.data)).ContentSequence[0].TextValue == "REMOVED"


def test_the_audit_sees_content_that_had_to_go_or_to_be_replaced(lab: Laboratory, tmp_path: Path) -> None:
    output = lab.clean(sr(item("NUM", code("1", "99X"))), profile(tmp_path))

    def put_back(*items: Dataset) -> set[tuple[str, str, str]]:
        return tampered(output, tmp_path, lambda ds: setattr(ds, "ContentSequence", list(items)))

    gone, replaced = item("TEXT", code("121022", "DCM")), item("PNAME", code("121008", "DCM"))
    old = item("NUM", code("121033", "DCM"))
    old.MeasuredValueSequence = [measured("93", "a")]
    assert ("(0040,A730)", "content_not_removed", "forbidden_content") in put_back(gone)
    assert ("(0040,A730)", "content_not_replaced", "forbidden_content") in put_back(replaced)
    assert ("(0040,A730)", "age_over_89", "forbidden_content") in put_back(old)
