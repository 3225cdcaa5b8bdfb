"""The header of an .rda file, taken apart and checked against the samples that follow it.

Source: no standard describes the format; spant, suspect and FID-A read lines of ``Key: value`` between two marks, and
behind them little-endian pairs of 64-bit floating point numbers, ``VectorSize`` times ``CSIMatrixSize`` of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason

BEGIN, END = b">>> Begin of header <<<", b">>> End of header <<<"
LONGEST = 1 << 18
"""Bytes of a header: real ones have about 2500."""
SAMPLE_BYTES = 16
_LINE = re.compile(r"([A-Za-z][A-Za-z0-9]*(?:\[(?:\d{1,2}|\d{1,3}[A-Z][A-Za-z]?)\])?)[ \t]*:(.*)")
_END = re.compile(rb"^" + re.escape(END) + rb"[ \t]*\r?\n", re.MULTILINE)
_SIZES = ("VectorSize", "CSIMatrixSize[0]", "CSIMatrixSize[1]", "CSIMatrixSize[2]")
_SIZE = re.compile(r"[1-9]\d{0,6}")


@dataclass(frozen=True, slots=True)
class Header:
    """Values by key in the order of the file: PHI, not to be shown.

    ``strange`` counts lines without a key, ``offset`` is where samples begin.
    """

    values: dict[str, str] = field(repr=False)
    strange: int
    offset: int
    newline: bytes

    @property
    def samples(self) -> int:
        """Complex samples that follow. Raises MalformedFile when the header does not tell."""
        sizes = [self.values.get(key, "1" if "[" in key else "") for key in _SIZES]
        if not all(map(_SIZE.fullmatch, sizes)):
            raise MalformedFile("The header of the spectroscopy file does not tell how many samples follow.")
        return prod(map(int, sizes))


def parse(head: bytes) -> Header | None:
    """The header ``head`` begins with; None where it does not end in it. Raises MalformedFile for a key named twice."""
    end = _END.search(head, 0, LONGEST)
    if not head.startswith(BEGIN) or end is None:
        return None
    values: dict[str, str] = {}
    lines = head[len(BEGIN) : end.start()].decode("latin-1").splitlines()
    matches = [_LINE.fullmatch(line) for line in lines if line.strip()]
    for match in filter(None, matches):
        if match[1] in values:
            raise MalformedFile("The header of the spectroscopy file names a key twice.")
        values[match[1]] = match[2].strip()
    newline = b"\r\n" if head.startswith(BEGIN + b"\r\n") else b"\n"
    return Header(values, matches.count(None), end.end(), newline)


def read_header(path: Path) -> Header:
    """The header of a file whose samples are as many as it says.

    Raises
    ------
    MalformedFile
        It has no end, contradicts itself, or there are fewer or more samples.
    """
    with path.open("rb") as file:
        header = parse(file.read(LONGEST))
        size = file.seek(0, 2)
    if header is None:
        raise MalformedFile("The header of the spectroscopy file does not end.", Reason.TRUNCATED)
    behind, wanted = size - header.offset, header.samples * SAMPLE_BYTES
    if behind < wanted:
        raise MalformedFile("The spectroscopy file ends before its samples do.", Reason.TRUNCATED)
    if behind > wanted:
        raise MalformedFile("More follows the samples of the spectroscopy file than its header tells of.")
    return header
