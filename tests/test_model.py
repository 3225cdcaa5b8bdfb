from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from deid_platform.model import REMEDIES, Change, Entry, Finding, Reason, Severity, Stage, Status

ENTRY = Entry("ABCD", Status.PASSED, "x", 1, "0" * 64)


def test_every_reason_has_a_remedy_that_is_a_sentence() -> None:
    assert set(REMEDIES) == set(Reason)
    assert all(text[0].isupper() and text.endswith(".") and len(text) < 120 for text in REMEDIES.values())


def test_codes_are_plain_words_so_that_tables_can_be_queried() -> None:
    codes = [*Reason, *Stage, *Status, *Severity]
    assert all(str(code) == code.value and code.value.replace("_", "").isalpha() for code in codes)
    assert list(Stage) == ["raw", "scrubbed", "pixel_cleaned", "released"]


def test_an_entry_passes_until_something_refuses_it() -> None:
    assert ENTRY.passed
    assert not Entry("ABCD", Status.QUARANTINED, "", 0, "").passed


@pytest.mark.parametrize("value", [ENTRY, Change("(0010,0010)", "X", "rule"), Finding("ABCD", "", "text", "ocr")])
def test_values_cannot_be_changed_and_take_no_further_attributes(value: object) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, "other")  # type: ignore[arg-type]
    with pytest.raises((FrozenInstanceError, TypeError)):
        value.extra = 1  # type: ignore[attr-defined]


def test_changes_and_findings_have_an_order() -> None:
    assert sorted([Change("b", "X", "r"), Change("a", "Z", "r"), Change("a", "X", "r")])[0] == Change("a", "X", "r")
    assert sorted([Finding("B", "", "", ""), Finding("A", "z", "", "")])[0].item == "A"
