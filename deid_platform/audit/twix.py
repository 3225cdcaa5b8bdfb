"""The judge of cleaned raw data: what the original says of persons, places, devices and times is not in the output.

It reads the whole header as text, without taking it apart as the cleaner does, and compares samples as twixtools reads
them.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deid_platform.model import Finding, Reason
from deid_platform.policy import Option, Policy

_TELLING = (
    rb"[\w.]*(?:patient|birth|loid|serial|institution|physician|operator|accession|memory|registration|studydesc|"
    rb"frameofreference|hostname|comment)\w*"
)
_VALUE = re.compile(
    rb'(?:<Param\w+\."' + _TELLING + rb'">\s*{(?:\s++|[{}]|<\w+>\s*(?:"[^"]*"|[\d.]+))*+|'
    rb"^" + _TELLING + rb'[ \t]*=[ \t]*)"+([^"\r\n]{4,200})"',
    re.IGNORECASE | re.MULTILINE,
)
_UID = re.compile(rb"(?<![\d.])[0-2](?:\.\d+){6,}")
_STAMP = re.compile(rb"(?<!\d)(?:19[89]\d|20[0-4]\d)(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?=\d{6}|_|\"|\D)")
_BLANK = re.compile(rb"[xX*\s.]*")
_LEAST, _LEAST_DIGITS = 5, 5
_TEXT_BYTES = 1 << 28


def audit_file(item: str, source: Path, output: Path, policy: Policy) -> Iterator[Finding]:
    """What of the original is left in the output."""
    try:
        hits = sorted(set(_hits(source, output, policy)))
    except Exception:  # noqa: BLE001 - what cannot be read is not fit for release
        hits = ["unreadable"]
    for kind in hits:
        yield Finding(item, "header", kind, str(Reason.RESIDUAL_IDENTIFIER))


def _hits(source: Path, output: Path, policy: Policy) -> Iterator[str]:
    if source.stat().st_size != output.stat().st_size:
        yield "other_length"
    with source.open("rb") as one, output.open("rb") as other:
        before, after = (mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) for file in (one, other))
        with before, after:
            for kind, needles in _needles(before, policy).items():
                if needles and _pattern(needles).search(after):
                    yield kind


def _pattern(needles: set[bytes]) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![\w.])(?:" + b"|".join(map(re.escape, sorted(needles))) + rb")(?!\w)")


def _needles(data: mmap.mmap, policy: Policy) -> dict[str, set[bytes]]:
    """What must not be met, by kind."""
    found: dict[str, set[bytes]] = {"value": set(), "uid": set(), "date": set()}
    for match in _VALUE.finditer(data):
        value = match[1].strip()
        for part in (value, *re.findall(rb"[^\W_]{5,}", value)):
            if len(part) >= _LEAST and not _BLANK.fullmatch(part) and not _common(part):
                found["value"].add(part)
    if Option.RETAIN_UIDS not in policy.options:
        found["uid"] = set(_UID.findall(data[:_TEXT_BYTES])) - _registered(data)
    if policy.dates not in ("keep", "shift"):
        found["date"] = {stamp for match in _UID.finditer(data) for stamp in _STAMP.findall(match[0])}
    return found


def _common(part: bytes) -> bool:
    return part.lower() in (b"normal", b"default", b"false", b"standard", b"siemens", b"unknown") or part.isspace()


def _registered(data: mmap.mmap) -> set[bytes]:
    return {uid for uid in _UID.findall(data) if uid.startswith(b"1.2.840.10008.")}


def altered_samples(source: Path, output: Path) -> Iterator[tuple[str, str]]:
    """Whether what twixtools reads as samples differs."""
    try:
        found = [] if _same(source, output) else [("samples", "altered")]
    except Exception:  # noqa: BLE001 - whatever twixtools trips over, nobody can say that the samples are the same
        found = [("samples", "not_compared")]
    yield from found


def _same(source: Path, output: Path) -> bool:
    for before, after in zip(_lines(source), _lines(output), strict=True):
        if before.mdh.EvalInfoMask != after.mdh.EvalInfoMask or before.is_image_scan() != after.is_image_scan():
            return False
        if not before.is_flag_set("SYNCDATA") and not np.array_equal(before.data, after.data, equal_nan=True):
            return False
    return True


def _lines(path: Path) -> Iterator[Any]:
    """The lines of all measurements, read when they are asked for."""
    from twixtools import read_twix  # slow to load, and of use for raw data only

    with contextlib.redirect_stdout(io.StringIO()):
        scans = read_twix(str(path), parse_prot=False, parse_pmu=False, parse_geometry=False, verbose=False)
    for scan in scans:
        yield from scan["mdb"]
