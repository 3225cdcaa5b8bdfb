"""Tesseract as a program: one process for many pages, fed and read through pipes.

Nothing of a patient is written to disk, where a killed worker would leave it. What is read, and what a reading proves,
is up to the callers: the pixel stage reads marks, the gate reads what is left.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deid_platform.errors import DeidError
from deid_platform.model import Reason

_PROGRAM = "tesseract"
_LANGUAGE = "eng"
_LSTM = "1"
"""The engine that does not adapt to what it read on the pages before."""
_SETTINGS = ("tessedit_create_tsv=1", "tessedit_create_txt=0")
_PAGE_ROW, _WORD_ROW = "1", "5"
_SECONDS = 900


def word_rows(images: Sequence[NDArray[np.uint8]], psm: int, *settings: str) -> list[list[list[str]]]:
    """Read 8-bit grey images, shape (rows, columns), in one process; give the cells of the words of each.

    Cells 6 to 9 are left, top, width and height in pixels, 10 is the confidence (0 to 100), 11 the text. ``psm`` is
    Tesseract's page segmentation mode; ``settings`` are "name=value".

    Raises
    ------
    DeidError
        Tesseract is not installed, fails, or leaves a page out.
    """
    if not images:
        return []
    options = [part for setting in (*settings, *_SETTINGS) for part in ("-c", setting)]
    command = ["-l", _LANGUAGE, "--oem", _LSTM, "--psm", str(psm), "--dpi", "150", *options]
    table = _run(command, _tiff(images), "-", "-").decode("utf-8", "replace")
    words: list[list[list[str]]] = [[] for _ in images]
    read = 0
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        read += cells[0] == _PAGE_ROW
        if cells[0] == _WORD_ROW:
            words[int(cells[1]) - 1].append(cells)
    if read != len(images):
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


def _tiff(images: Sequence[NDArray[np.uint8]]) -> bytes:
    first, *others = map(Image.fromarray, images)
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()
