"""Tesseract as a reader of pages. It is run as a program, one process for many pages, fed and read through pipes:
nothing of a patient is written to disk, where a killed worker would leave it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from PIL import Image

from deid_platform.audit.pages import Page
from deid_platform.errors import DeidError
from deid_platform.model import Reason

_PROGRAM = "tesseract"
_LANGUAGE = "eng"
# Sparse text in no order; thresholds found locally (Sauvola), because text lies on tissue of every brightness.
_OPTIONS = ("-l", _LANGUAGE, "--psm", "11", "--dpi", "150")
_SETTINGS = ("thresholding_method=2", "tessedit_create_tsv=1", "tessedit_create_txt=0")
_PAGE_ROW, _WORD_ROW = "1", "5"
_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Word:
    """Characters read in one place: confidence 0 to 100, box in pixels of the frame. The text is not represented."""

    text: str = field(repr=False)
    confidence: float
    left: float
    top: float
    right: float
    bottom: float


def read_words(pages: Sequence[Page]) -> list[list[Word]]:
    """Read pages, in one process; return the words of each.

    Raises
    ------
    DeidError
        Tesseract is not installed, fails, or leaves a page out.
    """
    if not pages:
        return []
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    table = _run([*_OPTIONS, *settings], _tiff(pages), "-", "-").decode("utf-8", "replace")
    words: list[list[Word]] = [[] for _ in pages]
    read = 0
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        read += cells[0] == _PAGE_ROW
        if cells[0] == _WORD_ROW:
            number = int(cells[1]) - 1
            words[number].append(_word(cells, pages[number]))
    if read != len(pages):
        raise DeidError("Tesseract did not read every page: check its installation.")
    return words


@cache
def tesseract_version() -> str:
    """Version of Tesseract, of its image library, and sha-256 of its language data: all that decides what it reads.

    Raises
    ------
    DeidError
        Tesseract or its English data are not installed.
    """
    versions = " ".join(_run([], b"", "--version").decode("utf-8", "replace").split("\n")[:2])
    languages = _run([], b"", "--list-langs").decode("utf-8", "replace")
    folder = re.search(r'"(.+)"', languages.split("\n")[0])
    data = Path(folder[1] if folder else "") / f"{_LANGUAGE}.traineddata"
    try:
        with data.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise DeidError("Tesseract has no English data: install tesseract-ocr-eng.") from None
    return f"{' '.join(versions.split())} {_LANGUAGE} {digest}"


def _run(options: list[str], data: bytes, *first: str) -> bytes:
    """Run the program on one thread, so that workers do not fight for processors; return what it prints."""
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            [_PROGRAM, *first, *options],
            input=data,
            capture_output=True,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise DeidError(
            "Tesseract is not installed: install tesseract-ocr, version 5, with its English data."
        ) from None
    except subprocess.TimeoutExpired:
        raise DeidError("Tesseract did not finish in time: have the object looked at.", Reason.TIMED_OUT) from None
    if done.returncode:
        raise DeidError(f"Tesseract failed with exit status {done.returncode}: check its installation.")
    return done.stdout


def _tiff(pages: Sequence[Page]) -> bytes:
    first, *others = (Image.fromarray(page.image) for page in pages)
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


def _word(cells: list[str], page: Page) -> Word:
    left, top, width, height = (int(cell) / page.scale for cell in cells[6:10])
    left, top = left + page.left, top + page.top
    return Word(cells[11], float(cells[10]), left, top, left + width, top + height)
