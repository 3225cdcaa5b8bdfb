from __future__ import annotations

import pytest

from deid_platform.dictionary import keyword, keyword_of, private_vr, public_vr, tag_text


@pytest.mark.parametrize(
    ("tag", "vr"),
    [(0x00100010, "PN"), (0x7FE00010, "OW"), (0x00280106, "US"), (0x00283006, "OW"), (0x00100011, None)],
)
def test_the_vr_of_a_public_attribute_is_one_vr_even_where_others_may_be_used(tag: int, vr: str | None) -> None:
    assert public_vr(tag) == vr


def test_the_vr_of_a_private_element_depends_on_its_creator() -> None:
    assert private_vr(0x0019100C, "SIEMENS MR HEADER") == "IS"
    assert private_vr(0x0019100C, "NOBODY") is None


def test_attributes_have_keywords_and_unknown_ones_none() -> None:
    assert keyword(0x00100010) == "PatientName"
    assert keyword(0x00100011) == ""


def test_what_a_change_was_made_to_has_a_keyword_if_it_is_an_attribute() -> None:
    assert keyword_of("(0010,0010)") == "PatientName"
    assert [keyword_of(target) for target in ("(0010,0011)", "SLIDE_ID", "tags", "images", "")] == [""] * 5


def test_tags_are_written_as_the_standard_writes_them() -> None:
    assert tag_text(0x0010001A) == "(0010,001A)"
    assert tag_text(0x7FE00010) == "(7FE0,0010)"
