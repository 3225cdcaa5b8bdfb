"""The judge of cleaned spectroscopy files: it knows technical keys by a pattern of its own, and mistrusts all others.

Whatever the original says under another key must not be met in the output, and the samples must be the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deid_platform.audit.needles import plain
from deid_platform.freetext import word_list
from deid_platform.identity import Identity
from deid_platform.model import Finding, Reason
from deid_platform.policy import Option, Policy

_MARK = b">>> End of header <<<"
_HEADER_BYTES = 1 << 20
_PIECE = 1 << 17
_TECHNICAL = re.compile(
    r"T[REMI]|(?:Dwell|Echo|Num|MRFreq|MagneticField|Flip|Vector|CSI|Hamming|Transmit|Slice|Slab|Position|Row|Column|"
    r"VOI|FoV|Percent|Pixel|Nucleus|Frequency|PatientPosition|SeriesNumber|InstanceNumber|AcquisitionNumber|"
    r"Model|Software|Sequence)[\w\[\]]*"
)
_BODY = ("PatientSex", "PatientAge", "PatientWeight")
_OWN = ("PatientName", "PatientID")
_WORD = re.compile(r"[^\W_]+")
_DAY = re.compile(r"(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?!\d)")
_LEAST, _LEAST_DIGITS = 4, 5
_COMMON = frozenset("anonymous anonymized unknown none null test patient phantom removed".split())


def audit_file(item: str, source: Path, output: Path, policy: Policy, identity: Identity) -> Iterator[Finding]:
    """What of the original is left in the output."""
    try:
        hits = sorted(set(_hits(source, output, policy, identity)))
    except Exception:  # noqa: BLE001 - what cannot be read is not fit for release
        hits = ["unreadable"]
    for kind in hits:
        yield Finding(item, "header", kind, str(Reason.RESIDUAL_IDENTIFIER))


def _hits(source: Path, output: Path, policy: Policy, identity: Identity) -> Iterator[str]:
    before, after = _lines(source), _lines(output)
    written = plain("\n".join(after.values()))
    for key, value in after.items():
        if not _TECHNICAL.fullmatch(key) and key not in before:
            yield "key"
        if not value.isascii() or len(value) > 64:
            yield "text"
    if any(_stands_in(word, written) for word in _needles(before, after)):
        yield "value"
    if _dates_left(before, after, policy):
        yield "date"
    if Option.RETAIN_PATIENT_CHARACTERISTICS not in policy.options and any(after.get(key) for key in _BODY):
        yield "characteristic"
    number = before.get("PatientID", "")
    if number and after.get("PatientID") != identity.pseudonym(identity.subject(number, "")).patient_id:
        yield "no_pseudonym"


def _lines(path: Path) -> dict[str, str]:
    """Values by key, read as Latin-1. Raises ValueError where there is no header."""
    with path.open("rb") as file:
        text, mark, _ = file.read(_HEADER_BYTES).partition(_MARK)
    if not mark:
        raise ValueError("no header")
    split = (line.partition(":") for line in re.split(r"\r\n|\r|\n", text.decode("latin-1"))[1:])
    return {key.strip(): value.strip() for key, _, value in split if key.strip() or value.strip()}


def _needles(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Words and long numbers under keys that are not technical, less those that the pseudonym happens to hold."""
    own = plain(" ".join(after.get(key, "") for key in _OWN))
    found = set()
    for key, value in before.items():
        if _TECHNICAL.fullmatch(key) or key in _BODY or key.endswith(("Date", "Time")):
            continue
        for word in _WORD.findall(plain(f"{value} {key if key not in after else ''}")):
            least = _LEAST_DIGITS if word.isdigit() else _LEAST
            if len(word) >= least and word not in _COMMON and not _stands_in(word, own):
                found.add(word)
    # A scanner may be called like a person: Vida, Sola, Terra.
    return found - word_list("clinical_words") - set(_WORD.findall(plain(after.get("ModelName", ""))))


def _stands_in(word: str, text: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text) is not None


def _dates_left(before: dict[str, str], after: dict[str, str], policy: Policy) -> bool:
    """Whether a day of the original stays that the policy does not keep, or a birth date, or any time it removes."""
    times = [value for key, value in after.items() if key.endswith(("Date", "Time")) and key != "DwellTime"]
    if after.get("PatientBirthDate") or (policy.dates == "remove" and any(times)):
        return True
    days = {day for value in before.values() for day in _DAY.findall(value)}
    if policy.dates == "year":
        days = {day for day in days if not day.endswith("0101")}  # what others become
    return policy.dates != "keep" and bool(days & set(_DAY.findall(" ".join(after.values()))))


def altered_samples(source: Path, output: Path) -> Iterator[tuple[str, str]]:
    """Whether any complex number behind the header differs, or their count."""
    try:
        found = [] if _same(_samples(source), _samples(output)) else [("samples", "altered")]
    except Exception:  # noqa: BLE001 - what cannot be mapped cannot be compared
        found = [("samples", "not_compared")]
    yield from found


def _samples(path: Path) -> NDArray[np.uint64]:
    """The bits of all numbers, mapped and not loaded."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    at = head.index(b"\n", head.index(_MARK)) + 1
    return np.memmap(path, dtype="<u8", mode="r", offset=at)


def _same(before: NDArray[np.uint64], after: NDArray[np.uint64]) -> bool:
    pieces = range(0, len(before), _PIECE)
    return len(before) == len(after) and all(np.array_equal(before[at : at + _PIECE], after[at : at + _PIECE])
                                             for at in pieces)  # fmt: skip
