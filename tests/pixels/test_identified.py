"""Which texts say who the subject is."""

from __future__ import annotations

from datetime import date

import pytest

from deid_platform.pixels.identified import Known

KNOWN = Known(
    frozenset({"hartmannsweiler", "zacharias", "lee", "bo"}), frozenset({"mrn-00417-55", "12"}),
    frozenset({date(1957, 3, 9)}),
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "ZACHARIAS", "Zachar1as, 67 Y", "Z. HARTMANNSWElLER", "Hartmannsweller", "LEE 512x512", "MRN: 00417-55",
        "ID MRNO041755", "09.03.1957", "DOB 1957/03/09", "03/09/1957", "ZACHARlAS\nGE MEDICAL",
    ],
)  # fmt: skip
def test_what_says_an_identifier_is_seen_through_mistakes_of_reading(text: str) -> None:
    assert KNOWN.said_in(text)


@pytest.mark.parametrize(
    "text", ["", "120 kV", "Zach", "HEAD 5.0 mm", "SAGITTAL LEG", "1957", "12", "BO", "LEEDS", "WL 417 WW 55"]
)
def test_other_texts_do_not(text: str) -> None:
    assert not KNOWN.said_in(text)


def test_what_is_known_is_not_represented() -> None:
    assert "zacharias" not in repr(KNOWN)
    assert not Known().said_in("ZACHARIAS 1957-03-09")
