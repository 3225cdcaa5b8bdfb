from __future__ import annotations

import pytest

from deid_platform.dictionary import public_vr
from deid_platform.formats.dicom.products import is_plain_number, names_product
from deid_platform.policy import Action, load_policy

MANUFACTURER, MODEL, VERSIONS, INSTITUTION = 0x00080070, 0x00081090, 0x00181020, 0x00080080


def test_only_attributes_that_the_standard_keeps_name_products() -> None:
    assert all(map(names_product, (MANUFACTURER, MODEL, VERSIONS)))
    assert not names_product(INSTITUTION)
    basic = load_policy("basic")
    products = [tag for tag in range(0x00080000, 0x00190000) if names_product(tag)]
    assert len(products) >= 6
    assert all(public_vr(tag) == "LO" for tag in products)
    assert {basic.rule(tag, "LO").source for tag in products} == {"unlisted LO: free text"}
    assert all(basic.rule(tag, "LO").action is Action.CLEAN for tag in products)


@pytest.mark.parametrize("value", [b"27447002", b" 12 ", b"1\0", b"99999999"])
def test_a_number_is_plain(value: bytes) -> None:
    assert is_plain_number(value)


@pytest.mark.parametrize("value", [b"", b"20210312", b"20210312101530", b"12.5", b"A12", b"1" * 21, b"12 13"])
def test_a_date_a_text_and_a_very_long_number_are_not(value: bytes) -> None:
    assert not is_plain_number(value)
