from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from deid_platform.errors import MalformedFile
from deid_platform.formats.mrxs.images import cleaned
from tests.builders.mirax import tile

NOTE = b"DOE JANE S20-4711"


def shown(data: bytes) -> object:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).tolist()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP24"])
def test_an_image_shows_the_same_without_its_notes_at_the_same_length(form: str) -> None:
    data = tile(form, 5, NOTE)
    new = cleaned(form, data)
    assert NOTE not in new
    assert len(new) == len(data)
    assert shown(new) == shown(data)
    assert cleaned(form, new) == new


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP24"])
def test_an_image_that_does_not_end_is_refused(form: str) -> None:
    data = tile(form, 5, b"x")
    for end in (0, 1, 3, 10, 60, len(data) // 2, len(data) - 20):
        with pytest.raises(MalformedFile):
            cleaned(form, data[:end])


def test_paddings_of_rows_and_unused_numbers_of_a_bitmap_are_zero() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (3, 2), (1, 2, 3)).save(stream, "BMP", dpi=(300, 300))
    data = bytearray(stream.getvalue())
    data[6:10] = b"DOE!"
    data[54 + 9 : 54 + 12] = b"DOE"
    new = cleaned("BMP24", bytes(data))
    assert b"DOE" not in new
    assert shown(new) == shown(bytes(data))
    assert new[38:54] == bytes(16)
