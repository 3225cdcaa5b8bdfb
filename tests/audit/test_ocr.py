"""Tesseract as a reader of pages."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from deid_platform.audit.ocr import Word, read_words
from deid_platform.audit.pages import Page, Preparation
from deid_platform.errors import DeidError
from deid_platform.model import Reason
from deid_platform.tesseract import tesseract_version


def page(text: str = "", scale: float = 2.0, left: float = 100.0) -> Page:
    canvas = Image.new("L", (400, 100), 255)
    ImageDraw.Draw(canvas).text((40, 30), text, fill=0, font=ImageFont.load_default(32))
    return Page(np.asarray(canvas), Preparation.PLAIN, scale, left, 0.0)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of the name that Tesseract has, which comes first on the path."""
    program = tmp_path / "tesseract"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


def script(program: Path, lines: str) -> None:
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{lines}\n")
    program.chmod(0o755)


def test_words_come_page_by_page_with_their_place_in_the_frame() -> None:
    first, nothing, last = read_words([page("SMITH"), page(), page("ANDERSSON", scale=1.0, left=-10.0)])
    assert ([word.text for word in first], nothing) == (["SMITH"], [])
    assert [word.text for word in last] == ["ANDERSSON"]
    assert first[0].confidence > 80
    assert 100 + 15 < first[0].left < 100 + 25
    assert first[0].right > 100 + 60
    assert 25 < last[0].left < 40


def test_no_page_needs_no_program(stand_in: Path) -> None:
    script(stand_in, "exit 1")
    assert read_words([]) == []


def test_a_word_does_not_show_its_text() -> None:
    assert "SMITH" not in repr(Word("SMITH", 90, 0, 0, 1, 1))


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    read_words([page("SMITH")])
    assert not list(tmp_path.iterdir())


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeidError, match="Tesseract is not installed"):
        read_words([page()])


@pytest.mark.parametrize("lines", ["exit 3", "kill -9 $$", "exit 0", "printf 'level\\n1\\t1\\n'"])
def test_a_program_that_fails_or_leaves_a_page_out_is_an_error(stand_in: Path, lines: str) -> None:
    script(stand_in, lines)
    with pytest.raises(DeidError, match="Tesseract") as caught:
        read_words([page("SMITH"), page("SMITH")])
    assert caught.value.reason is Reason.INTERNAL_ERROR


def test_each_process_works_on_one_thread(stand_in: Path) -> None:
    script(stand_in, "printf 'level\\n1\\t1\\n'; test \"$OMP_THREAD_LIMIT\" = 1")
    assert read_words([page()]) == [[]]


def test_the_version_names_program_library_and_language_data() -> None:
    version = tesseract_version()
    assert version.startswith("tesseract 5")
    assert "leptonica" in version
    assert len(version.rsplit(" ", 1)[1]) == 64
