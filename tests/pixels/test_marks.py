"""Which marks stay under a policy that keeps them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deid_platform.audit import marks as audit
from deid_platform.pixels.marks import is_mark, without_marks
from deid_platform.pixels.masks import CELL, Mask
from deid_platform.pixels.reading import Reader

READER = Reader()
ROWS, COLUMNS = 400, 480
Word = tuple[int, int, str]


def picture(*words: Word, size: int = 28) -> tuple[NDArray[np.uint8], Mask]:
    """Words at columns and rows on a dark gradient, and a mask with a margin around each."""
    ramp = np.add.outer(np.arange(ROWS) // 8, np.arange(COLUMNS) // 8).astype(np.uint8)
    canvas = Image.fromarray(ramp + np.uint8(20))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size)
    masked = np.zeros((ROWS, COLUMNS), np.bool_)
    for left, top, text in words:
        draw.text((left, top), text, 240, font)
        box = [int(edge) for edge in draw.textbbox((left, top), text, font)]
        masked[max(box[1] - 6, 0) : box[3] + 6, max(box[0] - 6, 0) : box[2] + 6] = True
    cells = masked.reshape(ROWS // CELL, CELL, COLUMNS // CELL, CELL).any(axis=(1, 3))
    return np.asarray(canvas), Mask.of(cells, ROWS, COLUMNS)


def kept(*words: Word, size: int = 28, most: int = 64) -> tuple[int, bool]:
    """How many marks stay, and whether anything goes."""
    shown, mask = picture(*words, size=size)
    left, count, _ = without_marks(mask, shown, READER, most)
    return count, left is not None


def spread(*texts: str) -> list[Word]:
    """Words in two columns, none beside or near another."""
    return [(20 + 240 * (n % 2), 10 + 60 * (n // 2), text) for n, text in enumerate(texts)]


def test_marks_that_stand_alone_stay() -> None:
    assert kept(*spread("R", "PA", "LAT", "RCC", "LMLO", "120 kV")) == (6, False)


def test_anything_else_goes() -> None:
    assert kept(*spread("KENT", "ROSE", "R KENT", "Q", "RMLX", "120 kVx", "1204171", "M", "RR")) == (0, True)


def test_a_mark_goes_with_what_stands_beside_it() -> None:
    assert kept((20, 60, "PA"), (76, 60, "KENT")) == (0, True)
    assert kept((20, 60, "PA"), (200, 60, "KENT")) == (1, True)
    assert kept((20, 10, "PA"), (20, 100, "KENT")) == (1, True)


def test_no_more_is_read_than_is_allowed() -> None:
    assert kept((20, 10, "PA"), (20, 100, "RCC"), most=1) == (1, True)
    assert kept((20, 10, "PA"), (20, 100, "RCC"), most=0) == (0, True)


def test_a_flat_mask_has_no_mark() -> None:
    shown, mask = picture((40, 60, "R"))
    assert without_marks(mask, np.zeros_like(shown), READER) == (mask, 0, 0)


def test_what_was_read_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    shown, mask = picture((40, 60, "PA"))
    first = without_marks(mask, shown, reader)
    monkeypatch.setattr("deid_platform.pixels.reading.word_rows", lambda pages, psm: [[]] * len(pages))
    assert without_marks(mask, shown, reader) == first


@pytest.mark.parametrize(
    ("text", "harmless"),
    [("L", True), ("RMLO", True), ("5 mm", True), ("2,5cm", True), ("-12 dB", True), ("15°", True), ("l", False),
     ("R L", False), ("12345 mm", False), ("mm", False), ("5", False), ("5 mm KENT", False), ("", False)],
)  # fmt: skip
def test_cleaner_and_auditor_agree_on_the_list(text: str, harmless: bool) -> None:
    assert (is_mark(text), audit.is_mark(text)) == (harmless, harmless)
